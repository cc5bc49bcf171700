import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { canonical, digestOf } from '#core/compile/canonical.ts';
import { compile } from '#core/compile/compile.ts';
import { limits } from '#schemas/limits.ts';
import { plan as planSchema } from '#schemas/plan.ts';
import { codes, compiled, onlyProblem, pipeline, places, problemsOf } from './helpers.ts';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

const EXAMPLES = ['hello', 'flights', 'operators'].map((name) => `examples/${name}/pipeline.yaml`);

test.each(EXAMPLES)(
  '%s compiles to a plan that satisfies the schema, without a warning',
  (file) => {
    const result = compiled(read(file));

    expect(result.warnings).toEqual([]);
    expect(planSchema.parse(result.plan)).toEqual(result.plan);
    expect(result.digest).toBe(digestOf(result.plan));
  },
);

test('eight mistakes give eight problems, each in its line', () => {
  const problems = problemsOf(read('test/fixtures/eight-mistakes.yaml'));

  expect(problems.map(({ code, line }) => [code, line])).toEqual([
    ['wrong_value', 4],
    ['bad_duration', 5],
    ['unknown_node', 11],
    ['unknown_key', 14],
    ['unknown_event', 16],
    ['yaml_unquoted_bang', 20],
    ['expression_syntax', 24],
    ['binding_may_be_missing', 31],
  ]);
  expect(problems.every((problem) => problem.path !== '' && problem.excerpt?.includes('^'))).toBe(
    true,
  );
});

test('needs, steps and labels become the plan', () => {
  const { plan } = compiled(`
id: demo-1
name: A demo
version: 1.10
failFast: true
maxParallel: 4
timeout: 2h
env: { LEVEL: info, COUNT: 1.50, ON: yes, TRUE: true }
nodes:
  - id: a
    name: First
    steps: [{ command: one }, { id: second, name: Two, command: two, cwd: sub, timeout: 90s }]
  - { id: b, needs: a }
  - { id: c, needs: [b, a], timeout: 1h30m, grace: 500ms, retry: 3 }
`);

  expect(plan).toMatchObject({ id: 'demo-1', name: 'A demo', version: '1.10' });
  expect(plan.groups).toEqual([
    {
      id: 'demo-1',
      kind: 'pipeline',
      parent: -1,
      failFast: true,
      maxParallel: 4,
      timeout: 7_200_000,
      env: { LEVEL: 'info', COUNT: '1.50', ON: 'yes', TRUE: 'true' },
    },
  ]);
  expect(plan.nodes.map(({ id, needs, label }) => ({ id, needs, label }))).toEqual([
    { id: 'a', label: 'First' },
    { id: 'b', needs: [0] },
    { id: 'c', needs: [0, 1] },
  ]);
  expect(plan.nodes[2]).toMatchObject({
    timeout: 5_400_000,
    grace: 500,
    retry: { maxAttempts: 3, on: ['failed', 'timed_out', 'interrupted'], backoff: 'exponential' },
    executor: { kind: 'join' },
  });
  const steps = plan.nodes[0]?.executor;
  expect(steps).toMatchObject({ kind: 'steps', plan: { groups: [{ failFast: true }] } });
  expect(steps?.kind === 'steps' ? steps.plan.nodes : []).toMatchObject([
    { id: 'step_1', executor: { command: 'one', environment: { kind: 'host' } } },
    { id: 'second', label: 'Two', needs: [0], timeout: 90_000, executor: { cwd: 'sub' } },
  ]);
});

test('an operator is prepared once however many steps use it, and its users wait for that', () => {
  const use = (id: string, tag: string): string =>
    `id: ${id}, steps: [{ command: x, operator: { git: "https://e.com/team/clean.git", tag: ${tag} }, environment: { uv: pyproject.toml } }]`;
  const result = compiled(
    pipeline(use('a', 'v1'), use('b', 'v1'), use('c', 'v2'), 'id: d, needs: [a]'),
  );

  expect(result.plan.nodes.map(({ id, group, prepares }) => [id, group, prepares])).toEqual([
    ['a', 0, [4]],
    ['b', 0, [4]],
    ['c', 0, [5]],
    ['d', 0, undefined],
    ['@clean', 1, undefined],
    ['@clean_2', 1, undefined],
  ]);
  expect(result.plan.groups[1]).toMatchObject({ kind: 'prepare', parent: 0, failFast: false });
  expect(result.operators.map(({ name }) => name)).toEqual(['clean', 'clean_2']);
});

test('a working tree may only take the place of an operator that is there', () => {
  const text = pipeline('id: a, steps: [{ command: x, operator: { path: ../clean } }]');

  expect(compile({ text }, { with: ['clean'] }).ok).toBe(true);
  expect(compile({ text }, { with: ['cleen'] })).toMatchObject({
    ok: false,
    problems: [{ code: 'unknown_operator', suggestion: 'clean' }],
  });
});

test('the digest does not depend on order of keys, comments or layout, and does on meaning', () => {
  const one = compiled(
    'id: p\nversion: "1"\nnodes:\n  - id: a\n    timeout: 60s\n    steps: [{ command: x, env: { A: "1", B: "2" } }]\n',
  );
  const two = compiled(
    '# a comment\nnodes:\n- steps:\n  - env:\n      B: "2"\n      A: \'1\'\n    command: "x"\n  timeout: 1m # a minute\n  id: a\nid: p\nversion: \'1\'\n',
  );
  const three = compiled('id: p\nversion: "1"\nnodes: [{ id: a, timeout: 61s }]');

  expect(one.digest).toBe(two.digest);
  expect(three.digest).not.toBe(one.digest);
  expect(canonical({ b: [1, null], a: 'é', c: undefined })).toBe('{"a":"é","b":[1,null]}');
});

test('secrets are named, in order, once', () => {
  const { secrets } = compiled(
    pipeline(
      'id: a, env: { T: "{{ secret.TOKEN }}" }, steps: [{ command: "x {{ secret.A }} {{ secret.TOKEN }}" }]',
    ),
  );

  expect(secrets).toEqual(['A', 'TOKEN']);
});

test('the dialect is recognised; those of later versions are one named problem', () => {
  expect(onlyProblem('stages: [{ name: build }]').code).toBe('dialect_missing');
  expect(onlyProblem('steps: [{ step_type: x }]').code).toBe('dialect_missing');
  expect(onlyProblem('operations: []\npipeline: {}\ndatasets: {}').code).toBe('dialect_missing');
  expect(onlyProblem('hello: 1').code).toBe('dialect_unknown');
  expect(onlyProblem('just text').code).toBe('dialect_unknown');
  expect(onlyProblem('').code).toBe('empty_value');
  expect(codes('id: p')).toEqual(['missing_key']);
});

test('executors and environments of later versions are named problems', () => {
  expect(
    places(
      pipeline(
        'id: a, spark: { script: x }',
        'id: b, needs: [a], env: { X: "{{ a.rows }}" }',
        'id: c, docetl: {}',
        'id: d, steps: [{ command: x, operator: { path: d }, environment: { container: x } }]',
        'id: e, spark: {}, steps: [{ command: x }]',
      ),
    ),
  ).toEqual([
    'executor_missing 3:14',
    'executor_missing 5:14',
    'environment_missing 6:74',
    'several_executors 7:14',
    'executor_missing 7:14',
  ]);
});

test('problems are bounded, and the last one tells how many more there are', () => {
  const nodes = Array.from(
    { length: limits.problems + 50 },
    (_, index) => `id: n${index}, nonsense: 1`,
  );
  const problems = problemsOf(pipeline(...nodes));

  expect(problems).toHaveLength(limits.problems);
  expect(problems.at(-1)?.message).toContain('50 more problems');
});

test('a chain of many nodes compiles without recursion over nodes', () => {
  const count = 20_000;
  const nodes = Array.from({ length: count }, (_, index) =>
    index === 0
      ? 'id: n0, steps: [{ command: x }]'
      : `id: n${index}, needs: [n${index - 1}], env: { A: "{{ n0.a }}" }`,
  );

  expect(compiled(pipeline(...nodes)).plan.nodes).toHaveLength(count);
}, 30_000);

test('a cycle through many nodes is found, and its chain is printed', () => {
  const nodes = Array.from(
    { length: 2_000 },
    (_, index) => `id: n${index}, needs: [n${(index + 1) % 2_000}]`,
  );

  expect(onlyProblem(pipeline(...nodes)).message).toContain('n0 → n1 → n2');
});
