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
    ['@a_1', undefined, undefined, undefined],
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

test('unknown keys are warnings, environments of later versions problems', () => {
  const text = source([{ id: 'a', more: ', retries: 3' }], ['node_id: n, operator_ids: [a]']);
  expect(problemsOf(text)).toMatchObject([{ code: 'unknown_key', severity: 'warning' }]);
  expect(compiled(text).ok).toBe(true);
  for (const kind of ['pixi_project', 'conda_project']) {
    expect(codes(text.replace('uv_project', kind))).toContain('environment_missing');
  }
});
