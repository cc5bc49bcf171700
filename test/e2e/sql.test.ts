// Pipelines of queries, as a user runs them.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunReport } from '#schemas/report.ts';
import { fileValue } from '#schemas/values.ts';
import { jsonLines, Place, ROOT } from '#support/millrace.ts';

const PIPELINE = `
id: shop
inputs:
  orders: { type: file }
  region: { type: string, default: north }
nodes:
  - id: clean
    sql:
      query: |
        select region, amount
        from read_csv('{{ pipeline.input.orders }}')
        where amount > 1
      into: orders.parquet
      outputs: { regions: select list(distinct region order by region) from orders }
  - id: totals
    needs: [clean]
    inputs: { orders: "{{ clean.orders }}", region: "{{ pipeline.input.region }}" }
    sql:
      query: |
        select region, sum(amount) as total
        from read_parquet('{{ orders }}') where region = '{{ region }}'
        group by all
      into: totals.json
  - id: shell
    needs: [totals]
    steps: [{ command: 'echo "text=$(cat {{ totals.totals }} | tr -d "[:space:]")" >> "$MILLRACE_OUTPUTS"' }]
`;

const BROKEN = `
id: broken
nodes:
  - id: wrong
    retry: { maxAttempts: 2, delay: 10ms }
    sql: |
      select 1 as amount
      where amuont > 1
`;

let place: Place;
beforeAll(() => {
  place = new Place({
    'shop.yaml': PIPELINE,
    'broken.yaml': BROKEN,
    'orders.csv': 'region,amount\nnorth,10\nsouth,5\nnorth,1\nnorth,2\n',
  });
});
afterAll(() => place.remove());

async function shop(...args: readonly string[]): Promise<RunReport> {
  const given = ['shop.yaml', '-i', 'orders=orders.csv', ...args];
  const ended = await place.run('run', ...given, '--json');
  expect(ended.code, ended.stderr + ended.stdout.slice(-2_000)).toBe(0);
  return jsonLines(ended.stdout).report;
}

test('CSV in, Parquet between two nodes, JSON out to a shell', async () => {
  const { nodes } = await shop();
  expect(nodes['clean']?.outputs['regions']).toEqual(['north', 'south']);
  expect(fileValue.parse(nodes['clean']?.outputs['orders']).$file).toMatchObject({
    name: 'orders.parquet',
    metadata: { rows: 3 },
  });
  expect(nodes['shell']?.outputs).toEqual({ text: [{ region: 'north', total: 12 }] });
  expect(nodes['clean']).toHaveProperty('peaks.memoryBytes');
});

test('a value is a value, whatever is in it', async () => {
  const { nodes } = await shop('-i', "region=north' or '1'='1'; drop table x; --");
  expect(nodes['shell']?.outputs).toEqual({ text: [] });
});

test('a query that the database refuses: exit 1, its line and a caret, tried again as the node says', async () => {
  const ended = await place.run('run', 'broken.yaml');
  expect(ended.code).toBe(1);
  expect(ended.stderr + ended.stdout).toContain('    │   where amuont > 1\n    │         ^\n');
  const shown = await place.run('show', 'latest', '--json');
  expect(jsonLines(shown.stdout).report.nodes['wrong']).toMatchObject({
    status: 'failed',
    reason: 'sql_failed',
    attempts: 2,
    message: expect.stringMatching(/^the query, line 2, column 7: Referenced column "amuont"/),
  });
});

test('nothing of a query is left in the workspaces', async () => {
  await shop();
  const folder = join(place.folder, '.millrace', 'workspaces');
  expect(
    readdirSync(folder, { recursive: true }).filter((name) => /request|spill/.test(`${name}`)),
  ).toEqual([]);
});

test('where the package is missing, plan and run say what to install, and nothing has run', async () => {
  const elsewhere = join(place.folder, 'elsewhere');
  mkdirSync(elsewhere);
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(join(ROOT, part), join(elsewhere, part), { recursive: true });
  const program = join(elsewhere, 'bin', 'millrace.js');
  for (const command of ['plan', 'run']) {
    const args = [program, command, 'shop.yaml', '-i', 'orders=orders.csv', '--data-dir', 'none'];
    const ended = spawnSync(process.execPath, args, {
      cwd: place.folder,
      env: place.env,
      encoding: 'utf8',
    });
    expect(ended.status).toBe(2);
    const { version } = JSON.parse(
      readFileSync(join(ROOT, 'node_modules/@duckdb/node-api/package.json'), 'utf8'),
    );
    expect(ended.stderr).toContain(`npm i @duckdb/node-api@${version}`);
  }
  rmSync(elsewhere, { recursive: true });
});
