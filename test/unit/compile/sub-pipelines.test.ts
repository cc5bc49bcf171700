// Pipelines that run pipelines: how they are written, what is checked before anything runs.
import { describe, expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';
import type { LookUp } from '#core/compile/link-pipelines.ts';
import { limits } from '#schemas/limits.ts';
import { compileTexts, requestOf } from '#support/sub-pipelines.ts';

const CHILD = `id: child
inputs:
  path: { type: string }
  top: { type: number, default: 3 }
  data: { type: file, default: x.csv }
nodes:
  - { id: load, grace: 1m, steps: [{ command: "true" }] }
`;

/** A parent with this `pipeline`, and what is wrong with it as `code path: message`. */
function wrong(pipeline: string, more = ''): readonly string[] {
  const main = `id: parent\nnodes:\n  - { id: first, steps: [{ command: "true" }] }\n  - { id: sub, needs: [first], pipeline: ${pipeline}${more} }\n`;
  const compiled = compileTexts({ 'main.yaml': main, 'child.yaml': CHILD }, 'main.yaml');
  const problems = compiled.ok ? compiled.warnings : compiled.problems;
  return problems.map(({ code, path, message }) => `${code} ${path}: ${message}`);
}

test('the plan names the other one by id, digest and file, and the node may take as long to stop as its steps', () => {
  const { plan, plans } = requestOf({
    'main.yaml':
      'id: parent\nnodes: [{ id: sub, pipeline: { id: child, inputs: { path: "a{{ pipeline.input.x }}" } } }]\ninputs: { x: { type: string, default: b } }\n',
    'child.yaml': CHILD,
  });
  expect(plans).toHaveLength(1);
  expect(plan).toMatchObject({
    nodes: [
      {
        grace: 60_000 + limits.backstop,
        executor: {
          kind: 'pipeline',
          id: 'child',
          file: 'child.yaml',
          digest: expect.stringMatching(/^[0-9a-f]{64}$/),
          inputs: { path: 'a{{ pipeline.input.x }}' },
        },
      },
    ],
  });
});

test('the digest of a pipeline changes with those below it', () => {
  const main = 'id: parent\nnodes: [{ id: sub, pipeline: { id: child, inputs: { path: a } } }]\n';
  const digest = (child: string): string => {
    const compiled = compileTexts({ 'main.yaml': main, 'child.yaml': child }, 'main.yaml');
    if (!compiled.ok) throw new TypeError('it should compile');
    return compiled.digest;
  };
  expect(digest(CHILD)).toBe(digest(CHILD));
  expect(digest(CHILD)).not.toBe(digest(CHILD.replace('1m', '2m')));
});

describe('what is wrong is said with its place', () => {
  test.each([
    [
      '{ file: child.yaml, id: child }',
      /^wrong_value nodes\[1\]\.pipeline\.id: .*both "file" and "id"/,
    ],
    ['{ inputs: { path: a } }', /^missing_key nodes\[1\]\.pipeline\.file: .*has no "file"/],
    ['{ file: /etc/child.yaml }', /^unsafe_value .*relative to the folder of this file/],
    ['{ file: "https://example.com/child.yaml" }', /^unsafe_value /],
    ['{ file: "{{ first.name }}.yaml" }', /^unsafe_value /],
    [
      '{ file: other.yaml }',
      /^unknown_pipeline nodes\[1\]\.pipeline\.file: .*"other.yaml", which is not there/,
    ],
    ['{ flie: child.yaml }', /^unknown_key .*did you mean "file"/],
    [
      '{ id: child }',
      /^missing_input nodes\[1\]\.pipeline: .*"path" of the pipeline "child".*wanted a string/,
    ],
    [
      '{ id: child, inputs: { path: a, topp: 1 } }',
      /^unknown_input nodes\[1\]\.pipeline\.inputs\.topp: .*did you mean "top"/,
    ],
    [
      '{ id: child, inputs: { path: 7 } }',
      /^wrong_input nodes\[1\]\.pipeline\.inputs\.path: .*is 7; wanted a string/,
    ],
    [
      '{ id: child, inputs: { path: a, top: "{{ first.n }}0" } }',
      /^wrong_input .*is a text; wanted a number/,
    ],
    [
      '{ id: child, inputs: { path: "{{ first.a }" } }',
      /^expression_syntax nodes\[1\]\.pipeline\.inputs\.path/,
    ],
    ['{ id: child, inputs: { path: "{{ last.a }}" } }', /^unknown_node .*"last"/],
    ['{ id: child, inputs: { path: "{{ secret.KEY }}" } }', /^secret_not_allowed /],
  ])('%s', (pipeline, expected) => {
    expect(wrong(pipeline)).toEqual(expect.arrayContaining([expect.stringMatching(expected)]));
  });

  test('what fits is nothing to complain of', () => {
    expect(
      wrong('{ id: child, inputs: { path: "{{ first.path }}", top: "{{ first.n }}" } }'),
    ).toEqual([]);
    expect(
      wrong('{ file: ./child.yaml, inputs: { path: "{{ item }}" } }', ', forEach: [a, b]'),
    ).toEqual([]);
    expect(
      wrong(
        '{ file: child.yaml, inputs: { path: "{{ here }}" } }',
        ', inputs: { here: "{{ first.a }}" }',
      ),
    ).toEqual([]);
  });

  test('what only a program could mind is a warning', () => {
    const node = ', env: { A: b }, resources: { cpu: 1 }, retry: 2, timeout: 5m';
    expect(wrong('{ id: child, inputs: { path: a } }', node)).toEqual([
      expect.stringMatching(/^wrong_value nodes\[1\]\.env: .*means nothing/),
      expect.stringMatching(/^wrong_value nodes\[1\]\.resources: /),
    ]);
  });

  test('a node has one executor', () => {
    expect(wrong('{ id: child, inputs: { path: a } }', ', steps: [{ command: "true" }]')).toEqual([
      expect.stringMatching(
        /^several_executors .*steps and pipeline|^several_executors .*pipeline and steps/,
      ),
    ]);
  });
});

test('a pipeline that does not compile is named where it is run, and its own problems follow', () => {
  const compiled = compileTexts(
    {
      'main.yaml':
        'id: parent\nnodes:\n  - { id: a, pipeline: { id: child } }\n  - { id: b, pipeline: { id: child } }\n',
      'child.yaml': 'id: child\nnodes: [{ id: x, needs: [y], steps: [{ command: "true" }] }]\n',
    },
    'main.yaml',
  );
  expect(compiled.ok).toBe(false);
  const codes = compiled.ok ? [] : compiled.problems.map(({ code }) => code);
  expect(codes.slice(0, 2)).toEqual(['unknown_pipeline', 'unknown_pipeline']);
  expect(codes).toContain('unknown_node');
});

test('cycles and depth are problems', () => {
  const main = 'id: parent\nnodes: [{ id: a, pipeline: { file: b.yaml } }]\n';
  const told = (found: LookUp): readonly string[] => {
    const compiled = compile({ text: main }, { subPipeline: () => found });
    return compiled.ok ? [] : compiled.problems.map(({ code, message }) => `${code}: ${message}`);
  };
  expect(told({ is: 'cycle', files: ['a.yaml', 'b.yaml', 'a.yaml'] })).toEqual([
    expect.stringMatching(/^cycle: .*a\.yaml → b\.yaml → a\.yaml/),
  ]);
  const deep = compileTexts({ 'child.yaml': CHILD }, 'child.yaml');
  if (!deep.ok) throw new TypeError('it should compile');
  const { plan, digest } = deep;
  const found = { is: 'found', plan: { ...plan, inputs: {} }, digest, file: 'b.yaml' } as const;
  expect(told({ ...found, depth: limits.subRunDepth - 1 })).toEqual([]);
  expect(told({ ...found, depth: limits.subRunDepth })).toEqual([
    expect.stringMatching(/^too_many: .*more than 8 levels deep/),
  ]);
});

describe('outputs of a pipeline', () => {
  const outputs = (text: string): readonly string[] => {
    const compiled = compile({
      text: `id: p\ninputs: { x: { type: string, default: a } }\noutputs: ${text}\nnodes:\n  - { id: a, steps: [{ command: "true" }] }\n  - { id: b, startWhen: "event:a.failed", steps: [{ command: "true" }] }\n`,
    });
    const problems = compiled.ok ? compiled.warnings : compiled.problems;
    return problems.map(({ code, path }) => `${code} ${path}`);
  };

  test('may name any node, whether or not it completes, and are part of the plan', () => {
    expect(
      outputs(
        '{ rows: "{{ a.rows }}", other: { deep: ["{{ b.rows ?? 0 }}", 1] }, x: "{{ pipeline.input.x }}" }',
      ),
    ).toEqual([]);
    const compiled = compile({
      text: 'id: p\noutputs: { rows: "{{ a.rows }}" }\nnodes: [{ id: a, steps: [{ command: "true" }] }]\n',
    });
    expect(compiled).toMatchObject({ ok: true, plan: { outputs: { rows: '{{ a.rows }}' } } });
  });

  test('names that are not there, secrets and bad names are problems', () => {
    expect(outputs('{ rows: "{{ c.rows }}" }')).toEqual(['unknown_node outputs.rows']);
    expect(outputs('{ rows: "{{ secret.KEY }}" }')).toEqual(['secret_not_allowed outputs.rows']);
    expect(outputs('{ rows: "{{ item }}" }')).toEqual(['unknown_variable outputs.rows']);
    expect(outputs('{ 1rows: "{{ a.rows }}" }')).toEqual(['bad_id outputs.1rows']);
    expect(outputs('[a]')).toEqual(['wrong_type outputs']);
  });
});
