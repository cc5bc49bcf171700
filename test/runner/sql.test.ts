// Queries, done by the real database in a program of its own.
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readLog } from '#runner/log-reader.ts';
import { logFolder } from '#runner/names.ts';
import type { AttemptReport } from '#schemas/run.ts';
import { fileValue, type Json, type Outputs } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { Engine, RunnerProcess } from './engine.ts';
import { aFile, aQuery, type QueryOptions } from './sql-orders.ts';

let runner: RunnerProcess;
let engine: Engine;
let orders: Json;

beforeAll(async () => {
  runner = new RunnerProcess();
  engine = await Engine.connect(runner);
  orders = aFile(
    runner.dataDir,
    'orders.csv',
    'region,amount,day\nnorth,10,2025-01-01\nsouth,5,2025-01-02\nnorth,1,2025-01-03\n',
  );
});

afterAll(() => runner.remove());

const READ = "from read_csv('{{ orders }}')";

/** Inputs as values, not as templates. */
function orderOf(query: string, options: QueryOptions = {}): WorkOrder {
  const input: Record<string, Json> = { orders, ...options.inputs };
  const inputs = Object.fromEntries(
    Object.keys(input).map((name) => [name, `{{ pipeline.input.${name} }}`]),
  );
  return aQuery(query, { ...options, inputs, scope: { input } });
}

function ask(query: string, options: QueryOptions = {}): Promise<AttemptReport> {
  return engine.run(orderOf(query, options));
}

async function outputsOf(query: string, options: QueryOptions = {}): Promise<Outputs> {
  const { result } = await ask(query, options);
  if (result.result !== 'completed') throw new Error(JSON.stringify(result));
  return result.outputs;
}

async function messageOf(query: string, options: QueryOptions = {}): Promise<string> {
  return (await failureOf(query, options)).message;
}

/** What is said in the report, and in the log. */
async function failureOf(
  query: string,
  options: QueryOptions = {},
): Promise<{ message: string; log: string }> {
  const order = orderOf(query, options);
  const { result } = await engine.run(order);
  expect(result).toMatchObject({ result: 'failed', reason: 'sql_failed' });
  return { message: 'message' in result ? (result.message ?? '') : '', log: await logOf(order) };
}

async function logOf(order: WorkOrder): Promise<string> {
  const { lines } = await readLog(logFolder(runner.dataDir, order.name), { limit: 1_000 });
  return lines.map(({ text }) => text).join('\n');
}

/** The text of a file that came out. */
function contentOf(value: Json | undefined): string {
  const { $file } = fileValue.parse(value);
  return readFileSync(path.join(runner.dataDir, 'objects', $file.key ?? ''), 'utf8');
}

describe('what comes of a query', () => {
  test('outputs are single values and lists over its result', async () => {
    const outputs = {
      total: 'select sum(amount) from result',
      regions: 'select list(distinct region order by region) from result',
      first: "select {'region': region, 'amount': amount} from result limit 1",
      none: 'select amount from result where false',
    };
    expect(await outputsOf(`select region, amount ${READ}`, { outputs })).toEqual({
      total: 16,
      regions: ['north', 'south'],
      first: { region: 'north', amount: 10 },
      none: null,
    });
  });

  test('into writes a file whose metadata has its schema and its number of rows', async () => {
    const outputs = await outputsOf(
      `select region, sum(amount) as total ${READ} group by all order by all`,
      {
        into: 'sums.csv',
        outputs: { n: 'select count(*) from sums' },
      },
    );
    expect(outputs['n']).toBe(2);
    expect(contentOf(outputs['sums'])).toBe('region,total\nnorth,11\nsouth,5\n');
    expect(fileValue.parse(outputs['sums']).$file).toMatchObject({
      name: 'sums.csv',
      mediaType: 'text/csv',
      metadata: {
        rows: 2,
        schema: [
          { name: 'region', type: 'VARCHAR' },
          { name: 'total', type: 'HUGEINT' },
        ],
      },
    });
  });

  test.each([
    ['json', '[\n\t{"a":1},\n\t{"a":2}\n]\n'],
    ['jsonl', '{"a":1}\n{"a":2}\n'],
  ])('rows are written as %s', async (ending, text) => {
    const outputs = await outputsOf('select unnest([1, 2]) as a', { into: `rows.${ending}` });
    expect(contentOf(outputs['rows'])).toBe(text);
  });

  test('parquet goes in and out, with its types', async () => {
    const first = await outputsOf(`select * ${READ}`, { into: 'orders.parquet' });
    const file = first['orders'] ?? null;
    const second = await outputsOf(
      "select typeof(day) as type, count(*) as n from read_parquet('{{ rows }}') group by all",
      { inputs: { rows: file }, outputs: { all: 'select {type: type, n: n} from result' } },
    );
    expect(second).toEqual({ all: { type: 'DATE', n: 3 } });
  });

  test('JSON and JSON Lines are read', async () => {
    const one = aFile(runner.dataDir, 'one.json', '[{"a": 1}, {"a": 2}]');
    const two = aFile(runner.dataDir, 'two.jsonl', '{"a": 3}\n{"a": 4}\n');
    const outputs = await outputsOf(
      'select a from read_json({{ one }}) union all select a from read_json({{ two }})',
      { inputs: { one, two }, outputs: { all: 'select list(a order by a) from result' } },
    );
    expect(outputs).toEqual({ all: [1, 2, 3, 4] });
  });

  test('an empty result is a file without rows', async () => {
    const outputs = await outputsOf(`select * ${READ} where amount > 100`, {
      into: 'none.csv',
      outputs: { n: 'select count(*) from none' },
    });
    expect(outputs).toMatchObject({ n: 0, none: { $file: { metadata: { rows: 0 } } } });
    expect(contentOf(outputs['none'])).toBe('region,amount,day\n');
  });

  test('several statements: the last one gives the rows', async () => {
    const query = `create temp table big as select * ${READ} where amount >= {{ least }};
      create macro half(x) as x / 2;
      select half(sum(amount)) as h from big; -- the end`;
    const options = { inputs: { least: 5 }, outputs: { h: 'select h from result' } };
    expect(await outputsOf(query, options)).toEqual({ h: 7.5 });
  });

  test('pivot works, which the database makes several statements of', async () => {
    const outputs = await outputsOf(
      `create temp table o as select * ${READ}; pivot o on region using sum(amount) group by day order by day`,
      { into: 'pivot.csv' },
    );
    expect(contentOf(outputs['pivot']).split('\n')[0]).toBe('day,north,south');
  });

  test('unicode, quotes and line ends in names and values arrive as they are', async () => {
    const text = `ö 漢字 🦆 ' " \n ; -- {{ $1`;
    const outputs = await outputsOf('select {{ text }} as "größe 🦆"', {
      inputs: { text },
      into: 'entenhaus_ü.json',
      outputs: { text: 'select "größe 🦆" from "entenhaus_ü"' },
    });
    expect(outputs['text']).toBe(text);
    expect(JSON.parse(contentOf(outputs['entenhaus_ü']))).toEqual([{ 'größe 🦆': text }]);
  });

  test('the log tells how many rows there were', async () => {
    const order = aQuery('select 1 as a', { into: 'one.parquet' });
    await engine.run(order);
    expect(await logOf(order)).toMatch(/^1 row into one\.parquet in \d+\.\d\d s$/);
  });
});

/** Objects of one list have the members of all of them. */
function withAllMembers(value: Json): string {
  const isRows =
    Array.isArray(value) &&
    value.every((row) => row !== null && typeof row === 'object' && !Array.isArray(row));
  if (!isRows) return JSON.stringify(value);
  const none = Object.fromEntries(
    value.flatMap((row) => Object.keys(row)).map((name) => [name, null]),
  );
  return JSON.stringify(value.map((row) => ({ ...none, ...row })));
}

describe('values', () => {
  // One query for each table: starting a program for each line would take most of the time.
  const results: readonly [expression: string, value: Json][] = [
    ['1::tinyint', 1],
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', '9007199254740993'],
    ['170141183460469231731687303715884105727::hugeint', '170141183460469231731687303715884105727'],
    ['1.25::double', 1.25],
    ["'nan'::double", 'NaN'],
    ['1.10::decimal(5, 2)', 1.1],
    ['1234567890123456.78::decimal(18, 2)', '1234567890123456.78'],
    ['true', true],
    ['null', null],
    ["date '2025-01-31'", '2025-01-31'],
    ["timestamp '2025-01-31 10:00:00.5'", '2025-01-31T10:00:00.5'],
    ["timestamptz '2025-01-31 10:00:00+02'", '2025-01-31T08:00:00Z'],
    ["time '10:00:00'", '10:00:00'],
    ["interval '3 days'", '3 days'],
    ["'6ccd780c-baba-1026-9564-5b8c656024db'::uuid", '6ccd780c-baba-1026-9564-5b8c656024db'],
    ["'\\xAA\\x01'::blob", 'qgE='],
    ["'b'::enum('a', 'b')", 'b'],
    ["'101'::bit", '101'],
    ["{'a': [1, 2], 'b': {'c': null}}", { a: [1, 2], b: { c: null } }],
    ["map {'k': 1}", { k: 1 }],
    ["map {1: 'x'}", [{ key: 1, value: 'x' }]],
    ['\'{"a": [1, null]}\'::json', { a: [1, null] }],
    ['[[1], []]', [[1], []]],
    ['union_value(num := 2)', 2],
    ['array_value(1, 2)', [1, 2]],
  ];

  test('what the database has comes out as what JSON has', async () => {
    const outputs = results.map(([expression], at) => [`v${at}`, `select ${expression}`]);
    const found = await outputsOf('select 1', { outputs: Object.fromEntries(outputs) });
    expect(results.map(([expression], at) => [expression, found[`v${at}`]])).toEqual(results);
  });

  const bound: readonly [value: Json, type: string][] = [
    ['text', 'VARCHAR'],
    [1, 'BIGINT'],
    [1.5, 'DOUBLE'],
    [1e300, 'DOUBLE'],
    [true, 'BOOLEAN'],
    [null, 'NULL'],
    [[1, 2], 'BIGINT[]'],
    [[1, 2.5, null], 'DOUBLE[]'],
    [['a'], 'VARCHAR[]'],
    [[[1], [2, 3]], 'BIGINT[][]'],
    [{ a: 1, b: ['x'] }, 'STRUCT(a BIGINT, b VARCHAR[])'],
    [[{ a: 1 }, { b: true }], 'STRUCT(a BIGINT, b BOOLEAN)[]'],
    [[1, 'a'], 'VARCHAR'],
    [{}, 'VARCHAR'],
    [{ a: 1, A: 2 }, 'VARCHAR'],
  ];

  test('what JSON has is bound with the type that holds it, and comes out again', async () => {
    const outputs = bound.flatMap((_, at) => [
      [`type${at}`, `select replace(typeof({{ v${at} }}), '"', '')`],
      [`value${at}`, `select {{ v${at} }}`],
    ]);
    const found = await outputsOf('select 1', {
      inputs: Object.fromEntries(bound.map(([value], at) => [`v${at}`, value])),
      outputs: Object.fromEntries(outputs),
    });
    expect(bound.map(([value], at) => [value, found[`type${at}`]])).toEqual(bound);
    const again = bound.map((_, at) => found[`value${at}`]);
    expect(again.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))).toEqual(
      bound.map(([value]) => (typeof value === 'string' ? value : withAllMembers(value))),
    );
  });

  test('a list of files is read as one table', async () => {
    const files = ['a', 'b'].map((name) => aFile(runner.dataDir, `${name}.csv`, `n\n${name}\n`));
    const outputs = await outputsOf('from read_csv({{ files }})', {
      inputs: { files },
      outputs: { n: 'select list(n order by n) from result' },
    });
    expect(outputs).toEqual({ n: ['a', 'b'] });
  });

  test('lists are asked with any, and rows are made of lists of objects', async () => {
    const inputs = { wanted: ['south', 'west'], rows: [{ region: 'south', boss: 'Ada' }] };
    const outputs = await outputsOf(
      `select boss, amount ${READ} join (select unnest({{ rows }}, recursive := true)) using (region) where region = any({{ wanted }})`,
      { inputs, outputs: { boss: 'select boss from result', amount: 'select amount from result' } },
    );
    expect(outputs).toEqual({ boss: 'Ada', amount: 5 });
  });

  test('a text is compared with a date, and limits and offsets take numbers', async () => {
    const outputs = await outputsOf(
      `select amount ${READ} where day >= '{{ since }}' order by day limit {{ most }}`,
      { inputs: { since: '2025-01-02', most: 1 }, outputs: { a: 'select amount from result' } },
    );
    expect(outputs).toEqual({ a: 5 });
  });

  test.each([
    "'; drop table t; --",
    "' or 1=1 --",
    '$1',
    '\\',
    "') to '/tmp/stolen' (format csv); --",
    '{{ orders }}',
  ])('a value is never read as SQL: %j', async (value) => {
    const outputs = await outputsOf('select {{ value }} as v', {
      inputs: { value },
      outputs: { v: 'select v from result', twice: "select v || '{{ value }}' from result" },
    });
    expect(outputs).toEqual({ v: value, twice: value + value });
  });
});

describe('what a query may not do', () => {
  test.each([
    ["from read_csv('/etc/passwd')", /file "\/etc\/passwd", which the node was not given/],
    ["from read_text('/proc/self/environ')", /not given/],
    ["from glob('/etc/*')", /not given/],
    ["from '/etc/hostname'", /hostname/],
    ["select * from sniff_csv('/etc/passwd')", /not given/],
    ["from read_csv({{ orders }} || '/../../../../../../etc/passwd')", /not given/],
    ["from read_csv(replace({{ orders }}, 'orders.csv', '*.csv'))", /not given/],
    ["from read_csv('http://127.0.0.1:1/x.csv')", /not given/],
    ["attach '/tmp/x.db'; select 1", /kind "attach" is not allowed/],
    ["copy (select 1) to '/tmp/x.csv'; select 1", /writes none but that of "into"/],
    ['copy (select 1) to {{ orders }}; select 1', /./],
    ["copy (select 1) to '/tmp/x.csv'", /not given/],
    ["export database '/tmp/x'; select 1", /not given/],
    ['install httpfs; select 1', /not allowed/],
    ["load '/tmp/x.so'; select 1", /not allowed/],
    ['pragma enable_external_access=true; select 1', /not allowed|locked/],
    ["set memory_limit='100GB'; select 1", /locked/],
    ['set lock_configuration=false; select 1', /locked/],
    [
      "call enable_logging(storage := 'file', storage_config := {'path': '/tmp/x'}); select 1",
      /not allowed/,
    ],
    ["prepare x as copy (select 1) to '/tmp/x'; execute x; select 1", /not given/],
    ["select getenv('PATH')", /getenv does not exist/],
    ["select 1) to '/tmp/x.csv'; copy (select 2", /syntax error/],
  ])('%s', async (query, message) => {
    expect(await messageOf(query, { into: 'x.parquet' })).toMatch(message);
    expect(existsSync('/tmp/x.csv')).toBe(false);
  });

  test('a link beside a bound file leads nowhere', async () => {
    const folder = path.join(runner.dataDir, 'objects/NS/default/files');
    const secret = path.join(runner.dataDir, 'secret.csv');
    writeFileSync(secret, 'a\n1\n');
    symlinkSync(secret, path.join(folder, 'link.csv'));
    const query = "from read_csv(replace({{ orders }}, 'orders.csv', 'link.csv'))";
    expect(await messageOf(query)).toMatch(/not given/);
  });

  test('a bound file stays as it is', async () => {
    await messageOf('copy (select 1) to {{ orders }} (format csv); select 1');
    await messageOf("select 1) to '{{ orders }}' (format csv); select (1");
    expect(contentOf(orders)).toMatch(/^region,amount,day\n/);
  });
});

describe('what is said when the database refuses', () => {
  test('a column that is not there, with its line and a caret', async () => {
    const query = `select region,\n  amont\n${READ}\nwhere region <> 'größe'`;
    expect(await failureOf(query)).toEqual({
      message:
        'the query, line 2, column 3: Referenced column "amont" not found in FROM clause; Candidate bindings: "amount", "region", "day"',
      log: [
        'the query, line 2, column 3: Referenced column "amont" not found in FROM clause!',
        'Candidate bindings: "amount", "region", "day"',
        '    amont',
        '    ^',
      ].join('\n'),
    });
  });

  test('the caret stands right behind values and letters of several bytes', async () => {
    const { log } = await failureOf(
      "select '🦆ö', '{{ orders }}', {{ orders }}, nowhere from read_csv('{{ orders }}')",
    );
    const [line = '', caret = ''] = log.split('\n').slice(-2);
    const from = [...line].slice(caret.indexOf('^')).join('');
    expect(from.startsWith('nowhere')).toBe(true);
  });

  test('what stands for a value is called as the user wrote it', async () => {
    const message = await messageOf('select 1 as a order by {{ orders }} {{ orders }}');
    expect(message).toContain('syntax error at or near "{{ orders }}"');
    expect(message).not.toContain('$1');
  });

  test('a value that the database cannot use is called by where it came from', async () => {
    const message = await messageOf(`select * ${READ} where day > '{{ since }}'`, {
      inputs: { since: 'tomorrow' },
    });
    expect(message).toMatch(
      /invalid date field format: "tomorrow".*\(the value of \{\{ since \}\}\)$/,
    );
  });

  test('a file that is not what the query takes it for', async () => {
    const message = await messageOf('from read_parquet({{ orders }})');
    expect(message).toMatch(/orders\.csv.*too small to be a Parquet file|No magic bytes found/);
  });

  test('a syntax error in the second statement', async () => {
    const { log } = await failureOf('select 1;\nselec 2');
    expect(log).toBe(
      'the query, line 2, column 1: syntax error at or near "selec"\n  selec 2\n  ^',
    );
  });

  test('the query of an output is named', async () => {
    const message = await messageOf('select 1 as a', { outputs: { n: 'select b from result' } });
    expect(message).toMatch(
      /^the query of the output "n", column 8: Referenced column "b" not found/,
    );
  });

  test.each([
    ['select unnest([1, 2])', /several rows; wanted is one value.*select list/],
    ['select 1, 2', /2 columns; wanted is one value/],
  ])('an output of more than one value: %s', async (query, message) => {
    expect(await messageOf('select 1', { outputs: { n: query } })).toMatch(message);
  });

  test('a line of a CSV file that does not fit, with its number', async () => {
    const bad = aFile(runner.dataDir, 'bad.csv', 'a,b\n1,2\n3,four\n');
    const query = "from read_csv('{{ bad }}', columns = {'a': 'INTEGER', 'b': 'INTEGER'})";
    const message = await messageOf(query, { inputs: { bad } });
    expect(message).toMatch(
      /CSV Error on Line: 3; Original Line: 3,four; Error when converting column "b"/,
    );
    expect(message).not.toMatch(/Possible|nullstr|is being converted/);
  });

  test('a line of a CSV file with a column too many: how many were found and wanted, without a page of advice', async () => {
    const wide = aFile(runner.dataDir, 'wide.csv', 'a,b\n1,2\n3,4,5\n');
    const query =
      "from read_csv('{{ wide }}', header = true, columns = {'a': 'INTEGER', 'b': 'INTEGER'})";
    const message = await messageOf(query, { inputs: { wide } });
    expect(message).toMatch(/wide\.csv.*they contain: 2 columns.*the sniffer: 3/);
    expect(message.length).toBeLessThan(450);
  });

  test('a last statement without rows', async () => {
    expect(await messageOf('create table t (a int)')).toMatch(/gives no rows; wanted is a query/);
  });

  test('what the query itself calls an error', async () => {
    expect(await messageOf("select error('no orders at all')")).toMatch(/no orders at all/);
  });
});

describe('bounds', () => {
  const HEAVY = 'select list(a.range || b.range) as l from range(20000) a, range(20000) b';

  test('a query over its memory ends out_of_memory and says what to do', async () => {
    const resources = { limits: { memory: 400 * 2 ** 20 } };
    const { result } = await ask(HEAVY, { resources });
    expect(result).toMatchObject({
      result: 'failed',
      reason: 'out_of_memory',
      message: expect.stringMatching(/resources\.limits\.memory|used .* of memory at its peak/),
    });
  });

  test('a query that runs for ever is interrupted when its time is up, long before its grace is', async () => {
    const query =
      'select count(*) from range(1000000000000) a, range(1000000) b where a.range % 7 = b.range % 11';
    const began = Date.now();
    const { result } = await ask(query, { timeout: 1_000, grace: 60_000 });
    expect(result).toMatchObject({ result: 'timed_out' });
    expect(Date.now() - began).toBeLessThan(20_000);
  });

  test('a sort larger than its memory is done with the disk, which is empty afterwards', async () => {
    const resources = { limits: { memory: 340 * 2 ** 20 } };
    const { result } = await ask(
      'select i, md5(i::varchar) as h, md5((i + 1)::varchar) as g from range(2000000) t(i) order by h',
      { resources, into: 'sorted.parquet', outputs: { n: 'select count(*) from sorted' } },
    );
    expect(result).toMatchObject({ result: 'completed', outputs: { n: 2_000_000 } });
  });
});
