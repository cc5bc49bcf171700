// Runs the benchmarks, prints a table, writes bench/results.json. `npm run bench -- walk compile` runs only those.
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { BenchRow } from './row.ts';

const BENCHES: Readonly<Record<string, () => Promise<{ rows(): Promise<readonly BenchRow[]> }>>> = {
  walk: () => import('./walk.ts'),
  advance: () => import('./advance.ts'),
  compile: () => import('./compile.ts'),
  engine: () => import('./engine.ts'),
  startup: () => import('./startup.ts'),
  runner: () => import('./runner.ts'),
};

const wanted = process.argv.slice(2).filter((name) => !name.startsWith('-'));
const unknown = wanted.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}

const all: BenchRow[] = [];
for (const [name, load] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`… ${name}`);
  const { rows } = await load();
  all.push(...(await rows()));
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
