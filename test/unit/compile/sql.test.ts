// Nodes whose work is a query.
import { describe, expect, test } from 'vitest';
import type { PlanNode } from '#schemas/plan.ts';
import { codes, compiled, onlyProblem, pipeline, problemsOf } from './helpers.ts';

function stepOf(text: string): PlanNode {
  const { executor } = compiled(text).plan.nodes[0] ?? {};
  if (executor?.kind !== 'steps') throw new TypeError('the node has no steps');
  const [step] = executor.plan.nodes;
  if (step === undefined || executor.plan.nodes.length > 1) throw new TypeError('wanted one step');
  return step;
}

describe('what comes of it', () => {
  test('a node with one step, whose executor is the query', () => {
    const text = pipeline(
      'id: a, inputs: { path: x }, sql: { query: "from read_csv({{ path }})", into: rows.parquet, outputs: { n: select count(*) from rows } }',
    );
    expect(stepOf(text)).toEqual({
      id: 'sql',
      group: 0,
      executor: {
        kind: 'sql',
        query: 'from read_csv({{ path }})',
        into: 'rows.parquet',
        outputs: { n: 'select count(*) from rows' },
      },
    });
  });

  test('a query alone tells how many rows it found', () => {
    expect(stepOf(pipeline('id: a, sql: select 1')).executor).toEqual({
      kind: 'sql',
      query: 'select 1',
      outputs: { rows: 'select count(*) from result' },
    });
  });

  test('limits, retries and timeouts are those of any node', () => {
    const text = pipeline(
      'id: a, sql: select 1, retry: 2, timeout: 1m, resources: { limits: { memory: 1GiB } }',
    );
    expect(compiled(text).plan.nodes[0]).toMatchObject({
      retry: { maxAttempts: 2 },
      timeout: 60_000,
      resources: { limits: { memory: 2 ** 30 } },
    });
  });

  test('an instance may name its element', () => {
    expect(
      codes(pipeline('id: a, forEach: [1, 2], sql: "select {{ item }}, {{ index }}"')),
    ).toEqual([]);
  });
});

describe('what is wrong with it', () => {
  test.each([
    ['sql: { query: "select {{ nothing }}" }', 'unknown_variable'],
    ['sql: { query: "select {{ b.rows }}" }', 'unknown_node'],
    ['sql: { query: "select {{ secret.KEY }}" }', 'secret_not_allowed'],
    ['sql: { query: "select {{ 1 + }}" }', 'expression_syntax'],
    ['sql: { query: "select \'x {{ 1 }}\'" }', 'sql_placeholder'],
    ['sql: { query: "select $1" }', 'sql_placeholder'],
    ['sql: { into: rows.csv }', 'missing_key'],
    ['sql: { query: "" }', 'empty_value'],
    ['sql: " -- nothing"', 'wrong_value'],
    ['sql: [select 1]', 'wrong_type'],
    ['sql: { qery: select 1, query: select 1 }', 'unknown_key'],
    ['sql: { query: select 1, into: rows.xlsx }', 'wrong_value'],
    ['sql: { query: select 1, into: rows }', 'wrong_value'],
    ['sql: { query: select 1, into: ../rows.csv }', 'wrong_value'],
    ['sql: { query: select 1, into: "{{ 1 }}.csv" }', 'wrong_value'],
    ['sql: { query: select 1, into: my-rows.csv }', 'wrong_value'],
    ['sql: { query: select 1, outputs: { my-rows: select 1 } }', 'bad_id'],
    ['sql: { query: select 1, outputs: { __proto__: select 1 } }', 'reserved_id'],
    ['sql: { query: select 1, outputs: { n: "select 1; select 2" } }', 'wrong_value'],
    ['sql: { query: select 1, outputs: { n: "select \'x{{ 1 }}\'" } }', 'sql_placeholder'],
    ['sql: { query: select 1, into: n.csv, outputs: { n: select 1 } }', 'duplicate_id'],
    ['sql: select 1, steps: [{ command: x }]', 'several_executors'],
  ])('%s', (sql, code) => {
    expect(codes(pipeline(`id: a, ${sql}`))).toEqual([code]);
  });

  test('a value from a node that is not waited for', () => {
    const text = pipeline('id: a, sql: select 1', 'id: b, sql: "select {{ a.rows }}"');
    expect(onlyProblem(text)).toMatchObject({
      code: 'binding_may_be_missing',
      path: 'nodes[1].sql',
    });
  });

  test('an output that the query does not give, with those that it does', () => {
    const text = pipeline(
      'id: a, sql: { query: select 1, into: rows.csv, outputs: { row_count: select 1 } }',
      'id: b, needs: [a], steps: [{ command: "x {{ a.row_cout }} {{ a.rows }} {{ a.row_count }}" }]',
    );
    expect(onlyProblem(text)).toMatchObject({
      code: 'unknown_variable',
      suggestion: 'a.row_count',
      message: expect.stringContaining(
        'names a.row_cout, but the query of "a" gives "rows" and "row_count"; did you mean "a.row_count"?',
      ),
    });
  });

  test('of instances only the list is known', () => {
    const text = pipeline(
      'id: a, forEach: [1], sql: { query: select 1, outputs: { n: select 1 } }',
      'id: b, needs: [a], steps: [{ command: "x {{ a.items }}" }]',
    );
    expect(codes(text)).toEqual([]);
  });

  test('every value that stands where none can is said, each at its place in the file', () => {
    const text = [
      'id: p',
      'nodes:',
      '  - id: a',
      '    sql:',
      '      query: |',
      "        select 'a{{ 1 }}'",
      "        from '{{ 2 }}'",
    ].join('\n');
    expect(problemsOf(text).map(({ line, column }) => [line, column])).toEqual([
      [6, 18],
      [7, 15],
    ]);
  });

  test('a file whose name can be no output gets another one', () => {
    const text = pipeline('id: a, sql: { query: select 1, into: my-rows.csv }');
    expect(onlyProblem(text).suggestion).toBe('my_rows.csv');
  });
});
