// Environments: what is built beside what its tools do by hand, and how soon a large one is ready. Ours and by hand take turns.
import { execFile, execFileSync } from 'node:child_process';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { runnerAt } from '#embedded/runner-program.ts';
import { type OperatorCode, operatorCode } from '#runner/code/operator-code.ts';
import { activation, ensureEnvironment, useEnvironment } from '#runner/environments/build.ts';
import type { Tools } from '#runner/environments/kind.ts';
import { environmentsFolder } from '#runner/environments/store.ts';
import { findInterpreter, findUv } from '#runner/environments/uv-tool.ts';
import type { Environment } from '#schemas/plan.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { emulated } from '#support/aws/emulated.ts';
import { startMinistack } from '#support/aws/emulators.ts';
import { Engine, RunnerProcess } from '../test/runner/engine.ts';
import { anOrder } from '../test/runner/orders.ts';
import { aProject, aRepository } from '../test/runner/sources.ts';
import { bigArchive } from './conda-archive.ts';
import { type BenchRow, median, row } from './row.ts';

const run = promisify(execFile);
const ROUNDS = 5;
const UV = fileURLToPath(new URL('../.tools/bin/uv', import.meta.url));
const RUNNER = fileURLToPath(new URL('../bin/runner.js', import.meta.url));
const PYTHON = fileURLToPath(new URL('../.tools/conda/venv/bin/python', import.meta.url));
/** What six operators need, each something else. */
const NEEDS = ['pandas', 'polars', 'scikit-learn', 'matplotlib', 'sqlalchemy', 'pyarrow'];
const WHEELS = 10;
const WHEEL_FILES = 5_000;
const TICK = 0.01;

const pyproject = { kind: 'uv', project: 'pyproject.toml' } as const;

export async function rows(): Promise<BenchRow[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mr-bench-'));
  try {
    return [...(await six(folder)), ...(await many(folder)), ...(await archive(folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface Took {
  /** Seconds by the clock. */
  readonly wall: number;
  /** Seconds of the processor, of this process and of all that it started. */
  readonly work: number;
}

/** With nothing left to write to the disk from what was before. `by`: the process that works, and whose children do. */
async function taken(work: () => Promise<unknown>, by: number | 'self' = 'self'): Promise<Took> {
  execFileSync('sync');
  const before = worked(by);
  const start = performance.now();
  await work();
  return { wall: (performance.now() - start) / 1000, work: worked(by) - before };
}

function worked(by: number | 'self'): number {
  const fields = readFileSync(`/proc/${by}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK;
}

interface Pair {
  readonly ours: Took;
  readonly byHand: Took;
}

/** The first of each is not counted. */
async function inTurns(ours: () => Promise<Took>, byHand: () => Promise<Took>): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let round = 0; round <= ROUNDS; round += 1)
    pairs.push({ byHand: await byHand(), ours: await ours() });
  return pairs.slice(1);
}

function compared(name: string, pairs: readonly Pair[], atMost: number): BenchRow {
  const middle = (of: (pair: Pair) => number): string => median(pairs.map(of)).toFixed(2);
  const wall = `${middle(({ ours }) => ours.wall)} s against ${middle(({ byHand }) => byHand.wall)} s`;
  const work = `${middle(({ ours }) => ours.work)} s against ${middle(({ byHand }) => byHand.work)} s`;
  const tool = median(pairs.map(({ byHand }) => byHand.wall));
  const ratios = pairs.map(({ ours }) => ours.wall / tool);
  return row(name, ratios, { unit: '×', atMost, note: `${wall}; of the processor ${work}` });
}

/** What is known of an interpreter, and an environment of it with nothing in it: made with the first build on a machine. */
const KEPT = new Set(['interpreters', 'empty']);

/**
 * Neither has an environment yet; the cache of uv is warm and both know the interpreter. Our very first build on a machine asks uv for it,
 * which the note tells.
 */
async function six(folder: string): Promise<BenchRow[]> {
  const tools = toolsIn(path.join(folder, 'code'));
  const codes: OperatorCode[] = [];
  for (const need of NEEDS) codes.push(await locked(folder, need, [need], tools));
  // The very calls that ours come to: by itself uv looks for the interpreter each time, which may take longer than all the rest.
  const project = codes[0]?.folder ?? folder;
  const python = await findInterpreter(
    await findUv(tools),
    { project, python: undefined },
    toolsIn(path.join(folder, 'apart')),
  );
  const env = { ...process.env, UV_PYTHON: python.path, UV_PYTHON_DOWNLOADS: 'never' };
  let first: Took | undefined;
  const runner = runnerOf(tools, path.join(folder, 'data'));
  const engine = await Engine.connect(runner);
  const ours = async (): Promise<Took> => {
    const orders = codes.map((code, at) => preparation(folder, NEEDS[at] ?? '', code));
    const took = await taken(async () => {
      engine.start(...orders);
      for (const { name } of orders) {
        const { prepared, result } = await engine.report(name);
        if (prepared?.built !== true) throw new TypeError(JSON.stringify(result));
      }
    }, runner.child.pid);
    const built = environmentsFolder(tools.cacheDir);
    for (const name of readdirSync(built))
      if (!KEPT.has(name)) rmSync(path.join(built, name), { recursive: true });
    first ??= took;
    return took;
  };
  const byHand = async (): Promise<Took> => {
    const script = `printf '%s\\n' "$@" | xargs -P 2 -I@ '${UV}' sync -q --frozen --no-dev --project @`;
    const projects = codes.map((code) => handsOn(folder, code));
    const took = await taken(() => run('sh', ['-c', script, 'sh', ...projects], { env }));
    for (const project of projects) rmSync(project, { recursive: true });
    return took;
  };
  const pairs = await inTurns(ours, byHand);
  await runner.remove();
  const compare = compared(
    `${NEEDS.length} uv environments, cold / uv sync two at a time`,
    pairs,
    1.2,
  );
  return [{ ...compare, note: `${compare.note}; the first time ${first?.wall.toFixed(2)} s` }];
}

/** The order that a run gives to the runner for an operator, before anything else. */
function preparation(folder: string, name: string, { commit = '' }: OperatorCode): WorkOrder {
  const git = path.join(folder, 'operators', name);
  return {
    ...anOrder([], { folder, sources: { [`${git}#v1.0.0`]: { commit } } }),
    work: { kind: 'prepare', operator: { git, tag: 'v1.0.0' }, environment: pyproject },
  };
}

/** As the engine starts it. */
function runnerOf({ cacheDir, host }: Tools, dataDir: string): RunnerProcess {
  return new RunnerProcess({ dataDir, cacheDir, env: host, program: runnerAt(RUNNER).args });
}

/** What a person would sync in: a clone, with its environment beside the code. */
function handsOn(folder: string, code: OperatorCode): string {
  const project = mkdtempSync(path.join(folder, 'hand-'));
  for (const name of ['pyproject.toml', 'uv.lock'])
    writeFileSync(path.join(project, name), readFileSync(path.join(code.folder, name)));
  return project;
}

/** An operator with these needs, resolved by uv itself. */
async function locked(
  folder: string,
  name: string,
  needs: readonly string[],
  tools: Tools,
): Promise<OperatorCode> {
  const place = path.join(folder, 'operators', name);
  const wheels = path.join(folder, 'wheels');
  // A project that is called like what it needs would need itself, and nothing would be installed.
  const files = aProject(`operator-${name}`);
  const index = `[[tool.uv.index]]\nname = "made"\nurl = "${wheels}"\nformat = "flat"\n`;
  const text = (files['pyproject.toml'] ?? '').replace('[]', JSON.stringify(needs));
  mkdirSync(place, { recursive: true });
  mkdirSync(wheels, { recursive: true });
  writeFileSync(path.join(place, 'pyproject.toml'), `${text}${index}`);
  execFileSync(UV, ['lock', '-q', '--project', place], { stdio: ['ignore', 'ignore', 'inherit'] });
  aRepository(place, { 'main.py': '' });
  return operatorCode(tools, { operator: { git: place, tag: 'v1.0.0' }, folder, sources: {} });
}

const toolsIn = (cacheDir: string): Tools => ({
  cacheDir,
  host: { ...process.env, MILLRACE_UV: UV },
});

/** One of 50,000 files: built by hard links from the warm cache of uv, and ready for a program where it is there. */
async function many(folder: string): Promise<BenchRow[]> {
  const tools = toolsIn(path.join(folder, 'many'));
  const wheels = path.join(folder, 'wheels');
  const names = Array.from({ length: WHEELS }, (_, index) => `made${index}`);
  mkdirSync(wheels, { recursive: true });
  execFileSync(PYTHON, ['-c', MAKE_WHEELS, wheels, `${WHEEL_FILES}`, ...names]);
  const code = await locked(folder, 'many', names, tools);
  const files = WHEELS * WHEEL_FILES;
  const speeds: number[] = [];
  let last: Took | undefined;
  for (let round = 0; round <= ROUNDS; round += 1) {
    rmSync(environmentsFolder(tools.cacheDir), { recursive: true, force: true });
    last = await taken(() => ensureEnvironment(pyproject, code, tools));
    if (round > 0) speeds.push(files / last.wall);
  }
  const note = `of the processor ${((last?.work ?? 0) * 1000).toFixed(0)} ms in the last`;
  return [
    row(`environment of ${files} files, built by hard links`, speeds, {
      ...{ unit: 'files/s', atLeast: 20_000, note },
    }),
    ...(await inPlace(folder, code, tools)),
  ];
}

/** By the runner: from the order to the first thing the program does; and what of that the environment is by itself. */
async function inPlace(folder: string, code: OperatorCode, tools: Tools): Promise<BenchRow[]> {
  const alone: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    const { ensured, release } = await useEnvironment(pyproject, code, tools);
    activation(pyproject, ensured, { PATH: process.env['PATH'] ?? '' });
    alone.push(performance.now() - start);
    release();
  }
  const runner = runnerOf(tools, path.join(folder, 'data-in-place'));
  try {
    const engine = await Engine.connect(runner);
    const git = path.join(folder, 'operators/many');
    const command = `python -I -S -c 'import time; print("at=%d" % time.time_ns())' >> "$MILLRACE_OUTPUTS"`;
    const whole: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const operator = { git, tag: 'v1.0.0' };
      const order = anOrder([{ command, operator, environment: pyproject }], {
        folder,
        sources: { [`${git}#v1.0.0`]: { commit: code.commit ?? '' } },
      });
      const begun = Date.now();
      const { result } = await engine.run(order);
      if (result.result !== 'completed') throw new TypeError(JSON.stringify(result));
      if (round > 0) whole.push(Number(result.outputs['at']) / 1e6 - begun);
    }
    const note = `${median(alone).toFixed(1)} ms of it the environment by itself`;
    return [
      row('the same in place, order to first instruction', whole, { unit: 'ms', atMost: 50, note }),
    ];
  } finally {
    await runner.remove();
  }
}

const MAKE_WHEELS = `
import sys, zipfile
place, count, *names = sys.argv[1:]
for name in names:
    info = f"{name}-1.0.dist-info"
    files = {f"{name}/part_{i // 100}/module_{i}.py": f"value = {i}\\n" for i in range(int(count) - 3)}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: made\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{info}/RECORD"] = "".join(f"{file},,\\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(f"{place}/{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_STORED) as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
`;

/** From a store that speaks S3 to a prefix that works where it lies, against the tools alone, which have the archive on this disk. */
async function archive(folder: string): Promise<BenchRow[]> {
  const store = await startMinistack();
  if (store === undefined) throw new TypeError('MiniStack is missing: node tools/emulators.mjs');
  try {
    const { file, packed, files } = bigArchive(folder);
    const client = new S3Client({ ...emulated(store.endpoint), forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: 'envs' }));
    const object = { Bucket: 'envs', Key: 'big.tar.zst' };
    await client.send(
      new PutObjectCommand({ ...object, Body: createReadStream(file), ContentLength: packed }),
    );
    client.destroy();
    const environment: Environment = {
      kind: 'conda',
      key: object.Key,
      update: true,
      store: {
        ...{ endpoint: store.endpoint, region: 'us-east-1', bucket: 'envs', pathStyle: true },
        credentials: { accessKey: 'test', secretKey: 'test' },
      },
    };
    const code = await locked(folder, 'conda', [], toolsIn(path.join(folder, 'code')));
    const ours = async (): Promise<Took> => {
      const tools = toolsIn(mkdtempSync(path.join(folder, 'conda-')));
      const took = await taken(() => ensureEnvironment(environment, code, tools));
      rmSync(tools.cacheDir, { recursive: true });
      return took;
    };
    const byHand = async (): Promise<Took> => {
      const place = mkdtempSync(path.join(folder, 'hand-'));
      const script = `zstd -dc '${file}' | tar -x -C '${place}'`;
      const took = await taken(() => run('sh', ['-c', script]));
      rmSync(place, { recursive: true });
      return took;
    };
    const pairs = await inTurns(ours, byHand);
    const download = await taken(() => fetched(`${store.endpoint}/envs/${object.Key}`));
    const megabytes = Math.round(packed / 1e6);
    const compare = compared(
      `conda archive of ${megabytes} MB, ${files} files, from S3 / zstd | tar`,
      pairs,
      1.3,
    );
    const alone = `; the download by itself ${download.wall.toFixed(2)} s`;
    return [{ ...compare, note: `${compare.note}${alone}` }];
  } finally {
    await store.end();
  }
}

async function fetched(url: string): Promise<number> {
  let size = 0;
  for await (const chunk of (await fetch(url)).body ?? []) size += chunk.length;
  return size;
}
