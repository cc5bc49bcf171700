import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';
import { DUCKDB, missingPackages } from '#local/missing-packages.ts';

function planOf(node: string) {
  const result = compile({
    text: `id: p\nnodes:\n  - { id: first, steps: [{ command: x }] }\n  - ${node}`,
  });
  if (!result.ok) throw new TypeError(JSON.stringify(result.problems));
  return result.plan;
}

const query = planOf('{ id: count, sql: select 1 }');

test('a pipeline with a query says how to install what it needs', () => {
  expect(missingPackages(query, () => undefined)).toMatchObject([
    {
      code: 'package_missing',
      path: 'nodes[1].sql',
      message: `node "count" has "sql", which needs the package ${DUCKDB.name}: npm i ${DUCKDB.name}@${DUCKDB.version}`,
    },
  ]);
});

test('another version of the package is named', () => {
  expect(missingPackages(query, () => '1.0.0')).toMatchObject([
    { message: expect.stringMatching(/in version 1\.5\.5-r\.5; installed is 1\.0\.0/) },
  ]);
});

test('nothing is asked for where nothing is needed, or where it is there', () => {
  expect(
    missingPackages(planOf('{ id: other, steps: [{ command: y }] }'), () => undefined),
  ).toEqual([]);
  expect(missingPackages(query)).toEqual([]);
});

test('the version is the one that the package is built and tested with', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(manifest.devDependencies[DUCKDB.name]).toBe(DUCKDB.version);
  expect(manifest.peerDependencies[DUCKDB.name]).toBe(DUCKDB.version);
});
