import { describe, expect, test } from 'vitest';
import { codes, compiled, onlyProblem, pipeline, places, problemsOf } from './helpers.ts';

describe('slips with expressions', () => {
  test('an unquoted {{ at the beginning of a value gives the corrected line', () => {
    const problem = onlyProblem(
      'id: p\nnodes:\n  - id: a\n    inputs:\n      path: {{ pipeline.run }}\n',
    );

    expect(problem).toMatchObject({
      code: 'yaml_unquoted_braces',
      line: 5,
      column: 13,
      path: 'nodes[0].inputs.path',
      suggestion: "path: '{{ pipeline.run }}'",
    });
  });

  test('text behind the braces, and braces in a flow mapping, are the same slip', () => {
    expect(
      onlyProblem('id: p\nnodes:\n  - id: a\n    env:\n      X: {{ a }} b # why\n'),
    ).toMatchObject({
      code: 'yaml_unquoted_braces',
      suggestion: "X: '{{ a }} b'",
    });
    expect(
      onlyProblem('id: p\nnodes:\n  - { id: a, env: { X: {{ a.b }}, Y: z } }\n'),
    ).toMatchObject({
      code: 'yaml_unquoted_braces',
      line: 3,
      suggestion: "- { id: a, env: { X: '{{ a.b }}', Y: z } }",
    });
  });

  test('an unquoted ! is a tag for YAML', () => {
    for (const value of [
      '!event:a.completed',
      '!event:a.failed && event:a.ended',
      '!(event:a.failed)',
    ]) {
      const problem = onlyProblem(`id: p\nnodes:\n  - id: a\n  - id: b\n    startWhen: ${value}\n`);
      expect(problem).toMatchObject({
        code: 'yaml_unquoted_bang',
        line: 5,
        column: 16,
        suggestion: `startWhen: '${value}'`,
      });
    }
  });

  test('? : in a plain value is cut off by YAML', () => {
    const problem = onlyProblem(
      'id: p\nnodes:\n  - id: a\n    steps:\n      - command: run {{ pipeline.x ? 1 : 2 }}\n',
    );

    expect(problem).toMatchObject({
      code: 'yaml_unquoted_question',
      line: 5,
      suggestion: "- command: 'run {{ pipeline.x ? 1 : 2 }}'",
    });
  });

  test('" #" inside braces begins a comment for YAML', () => {
    const problem = onlyProblem(
      "id: p\nnodes:\n  - id: a\n    steps:\n      - command: run {{ ' #1' }}\n",
    );

    expect(problem).toMatchObject({ code: 'yaml_unquoted_question', line: 5 });
  });
});

test('a tab is named, with the line as it should be', () => {
  expect(onlyProblem('id: p\nnodes:\n\t- id: a\n')).toMatchObject({ code: 'yaml_tab', line: 3 });
});

test('several documents, duplicate keys, unknown tags and broken YAML are named', () => {
  expect(onlyProblem(`${pipeline('id: a')}---\nid: q\n`)).toMatchObject({
    code: 'yaml_documents',
    line: 4,
  });
  expect(places('id: p\nid: q\nnodes: [{ id: a }]')).toEqual(['yaml_duplicate_key 2:1']);
  expect(codes('id: !thing p\nnodes: [{ id: a }]')).toEqual(['yaml_unquoted_bang']);
  expect(codes('id: p\nnodes: !thing\n  - { id: a }')).toEqual(['yaml_syntax']);
  expect(codes('id: "p\nnodes: [')).toContain('yaml_syntax');
});

test('one slip that makes the rest of a file unreadable is one problem, not one for each word behind it', () => {
  const query = `select * from read_csv(f, columns = {'day': 'DATE'})`;
  const rest = '  - id: b\n    sql: { query: select 1, outputs: { n: select 1 } }\n'.repeat(5);
  const slip = `id: p\nnodes:\n  - id: a\n    sql:\n      query: ${query}\n      into: a.csv\n${rest}`;
  expect(codes(slip)).toEqual(['yaml_unquoted_question']);
});

test('of what a tab or a slip does to the lines behind it nothing is told', () => {
  const operators = '  - id: a\n\tneeds: []\n    steps:\n      - command: x\n'.repeat(2);
  expect(places(`id: p\nnodes:\n${operators}`)).toEqual(['yaml_tab 4:1', 'yaml_tab 8:1']);
  expect(codes('id: p\nnodes:\n  - id: a\n     env: {}\n   steps: []\n  - id: b\n')).toEqual([
    'yaml_syntax',
  ]);
});

test('`<<` puts mappings into another, which says more than they do', () => {
  const merged = `id: p
nodes:
  - &one { id: a, timeout: 1s, env: &env { A: one, B: one } }
  - <<: *one
    id: b
    env: { B: two, <<: *env }
  - { id: c, env: { <<: [{ A: first }, *env] } }
`;
  const { plan } = compiled(merged);
  expect(plan.nodes.map(({ id, timeout, env }) => [id, timeout, env])).toEqual([
    ['a', 1_000, { A: 'one', B: 'one' }],
    ['b', 1_000, { A: 'one', B: 'two' }],
    ['c', undefined, { A: 'first', B: 'one' }],
  ]);
  expect(onlyProblem('id: p\nnodes:\n  - id: a\n    env:\n      <<: x\n')).toMatchObject({
    message: '"<<" is a text; wanted a mapping, or a list of mappings',
    line: 5,
    column: 7,
  });
  expect(places('id: p\nnodes: [{ id: a, <<: { x: 1 }, <<: { y: 2 } }]')).toContain(
    'yaml_duplicate_key 2:32',
  );
  expect(onlyProblem('id: p\nnodes: [{ id: a, env: { "<<": x } }]').code).toBe('bad_id');
});

test('names that reach into the host are refused as keys', () => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    expect(codes(`id: p\nnodes: [{ id: a, env: { ${key}: x } }]`)).toEqual(['reserved_id']);
    expect(codes(`id: p\nnodes: [{ id: a, inputs: { x: { ${key}: 1 } } }]`)).toEqual([
      'reserved_id',
    ]);
  }
  expect(codes(`id: p\n__proto__: { a: 1 }\nnodes: [{ id: a }]`)).toEqual(['reserved_id']);
});

test('aliases work where they are plain, and bombs are refused', () => {
  expect(
    codes('id: p\nnodes:\n  - { id: a, retry: &r { maxAttempts: 2 } }\n  - { id: b, retry: *r }\n'),
  ).toEqual([]);
  const levels = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 9; level += 1) {
    const inside = Array.from({ length: 9 }, () => `*a${level - 1}`).join(', ');
    levels.push(`a${level}: &a${level} [${inside}]`);
  }
  expect(codes(`id: p\nnodes: [{ id: a }]\n${levels.join('\n')}\n`)).toContain('yaml_aliases');
});

test('nesting is bounded', () => {
  expect(
    codes(`id: p\nnodes: [{ id: a, inputs: { x: ${'['.repeat(100)}${']'.repeat(100)} } }]`),
  ).toContain('yaml_aliases');
  expect(codes(`id: ${'['.repeat(20_000)}`).length).toBeGreaterThan(0);
});

test('places inside quoted and block texts are those of the character', () => {
  const text = (value: string): string =>
    `id: p\nnodes:\n  - id: a\n    steps:\n      - command: ${value}\n`;
  expect(places(text('"a \\"b\\" {{ nope.x }}"'))).toEqual(['unknown_node 5:30']);
  expect(places(text("'no ''x'' {{ nope.x }}'"))).toEqual(['unknown_node 5:31']);
  expect(places(text('|\n          one\n          two {{ nope.x }}'))).toEqual([
    'unknown_node 7:18',
  ]);
  expect(places(text('>\n          one\n          two {{ nope.x }}'))).toEqual([
    'unknown_node 7:18',
  ]);
  expect(places(text('one\n          two {{ nope.x }}'))).toEqual(['unknown_node 6:18']);
});

test('several problems come at once, by line', () => {
  const lines = problemsOf(
    'id: 7\nversion: []\nnodes:\n  - id: a b\n    needs: [x]\n  - { id: c, timeout: soon }\n',
  ).map(({ line }) => line);

  expect(lines).toEqual([1, 2, 4, 5, 6]);
});
