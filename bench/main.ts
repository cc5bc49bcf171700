// Runs the benchmarks, prints a table, writes bench/results.json. `npm run bench -- walk compile` runs only those.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { type BenchRow, benchRow } from './row.ts';

const BENCHES: Readonly<Record<string, () => Promise<{ rows(): Promise<readonly BenchRow[]> }>>> = {
  walk: () => import('./walk.ts'),
  advance: () => import('./advance.ts'),
  compile: () => import('./compile.ts'),
  engine: () => import('./engine.ts'),
  functions: () => import('./functions.ts'),
  startup: () => import('./startup.ts'),
  runner: () => import('./runner.ts'),
  line: () => import('./line.ts'),
  environments: () => import('./environments.ts'),
  sql: () => import('./sql.ts'),
  approve: () => import('./approve.ts'),
  coldstart: () => import('./coldstart.ts'),
  peers: () => import('./peers.ts'),
};

const words = process.argv.slice(2);
const names = words.filter((word) => word in BENCHES);
const unknown = words.filter((word) => !(word in BENCHES) && word !== '--rows');
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}

if (words.includes('--rows')) {
  // One benchmark, in this process of its own: what another one left in memory must not count.
  const [name = ''] = names;
  console.log(JSON.stringify(await (await BENCHES[name]?.())?.rows()));
  process.exit(0);
}

const all: BenchRow[] = [];
for (const name of Object.keys(BENCHES)) {
  if (names.length > 0 && !names.includes(name)) continue;
  console.error(`… ${name}`);
  const args = [...process.execArgv, fileURLToPath(import.meta.url), name, '--rows'];
  const printed = execFileSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  all.push(...z.array(benchRow).parse(JSON.parse(printed.trim().split('\n').at(-1) ?? '')));
}

const shown = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toPrecision(2);
const width = Math.max(...all.map((row) => row.name.length));
for (const row of all) {
  const mark = row.reached ? ' ' : '✗';
  console.log(
    `${mark} ${row.name.padEnd(width)}  ${`${shown(row.value)} ${row.unit}`.padStart(18)}   ${row.target}${row.note === undefined ? '' : `   ${row.note}`}`,
  );
}
const machine = {
  node: process.version,
  cores: availableParallelism(),
  cpu: cpus()[0]?.model,
  memoryBytes: totalmem(),
};
writeFileSync(
  new URL('./results.json', import.meta.url),
  `${JSON.stringify({ at: new Date().toISOString(), machine, rows: all }, undefined, 2)}\n`,
);
console.log(
  `\n${all.filter((row) => row.reached).length} of ${all.length} reached; bench/results.json`,
);
