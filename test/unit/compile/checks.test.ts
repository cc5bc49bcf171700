import { describe, expect, test } from 'vitest';
import { codes, compiled, onlyProblem, pipeline, problemsOf } from './helpers.ts';

const RUN = 'steps: [{ command: x }]';

describe('names', () => {
  test('a name that is near is suggested', () => {
    expect(onlyProblem(pipeline(`id: extract, ${RUN}`, 'id: b, needs: [extarct]'))).toMatchObject({
      code: 'unknown_node',
      suggestion: 'extract',
      path: 'nodes[1].needs[0]',
    });
    expect(onlyProblem(pipeline('id: a, start_when: x'))).toMatchObject({
      code: 'unknown_key',
      suggestion: 'startWhen',
    });
    expect(
      onlyProblem(
        'id: p\ninputs: { rows: { type: number } }\nnodes: [{ id: a, env: { X: "{{ pipeline.input.row }}" } }]',
      ),
    ).toMatchObject({ code: 'unknown_input', suggestion: 'pipeline.input.rows' });
  });

  test('system, local and forEach variables are known where they are, and nowhere else', () => {
    const node = (rest: string): readonly string[] => codes(pipeline(`id: a, ${rest}, ${RUN}`));
    expect(node('env: { X: "{{ system.run_id }}{{ system.attempt }}" }')).toEqual([]);
    expect(node('env: { X: "{{ system.runid }}" }')).toEqual(['unknown_variable']);
    expect(node('skipWhen: "{{ system.attempt > 1 }}"')).toEqual(['unknown_variable']);
    expect(node('env: { X: "{{ item }}" }')).toEqual(['unknown_variable']);
    expect(node('forEach: [1, 2], env: { X: "{{ item }} {{ index }}" }')).toEqual([]);
    expect(node('forEach: "{{ item }}"')).toEqual(['unknown_variable']);
    expect(node('inputs: { day: 1 }, env: { X: "{{ day }}" }')).toEqual([]);
    expect(node('inputs: { day: 1, next: "{{ day }}" }')).toEqual(['unknown_variable']);
    expect(node('inputs: { day: { x: 1 } }, env: { X: "{{ day.x }}" }')).toEqual([]);
  });

  test('a node with forEach has one output, a join has none', () => {
    const each = `id: a, forEach: [1], ${RUN}`;
    expect(codes(pipeline(each, 'id: b, needs: [a], env: { X: "{{ a.items }}" }'))).toEqual([]);
    expect(
      onlyProblem(pipeline(each, 'id: b, needs: [a], env: { X: "{{ a.rows }}" }')),
    ).toMatchObject({
      code: 'unknown_variable',
      suggestion: 'a.items',
    });
    expect(codes(pipeline('id: a', 'id: b, needs: [a], env: { X: "{{ a.rows }}" }'))).toEqual([
      'unknown_variable',
    ]);
  });

  test('ids follow the rules of expressions, with a proposal', () => {
    expect(onlyProblem(pipeline('id: my-node'))).toMatchObject({
      code: 'bad_id',
      suggestion: 'my_node',
    });
    expect(codes(pipeline('id: 抽取', 'id: b, needs: [抽取]'))).toEqual([]);
    for (const word of [
      'pipeline',
      'system',
      'external',
      'secret',
      'item',
      'index',
      '"true"',
      '"null"',
      '__proto__',
      'constructor',
    ]) {
      expect(codes(pipeline(`id: ${word}`))).toEqual(['reserved_id']);
    }
    expect(codes(pipeline('id: a', 'id: a'))).toEqual(['duplicate_id']);
    expect(codes(pipeline('id: b, needs: [my-node]', 'id: my-node'))).toEqual(['bad_id']);
  });
});

describe('events', () => {
  const on = (condition: string): readonly string[] =>
    codes(pipeline(`id: a, ${RUN}`, `id: ab, ${RUN}`, `id: b, startWhen: "${condition}"`));

  test('of nodes, from outside, and of the beginning are known', () => {
    for (const condition of [
      'event:a.completed',
      'event:a.retrying',
      'event:*.failed',
      'event:a*.completed',
      'event:external.go',
      'event:pipeline.started',
      '!event:*.failed',
    ]) {
      expect(on(condition), condition).toEqual([]);
    }
  });

  test('what nothing raises is a problem', () => {
    expect(on('event:a.succeeded')).toEqual(['unknown_event']);
    expect(on('event:a.approved')).toEqual(['unknown_event']);
    expect(on('event:x.completed')).toEqual(['unknown_node']);
    expect(on('event:x*.completed')).toEqual(['unknown_event']);
    expect(on('event:b*.completed')).toEqual(['unknown_event']);
    expect(on('event:pipeline.completed')).toEqual(['unknown_event']);
    expect(on('event:external.*')).toEqual(['unknown_event']);
  });

  test('an event from outside has no place in skipWhen', () => {
    expect(codes(pipeline('id: a, skipWhen: event:external.go'))).toEqual(['external_in_skip']);
    expect(codes(pipeline('id: a, stopWhen: event:external.go'))).toEqual([]);
  });
});

describe('cycles', () => {
  test.each([
    ['needs', ['id: a, needs: [b]', 'id: b, needs: [a]'], 'a → b → a'],
    [
      'events',
      ['id: a, startWhen: event:b.failed', 'id: b, startWhen: event:a.failed'],
      'a → b → a',
    ],
    ['negated events', ['id: a, startWhen: "!event:b.failed"', 'id: b, needs: [a]'], 'a → b → a'],
    [
      'terms',
      [`id: a, startWhen: "{{ b.x > 1 }}", ${RUN}`, `id: b, needs: [a], ${RUN}`],
      'a → b → a',
    ],
    ['itself', ['id: a, needs: [a]'], 'a → a'],
    ['three', ['id: a, needs: [c]', 'id: b, needs: [a]', 'id: c, needs: [b]'], 'a → c → b → a'],
  ])('through %s are printed as a chain', (_, nodes, chain) => {
    const problem = onlyProblem(pipeline(...nodes));
    expect(problem.code).toBe('cycle');
    expect(problem.message).toContain(chain);
  });

  test('wildcards and stopWhen make none', () => {
    expect(
      codes(
        pipeline(
          'id: notify, startWhen: event:*.failed',
          'id: publish, startWhen: "!event:*.failed"',
        ),
      ),
    ).toEqual([]);
    expect(
      codes(pipeline('id: a, stopWhen: event:b.completed', 'id: b, startWhen: event:a.started')),
    ).toEqual([]);
  });
});

describe('what a binding may count on', () => {
  const bind = (start: string, expression = 'a.x', ...more: readonly string[]): readonly string[] =>
    codes(
      pipeline(
        `id: a, ${RUN}`,
        `id: b, ${start}, ${RUN}, env: { X: "{{ ${expression} }}" }`,
        ...more,
      ),
    );

  test('nodes that were waited for, directly or through others', () => {
    expect(bind('needs: [a]')).toEqual([]);
    expect(bind('startWhen: "event:a.completed && event:external.go"')).toEqual([]);
    expect(bind('needs: [c]', 'a.x', 'id: c, needs: [a]')).toEqual([]);
    expect(bind('startWhen: event:c.started', 'a.x', 'id: c, needs: [a]')).toEqual([]);
    expect(bind('startWhen: "{{ a.y > 1 }}"')).toEqual([]);
    expect(bind('startWhen: "{{ a.y > 1 && a.z }}"')).toEqual([]);
    expect(bind('startWhen: "!(!event:a.completed || event:external.no)"')).toEqual([]);
  });

  test('not those that may have ended otherwise, or on one branch only', () => {
    const missing = ['binding_may_be_missing'];
    expect(bind('startWhen: event:a.started')).toEqual(missing);
    expect(bind('startWhen: event:a.ended')).toEqual(missing);
    expect(bind('startWhen: event:a.failed')).toEqual(missing);
    expect(bind('startWhen: "event:a.completed || event:external.go"')).toEqual(missing);
    expect(bind('startWhen: "!event:a.completed"')).toEqual(missing);
    expect(bind('startWhen: event:*.completed')).toEqual(missing);
    expect(bind('startWhen: event:c.skipped', 'a.x', 'id: c, needs: [a]')).toEqual(missing);
    expect(bind('startWhen: "!{{ a.y > 1 }}"')).toEqual(missing);
    expect(bind('startWhen: "!(!event:a.completed && event:external.no)"')).toEqual(missing);
    expect(bind('timeout: 1s')).toEqual(missing);
  });

  test('both branches of an alternative that name the same node are enough', () => {
    expect(
      bind(
        'startWhen: "(event:a.completed && event:external.x) || event:c.completed"',
        'a.x',
        'id: c, needs: [a]',
      ),
    ).toEqual([]);
  });

  test('with a fallback the source need only have ended', () => {
    expect(bind('startWhen: event:a.ended', 'a.x ?? 0')).toEqual([]);
    expect(bind('startWhen: event:a.failed', 'a.x ?? 0')).toEqual([]);
    expect(bind('startWhen: event:a.started', 'a.x ?? 0')).toEqual(['binding_may_be_missing']);
  });

  test('what came from outside is known where it was waited for', () => {
    expect(bind('startWhen: event:external.go', "payload('external.go').n")).toEqual([]);
    expect(bind('startWhen: event:external.no', "payload('external.go').n")).toEqual([
      'binding_may_be_missing',
    ]);
  });

  test('skipWhen, forEach and inputs are bindings too; the message names the missing wait', () => {
    const node = (rest: string): string =>
      pipeline(`id: a, ${RUN}`, `id: c, ${RUN}`, `id: b, ${rest}`);
    for (const rest of [
      'needs: [c], skipWhen: "{{ a.x > 1 }}"',
      'needs: [c], forEach: "{{ a.x }}"',
      'needs: [c], inputs: { deep: [{ x: "{{ a.x }}" }] }',
    ]) {
      expect(onlyProblem(node(rest))).toMatchObject({
        code: 'binding_may_be_missing',
        suggestion: 'needs: [c, a]',
      });
    }
    expect(
      onlyProblem(node('startWhen: event:c.failed, inputs: { x: "{{ a.x }}" }')),
    ).toMatchObject({
      suggestion: 'startWhen: event:c.failed && event:a.completed',
    });
    expect(onlyProblem(node('needs: [c], skipWhen: event:a.failed'))).toMatchObject({
      suggestion: 'startWhen: event:c.completed && event:a.ended',
    });
    expect(codes(node('needs: [c, a], skipWhen: event:a.failed'))).toEqual([]);
  });

  test("a node's own outputs and those in the pipeline's variables are explained", () => {
    expect(onlyProblem(pipeline(`id: a, ${RUN}, env: { X: "{{ a.x }}" }`)).message).toContain(
      'own outputs',
    );
    expect(
      onlyProblem(`id: p\nenv: { X: "{{ a.x }}" }\nnodes: [{ id: a, ${RUN} }]`).message,
    ).toContain('every node');
  });
});

describe('conditions', () => {
  test.each([
    'true',
    '"{{ 1 == 1 }}"',
    '"{{ 1 > 2 }}"',
    '"event:a.completed || !event:a.completed"',
    '"event:a.completed && !event:a.completed"',
    '"event:a.completed && {{ 1 == 2 }}"',
    '"{{ 1 / 0 > 1 }}"',
  ])('%s is the same in every run', (condition) => {
    expect(codes(pipeline('id: a', `id: b, startWhen: ${condition}`))).toEqual([
      'constant_condition',
    ]);
  });

  test('two ends of one node are a contradiction, which is a warning', () => {
    const text = pipeline('id: a', 'id: b, startWhen: "event:a.completed && event:a.failed"');
    expect(problemsOf(text)).toMatchObject([{ code: 'contradiction', severity: 'warning' }]);
    expect(compiled(text).ok).toBe(true);
  });

  test('an empty one, and one beside needs, are problems', () => {
    expect(codes(pipeline('id: a, startWhen: ""'))).toEqual(['empty_value']);
    expect(codes(pipeline('id: a, startWhen:'))).toEqual(['wrong_type']);
    expect(
      onlyProblem(pipeline('id: a', 'id: b', 'id: c, needs: [a], startWhen: event:b.failed')),
    ).toMatchObject({
      code: 'needs_and_start',
      suggestion: 'startWhen: event:a.completed && event:b.failed',
    });
  });

  test('events inside braces, and braces inside comparisons, say how to write it instead', () => {
    expect(codes(pipeline('id: a', 'id: b, startWhen: "{{ event:a.completed }}"'))).toEqual([
      'event_in_braces',
    ]);
    expect(codes(pipeline('id: a', 'id: b, startWhen: "{{ a.x }} > 1"'))).toEqual([
      'braces_in_comparison',
    ]);
  });
});

test('secrets may stand in env and command only', () => {
  const secret = '"{{ secret.T }}"';
  expect(
    codes(
      pipeline(
        `id: a, env: { X: ${secret} }, steps: [{ command: ${secret}, env: { Y: ${secret} } }]`,
      ),
    ),
  ).toEqual([]);
  for (const rest of [
    `inputs: { x: ${secret} }`,
    `forEach: ${secret}`,
    `startWhen: "{{ secret.T == 'x' }}"`,
  ]) {
    expect(codes(pipeline(`id: a, ${rest}`))).toEqual(['secret_not_allowed']);
  }
});

test('{{ }} inside quotes in a command is a warning', () => {
  const text = (command: string): string =>
    `id: p\nnodes:\n  - id: a\n    inputs: { x: 1 }\n    steps:\n      - command: ${command}\n`;
  expect(codes(text("echo '{{ x }}'"))).toEqual(['quoted_word']);
  expect(codes(text('echo {{ x }}'))).toEqual([]);
});

describe('values', () => {
  const node = (rest: string): readonly string[] => codes(pipeline(`id: a, ${rest}`));

  test('of a wrong type or unit are named', () => {
    expect(node('timeout: 90')).toEqual(['bad_duration']);
    expect(node('timeout: 1x')).toEqual(['bad_duration']);
    expect(node('timeout: 9000d')).toEqual(['bad_duration']);
    expect(node('resources: { memory: 8 }')).toEqual(['bad_size']);
    expect(node('resources: { memory: 8Gi }')).toEqual(['bad_size']);
    expect(node('resources: { cpu: 0 }')).toEqual(['wrong_value']);
    expect(node('resources: { cpu: 4, limits: { cpu: 2 } }')).toEqual(['wrong_value']);
    expect(node('retry: 0')).toEqual(['wrong_value']);
    expect(node('retry: { maxAttempts: 2, on: ["exit:75", "exit:1-9"] }')).toEqual([]);
    expect(node('retry: { maxAttempts: 2, on: [crashed] }')).toEqual(['wrong_value']);
    expect(node('retry: { delay: 1s }')).toEqual(['missing_key']);
    expect(node('steps: []')).toEqual(['empty_value']);
    expect(node('steps: [ls]')).toEqual(['wrong_type']);
    expect(node('steps: [{ id: x }]')).toEqual(['missing_key']);
    expect(node('env: { "A-B": x }')).toEqual(['bad_id']);
    expect(node('env: { MILLRACE_RUN: x }')).toEqual(['reserved_id']);
    expect(node('env: { A: [x] }')).toEqual(['wrong_type']);
    expect(node('forEach: abc')).toEqual(['wrong_type']);
    expect(node('forEach: "a {{ item }}"')).toContain('wrong_value');
  });

  test('that git or a shell could misread are refused', () => {
    const operator = (value: string): readonly string[] =>
      node(`steps: [{ command: x, operator: { ${value} }, environment: host }]`);
    for (const git of [
      '--upload-pack=id',
      'ext::sh -c id',
      'fd::17/foo',
      'ftp://x/y',
      'https://-x/y',
      'git@-host:x',
      'ssh://-oProxyCommand=id/x',
      '"a\\nb"',
    ]) {
      expect(operator(`git: ${git.startsWith('"') ? git : `"${git}"`}, tag: v1`), git).toEqual([
        'unsafe_value',
      ]);
    }
    for (const git of [
      'https://e.com/a.git',
      'ssh://git@e.com/a',
      'git@e.com:t/a.git',
      '../a',
      './a.git',
      '/srv/a',
    ]) {
      expect(operator(`git: "${git}", tag: v1`), git).toEqual([]);
    }
    for (const tag of ['-x', 'a b', 'a..b', 'a^{commit}', 'a:b', 'x.lock', '"a\\tb"']) {
      expect(operator(`git: ../a, tag: ${tag.startsWith('"') ? tag : `"${tag}"`}`), tag).toEqual([
        'unsafe_value',
      ]);
    }
    expect(node('steps: [{ command: x, cwd: ../.. }]')).toEqual(['unsafe_value']);
    expect(node('steps: [{ command: x, cwd: /etc }]')).toEqual(['unsafe_value']);
    expect(
      node(
        'steps: [{ command: x, operator: { path: ../a }, environment: { uv: ../pyproject.toml } }]',
      ),
    ).toEqual(['unsafe_value']);
  });

  test('an environment is made from an operator', () => {
    expect(node('steps: [{ command: x, environment: { uv: pyproject.toml } }]')).toEqual([
      'missing_key',
    ]);
  });
});
