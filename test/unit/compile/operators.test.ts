import { expect, test } from 'vitest';
import { codes, compiled, onlyProblem, problemsOf } from './helpers.ts';

interface Operator {
  readonly id: string;
  readonly after?: string;
  readonly more?: string;
}

const operator = ({ id, after = '', more = '' }: Operator): string =>
  `  - { operator_id: "${id}", git_repo: "https://e.com/${id}.git", git_tag: v1, upstream_dependencies: [${after}], env_type: uv_project, env_config: { pyproject_path: ./pyproject.toml }, start_command: run${more} }\n`;

const source = (operators: readonly Operator[], nodes: readonly string[]): string =>
  `pipeline_id: line 1\noperators:\n${operators.map(operator).join('')}nodes:\n${nodes.map((node) => `  - { ${node} }\n`).join('')}`;

test('operators of one node become steps, those of others make the node wait', () => {
  const { plan } = compiled(
    source(
      [
        { id: 'a-1' },
        { id: 'b', after: 'a-1' },
        { id: 'c' },
        { id: 'd', after: 'b, c', more: ', timeout: 1.5' },
      ],
      [
        'node_id: "first node", operator_ids: [a-1, b, c], runner_count: 2',
        'node_id: second, operator_ids: [d]',
      ],
    ),
  );

  expect(plan.dialect).toBe('operators');
  expect(plan.id).toBe('line 1');
  expect(plan.groups[0]).toMatchObject({ failFast: true });
  expect(plan.nodes.map(({ id, label, needs, prepares }) => [id, label, needs, prepares])).toEqual([
    ['first_node', 'first node', undefined, [2, 3, 4, 5]],
    ['second', undefined, [0], [2, 3, 4, 5]],
    ['@a_1', 'a-1', undefined, undefined],
    ['@b', undefined, undefined, undefined],
    ['@c', undefined, undefined, undefined],
    ['@d', undefined, undefined, undefined],
  ]);
  const inner = plan.nodes[0]?.executor;
  expect(inner?.kind === 'steps' ? inner.plan : undefined).toMatchObject({
    groups: [{ failFast: true, maxParallel: 2 }],
    nodes: [{ id: 'a_1', label: 'a-1' }, { id: 'b', needs: [0] }, { id: 'c' }],
  });
  const second = plan.nodes[1]?.executor;
  expect(second?.kind === 'steps' ? second.plan.nodes[0] : undefined).toMatchObject({
    timeout: 1_500,
    executor: {
      command: 'run',
      environment: { kind: 'uv', project: 'pyproject.toml', name: 'd' },
      operator: { git: 'https://e.com/d.git', tag: 'v1' },
    },
  });
});

test('memory is in GiB, zero asks for nothing', () => {
  const { plan } = compiled(
    source(
      [{ id: 'a' }],
      [
        'node_id: n, operator_ids: [a], resource: { cpu_request: 2.0, cpu_limit: 4.0, memory_request: 0.5, memory_limit: 16, gpu_request: 0, gpu_limit: null }',
      ],
    ),
  );

  expect(plan.nodes[0]?.resources).toEqual({
    cpu: 2,
    memory: 536_870_912,
    gpu: 0,
    limits: { cpu: 4, memory: 17_179_869_184 },
  });
});

test('a limit of graphics processors beyond those asked for is never used, which is said', () => {
  const text = source(
    [{ id: 'a' }],
    ['node_id: n, operator_ids: [a], resource: { gpu_request: 1, gpu_limit: 2 }'],
  );
  expect(onlyProblem(text)).toMatchObject({
    severity: 'warning',
    message: expect.stringContaining('allows 2 GPU and asks for 1'),
  });
});

test('nodes that wait for each other are named with both chains', () => {
  const problem = onlyProblem(
    source(
      [{ id: 'a' }, { id: 'b', after: 'c' }, { id: 'c' }, { id: 'd', after: 'a' }],
      ['node_id: n1, operator_ids: [a, b]', 'node_id: n2, operator_ids: [c, d]'],
    ),
  );

  expect(problem.code).toBe('cycle');
  expect(problem.message).toContain('n1 → n2 → n1');
  expect(problem.message).toContain('"b" of node "n1" waits for "c" of node "n2"');
  expect(problem.message).toContain('"d" of node "n2" waits for "a" of node "n1"');
});

test('operators that wait for each other are a cycle within a node too', () => {
  const problem = onlyProblem(
    source(
      [
        { id: 'a', after: 'b' },
        { id: 'b', after: 'a' },
      ],
      ['node_id: n, operator_ids: [a, b]'],
    ),
  );

  expect(problem.message).toContain('a → b → a');
});

test('an operator in no node, one in two nodes and an unknown one are problems', () => {
  expect(
    problemsOf(source([{ id: 'a' }, { id: 'b' }], ['node_id: n, operator_ids: [a]'])),
  ).toMatchObject([{ code: 'unknown_operator', severity: 'error' }]);
  expect(
    codes(
      source([{ id: 'a' }], ['node_id: n, operator_ids: [a]', 'node_id: m, operator_ids: [a]']),
    ),
  ).toEqual(['duplicate_id']);
  expect(
    onlyProblem(
      source(
        [{ id: 'clean' }, { id: 'b', after: 'claen' }],
        ['node_id: n, operator_ids: [clean, b]'],
      ),
    ),
  ).toMatchObject({ code: 'unknown_operator', suggestion: 'clean' });
});

test('unknown keys are warnings, unknown kinds of environment problems', () => {
  const text = source([{ id: 'a', more: ', retries: 3' }], ['node_id: n, operator_ids: [a]']);
  expect(problemsOf(text)).toMatchObject([{ code: 'unknown_key', severity: 'warning' }]);
  expect(compiled(text).ok).toBe(true);
  expect(codes(text.replace('uv_project', 'nix_project'))).toEqual(['wrong_value', 'unknown_key']);
});

const inner = (text: string, at = 0) => {
  const executor = compiled(text).plan.nodes[at]?.executor;
  return executor?.kind === 'steps' ? executor.plan.nodes : [];
};

test('retries of an operator are those of its step, and never come earlier than asked', () => {
  const text = source(
    [
      { id: 'a', more: ', retry: { max_attempts: 3, interval: 2.5, backoff: exponential }' },
      { id: 'b', more: ', retry: { max_attempts: 2 }' },
    ],
    ['node_id: n, operator_ids: [a, b]'],
  );

  const on = ['failed', 'timed_out', 'interrupted'];
  expect(inner(text).map(({ retry }) => retry)).toMatchObject([
    { maxAttempts: 3, delay: 2_500, least: 2_500, backoff: 'exponential', on },
    { maxAttempts: 2, delay: 1_000, least: 1_000, backoff: 'fixed', on },
  ]);
});

test('a fallback runs when the operator failed for good, and those who wait for the one may go on with the other', () => {
  const text = source(
    [
      { id: 'a' },
      { id: 'b', after: 'a', more: ', on_failure: "fallback: b-old"' },
      { id: 'b-old', after: 'a', more: ', on_failure: { fallback: b-oldest }' },
      { id: 'b-oldest' },
      { id: 'c', after: 'b, a' },
      { id: 'd', after: 'a' },
    ],
    ['node_id: n, operator_ids: [a, b, b-old, b-oldest, c, d]'],
  );

  expect(inner(text).map(({ id, start, needs }) => [id, start ?? needs])).toEqual([
    ['a', undefined],
    ['b', [0]],
    ['b_old', '(event:b.failed || event:b.timed_out) && event:a.completed'],
    ['b_oldest', '(event:b_old.failed || event:b_old.timed_out)'],
    [
      'c',
      '(event:b.completed || event:b_old.completed || event:b_oldest.completed) && event:a.completed',
    ],
    ['d', [0]],
  ]);
});

test('a fallback that is alone in its node takes the place of one that is alone in another', () => {
  const text = source(
    [
      { id: 'gpu', more: ', on_failure: "fallback: cpu"' },
      { id: 'cpu' },
      { id: 'last', after: 'gpu' },
    ],
    [
      'node_id: big, operator_ids: [gpu]',
      'node_id: small, operator_ids: [cpu]',
      'node_id: end, operator_ids: [last]',
    ],
  );

  expect(
    compiled(text)
      .plan.nodes.slice(0, 3)
      .map(({ start, needs }) => [start, needs]),
  ).toEqual([
    [undefined, undefined],
    ['(event:big.failed || event:big.timed_out)', undefined],
    ['(event:big.completed || event:small.completed)', undefined],
  ]);
});

test('a fallback of another node that waits for what it is to replace could never come, and its nodes wait for each other', () => {
  const text = source(
    [
      { id: 'gpu', more: ', on_failure: "fallback: cpu"' },
      { id: 'cpu', after: 'last' },
      { id: 'last', after: 'gpu' },
    ],
    [
      'node_id: a, operator_ids: [gpu]',
      'node_id: b, operator_ids: [cpu]',
      'node_id: c, operator_ids: [last]',
    ],
  );
  expect(codes(text)).toEqual(['wrong_value', 'cycle']);
  expect(problemsOf(text)[0]?.message).toContain('which waits for "gpu" itself');
});

test('an operator whose failure stops nothing stops neither its node nor, where all are so, the others', () => {
  const more = ', on_failure: continue';
  const text = source(
    [{ id: 'a', more }, { id: 'b' }, { id: 'c', more }],
    ['node_id: n, operator_ids: [a, b]', 'node_id: m, operator_ids: [c]'],
  );

  expect(inner(text).map(({ failFast }) => failFast)).toEqual([false, undefined]);
  expect(
    compiled(text)
      .plan.nodes.slice(0, 2)
      .map(({ failFast }) => failFast),
  ).toEqual([undefined, false]);
});

test.each([
  ['on_failure: "fallback: zz"', 'unknown_operator', '"zz", which is not there'],
  ['on_failure: "fallback: a"', 'wrong_value', 'is the operator itself'],
  ['on_failure: "fallback: c"', 'wrong_value', '"c" of the node "m" for "a" of the node "n"'],
  ['on_failure: "fallback: b"', 'wrong_value', 'which waits for "a" itself'],
  ['on_failure: stopp', 'wrong_value', 'did you mean "stop"?'],
])('%s is refused', (more, code, message) => {
  const text = source(
    [{ id: 'a', more: `, ${more}` }, { id: 'b', after: 'a' }, { id: 'c' }],
    ['node_id: n, operator_ids: [a, b]', 'node_id: m, operator_ids: [c]'],
  );

  expect(onlyProblem(text)).toMatchObject({ code, message: expect.stringContaining(message) });
});

test('what an operator needs more than its node may use is told, for it could never run', () => {
  const problem = onlyProblem(
    source(
      [{ id: 'a', more: ', resources: { cpu: 8, memory: 1, gpu: 0 }' }],
      [
        'node_id: n, operator_ids: [a], resource: { cpu_request: 1, cpu_limit: 4, memory_limit: 2 }',
      ],
    ),
  );

  expect(problem.message).toContain('more cpu than its node "n" may use (8; the limit is 4)');
});

test.each([
  ['100 MB', { bytes: 100_000_000 }],
  ['1.5GiB', { bytes: 1_610_612_736 }],
  ['00:30', { minuteOfDay: 30 }],
  ['1 week', { milliseconds: 604_800_000 }],
  ['3 days', { milliseconds: 259_200_000 }],
])('the log turns at %s', (rotation, wanted) => {
  const text = `${source([{ id: 'a' }], ['node_id: n, operator_ids: [a]'])}log_config: { rotation: "${rotation}", retention: 10 days }\n`;

  expect(compiled(text).settings?.log).toMatchObject({
    rotation: wanted,
    retention: { milliseconds: 864_000_000 },
  });
});

test('priorities and the policy stand in the plan, the usual policy does not', () => {
  const nodes = ['node_id: n, operator_ids: [a], priority: -3', 'node_id: m, operator_ids: [b]'];
  const text = source([{ id: 'a' }, { id: 'b' }], nodes);

  const { plan } = compiled(`scheduling: packing\n${text}`);
  expect(plan.scheduling).toBe('packing');
  expect(plan.nodes.map(({ priority }) => priority).slice(0, 2)).toEqual([-3, undefined]);
  expect(compiled(`scheduling: topological\n${text}`).plan).not.toHaveProperty('scheduling');
  expect(problemsOf(`scheduling: packing\n${text}`)).toEqual([]);
  expect(codes(text.replace('-3', '1.5'))).toEqual(['wrong_value']);
});

test('of the operators of a node that is wrong in itself nothing more is said', () => {
  const two = [{ id: 'a' }, { id: 'b', after: 'a' }];
  const told = (...nodes: string[]) => codes(source(two, nodes));

  expect(told('node_id: 1, operator_ids: [a, b]')).toEqual(['wrong_type']);
  expect(told('operator_ids: [a, b]')).toEqual(['missing_key']);
  expect(told('node_id: n, operator_ids: a', 'node_id: m, operator_ids: [b]')).toEqual([
    'wrong_type',
  ]);
  expect(told('node_id: n, operator_ids: [a]', 'node_id: n, operator_ids: [b]')).toEqual([
    'duplicate_id',
  ]);
});

test('operators that wait for each other are told where one of them says so', () => {
  const problem = onlyProblem(
    source([{ id: 'a' }, { id: 'b', after: 'a, b' }], ['node_id: n, operator_ids: [a, b]']),
  );
  expect(problem).toMatchObject({ code: 'cycle', path: 'operators[1].upstream_dependencies[1]' });
});
