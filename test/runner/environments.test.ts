import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operatorCode } from '#runner/code/operator-code.ts';
import { activation, ensureEnvironment, useEnvironment } from '#runner/environments/build.ts';
import { refusedArgument } from '#runner/environments/kinds.ts';
import { listEnvironments, pruneEnvironments, why } from '#runner/environments/manage.ts';
import { checkExtraArgs } from '#runner/environments/uv-args.ts';
import { seemsToFit } from '#runner/environments/uv-lock.ts';
import { Engine, RunnerProcess, temporaryFolder } from './engine.ts';
import { anOrder } from './orders.ts';
import { aCommit, aProject, aRepository, writeFiles } from './sources.ts';

let folder: string;
let context: { cacheDir: string; host: NodeJS.ProcessEnv };
const uv = { kind: 'uv', project: 'pyproject.toml', name: 'clean' } as const;
const operator = { git: './clean', tag: 'v1.0.0' };

beforeEach(() => {
  folder = temporaryFolder();
  context = { cacheDir: path.join(folder, 'cache'), host: process.env };
  aRepository(path.join(folder, 'clean'), aProject());
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function aProjectWithoutLock(): Record<string, string> {
  const { 'uv.lock': _, ...files } = aProject();
  return files;
}

const code = (tag = 'v1.0.0') =>
  operatorCode(context, { operator: { git: './clean', tag }, folder, sources: {} });

test('an environment is built once although ten ask at the same time, and found afterwards', async () => {
  const source = await code();
  const asked = Array.from({ length: 10 }, () => ensureEnvironment(uv, source, context));
  const all = await Promise.all(asked);
  expect(all.filter((one) => one?.built === true)).toHaveLength(1);
  expect(new Set(all.map((one) => one?.folder)).size).toBe(1);
  expect(await ensureEnvironment(uv, source, context)).toMatchObject({ built: false });
});

test('two processes that share a cache build it once', async () => {
  const first = new RunnerProcess({ cacheDir: context.cacheDir, dataDir: path.join(folder, 'a') });
  const second = new RunnerProcess({ cacheDir: context.cacheDir, dataDir: path.join(folder, 'b') });
  const prepare = () =>
    ({ ...anOrder([]), folder, work: { kind: 'prepare', operator, environment: uv } }) as const;
  const reports = await Promise.all(
    [first, second].map(async (runner) => (await Engine.connect(runner)).run(prepare())),
  );
  await Promise.all([first.remove(), second.remove()]);
  expect(reports.map((report) => report.result.result)).toEqual(['completed', 'completed']);
  expect(reports.filter((report) => report.prepared?.built === true)).toHaveLength(1);
});

test('a program in it runs its Python, in a copy of the operator', async () => {
  const runner = new RunnerProcess({ dataDir: path.join(folder, 'data') });
  const engine = await Engine.connect(runner);
  const order = anOrder([{ command: 'python main.py', operator, environment: uv }], { folder });
  const report = await engine.run(order);
  await runner.remove();
  expect(report.result).toMatchObject({ result: 'completed' });
  const outputs = report.result.result === 'completed' ? report.result.outputs : {};
  expect(outputs['prefix']).toContain(path.join(folder, 'data/cache/environments'));
  expect(outputs['here']).toContain(path.join(folder, 'data/workspaces'));
});

test('a working tree takes the place of an operator, and a PATH of the pipeline does not hide the environment', async () => {
  const runner = new RunnerProcess({ dataDir: path.join(folder, 'data') });
  const engine = await Engine.connect(runner);
  const instead = path.join(folder, 'other');
  writeFiles(instead, {
    ...aProject(),
    'main.py': aProject()['main.py']?.replace('here=', 'there=') ?? '',
  });
  const step = {
    command: 'python main.py',
    operator,
    environment: uv,
    env: { PATH: '/usr/bin:/bin' },
  };
  const report = await engine.run(anOrder([step], { folder, with: { './clean#v1.0.0': instead } }));
  await runner.remove();
  const outputs = report.result.result === 'completed' ? report.result.outputs : {};
  expect(Object.keys(outputs)).toEqual(['prefix', 'there']);
  expect(outputs['prefix']).toContain('environments');
});

test('the environment does not depend on where code lies that is not built into it', async () => {
  const first = await ensureEnvironment(uv, await code(), context);
  aCommit(path.join(folder, 'clean'), { 'main.py': 'print("two")' }, 'v2.0.0');
  const second = await ensureEnvironment(uv, await code('v2.0.0'), context);
  expect(second).toMatchObject({ key: first?.key, built: false });
});

test('a failed build names the first error, its command and its log, and leaves no environment', async () => {
  const bad =
    aProject()['pyproject.toml']?.replace('[]', '["millrace-no-such-package-ever==9"]') ?? '';
  aCommit(path.join(folder, 'clean'), { 'pyproject.toml': bad }, 'v2.0.0');
  execFileSync('git', ['rm', '-q', 'uv.lock'], { cwd: path.join(folder, 'clean') });
  aCommit(path.join(folder, 'clean'), { more: '1' }, 'v3.0.0');
  const offline = { ...context, offline: true };
  const failed = ensureEnvironment(uv, await code('v3.0.0'), offline);
  await expect(failed).rejects.toThrow(
    /could not be built: .*\n[\s\S]*command: .*uv lock[\s\S]*whole log: /,
  );
  expect((await listEnvironments(context.cacheDir)).filter((one) => one.ready)).toEqual([]);
  expect(readdirSync(path.join(context.cacheDir, 'environments/logs'))).toHaveLength(1);
});

test('a build that was killed is never used', async () => {
  const runner = new RunnerProcess({ cacheDir: context.cacheDir, dataDir: path.join(folder, 'a') });
  const engine = await Engine.connect(runner);
  engine.start({ ...anOrder([]), folder, work: { kind: 'prepare', operator, environment: uv } });
  const environments = path.join(context.cacheDir, 'environments');
  const begun = () =>
    existsSync(environments) &&
    readdirSync(environments, { recursive: true }).some((name) =>
      /^[0-9a-f]{64}\/[0-9a-f]{12}$/.test(String(name)),
    );
  while (!begun()) await new Promise((resolve) => setImmediate(resolve));
  await runner.kill();
  expect((await listEnvironments(context.cacheDir)).map((one) => one.ready)).toEqual([undefined]);
  const built = await ensureEnvironment(uv, await code(), context);
  expect(built).toMatchObject({ built: true });
  const python = path.join(built?.folder ?? '', 'env/bin/python');
  expect(execFileSync(python, ['-c', 'print(1)'], { encoding: 'utf8' })).toBe('1\n');
});

test('a lock that no longer fits is a warning with the command that mends it; without one what was resolved is kept, and said', async () => {
  let said = '';
  const onOutput = (chunk: Buffer) => {
    said += String(chunk);
  };
  const told = { ...context, onOutput };
  await ensureEnvironment(uv, await code(), told);
  expect(said).not.toMatch(/warning|note/);
  // `six` is wanted, and the lock knows nothing of it.
  const wants = aProject()['pyproject.toml']?.replace('[]', '["six"]') ?? '';
  aCommit(path.join(folder, 'clean'), { 'pyproject.toml': wants }, 'v2.0.0');
  await ensureEnvironment(uv, await code('v2.0.0'), told);
  expect(said).toContain('warning: uv.lock no longer fits pyproject.toml');
  execFileSync('git', ['rm', '-q', 'uv.lock'], { cwd: path.join(folder, 'clean') });
  aCommit(path.join(folder, 'clean'), aProjectWithoutLock(), 'v3.0.0');
  const resolved = await ensureEnvironment(uv, await code('v3.0.0'), told);
  expect(said).toContain('warning: there is no uv.lock');
  expect(existsSync(path.join(resolved?.folder ?? '', 'uv.lock'))).toBe(true);
});

test('what a lock was made for is compared as names and versions are written', () => {
  const project = (...wants: string[]) =>
    `[project]\nname = "A_b"\ndependencies = ${JSON.stringify(wants)}\n`;
  const lock =
    '[[package]]\nname = "a-b"\nsource = { virtual = "." }\n[package.metadata]\nrequires-dist = [{ name = "pandas", extras = ["x"], specifier = ">=2,<3" }, { name = "six" }]\n';
  expect(seemsToFit(project('Pandas[x] >=2, <3', 'six; python_version > "3"'), lock)).toBe(true);
  expect(seemsToFit(project('pandas>=2', 'six'), lock)).toBe(false);
  expect(seemsToFit(project('pandas[x]>=2,<3'), lock)).toBe(false);
  expect(seemsToFit('[', lock)).toBe(false);
});

test('activation puts its programs first on PATH', () => {
  const ensured = { key: 'k', folder: '/cache/k', built: false, seconds: 0 };
  expect(activation(uv, ensured, { PATH: '/usr/bin' })).toEqual({
    VIRTUAL_ENV: '/cache/k/env',
    PATH: '/cache/k/env/bin:/usr/bin',
    UV_ENV_ACTIVATED: 'true',
  });
});

test('prune takes away what was not used, and why says what made a new one necessary', async () => {
  const first = await ensureEnvironment(uv, await code(), context);
  const extra = { ...uv, extraArgs: ['--compile-bytecode'] };
  const second = await ensureEnvironment(extra, await code(), context);
  const explained = why(context.cacheDir, second?.key.slice(0, 10) ?? '');
  expect(explained?.other?.differs.map(({ part }) => part)).toEqual(['extraArgs']);
  await pruneEnvironments(context.cacheDir, { before: Date.now() + 1_000 });
  expect(await listEnvironments(context.cacheDir)).toEqual([]);
  expect(first?.key).not.toBe(second?.key);
});

test('a size limit takes away those not used for longest, and never one that a program runs in', async () => {
  const variants = [[], ['--compile-bytecode'], ['--no-build']];
  const built = [];
  for (const extraArgs of variants)
    built.push(await ensureEnvironment({ ...uv, extraArgs }, await code(), context));
  const [first, second, third] = built.map((each) => each?.key ?? '');
  for (const [at, key] of [first, second, third].entries()) {
    const marker = path.join(context.cacheDir, 'environments', key ?? '', 'ready.json');
    utimesSync(marker, 1_000_000 + at, 1_000_000 + at);
  }
  const listed = await listEnvironments(context.cacheDir);
  const largest = Math.max(...listed.map(({ bytes }) => bytes));
  const used = await useEnvironment({ ...uv, extraArgs: [] }, await code(), context);
  utimesSync(path.join(context.cacheDir, 'environments', first ?? '', 'ready.json'), 1, 1);
  const prune = async (most: number) =>
    (await pruneEnvironments(context.cacheDir, { before: 0, most })).map(({ key }) => key);
  expect(await prune(largest * 2 + 1)).toEqual([second]);
  expect(await prune(0)).toEqual([third]);
  used.release();
  expect(await prune(0)).toEqual([first]);
});

test('an environment that another process runs a program in is not taken away', async () => {
  const runner = new RunnerProcess({ cacheDir: context.cacheDir, dataDir: path.join(folder, 'a') });
  const engine = await Engine.connect(runner);
  const go = path.join(folder, 'go');
  const command = `python -c 'print(1)'; touch ${path.join(folder, 'runs')}; while [ ! -e ${go} ]; do sleep 0.02; done; python -c 'print(2)'`;
  const running = engine.run(anOrder([{ command, operator, environment: uv }], { folder }));
  while (!existsSync(path.join(folder, 'runs'))) await new Promise((done) => setTimeout(done, 10));
  expect(await pruneEnvironments(context.cacheDir, { before: Date.now() + 60_000 })).toEqual([]);
  writeFileSync(go, '');
  expect((await running).result).toMatchObject({ result: 'completed' });
  await runner.remove();
  expect(await pruneEnvironments(context.cacheDir, { before: Date.now() + 60_000 })).toHaveLength(
    1,
  );
});

test.each([
  ['--project=/tmp'],
  ['--directory', '/'],
  ['--python', 'x'],
  ['--python', '/usr/bin/python3'],
  ['--python=../python'],
  ['-p'],
  ['--target=/'],
  ['--extra'],
  ['requests'],
])('%s may not be given to uv sync', (...args) => {
  expect(() => checkExtraArgs(args)).toThrow(/may not be given/);
});

test.each([
  [['--python 3.11'], 'an option and its value are two arguments'],
  [['--no-chache'], 'nearest to it are --no-cache'],
  [['--frobnicate'], 'docs/environments.md lists all that may'],
])('%j is refused with what to write instead', (args, cure) => {
  expect(() => checkExtraArgs(args)).toThrow(cure);
});

test('docs/environments.md names every option that may be given to a tool', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/environments.md'), 'utf8');
  const kinds = {
    'uv sync': { kind: 'uv', project: 'pyproject.toml' },
    'pixi install': { kind: 'pixi', project: 'pixi.toml' },
    'poetry install': { kind: 'poetry', project: 'pyproject.toml' },
    zstd: {
      kind: 'conda',
      key: 'k',
      update: true,
      store: { bucket: 'b', region: 'r', pathStyle: true },
    },
  } as const;
  for (const [tool, environment] of Object.entries(kinds)) {
    const row = new RegExp(`^\\| \`${tool}\` \\| (.*) \\|$`, 'm').exec(page)?.[1] ?? '';
    const named = [...row.matchAll(/`(--[\w-]+)`/g)].map(([, name = '']) => name);
    expect(named.length, tool).toBeGreaterThan(3);
    const refused = named.filter((name) => {
      const why = refusedArgument({ ...environment, extraArgs: [name] });
      return why !== undefined && !why.includes('without its value');
    });
    expect(refused, tool).toEqual([]);
  }
});

test('options that choose what is installed may', () => {
  checkExtraArgs(['--extra', 'plots', '--group=dev', '--no-build', '--no-cache']);
  checkExtraArgs(['--python', '3.11']);
  checkExtraArgs(['-p', 'cpython@>=3.11,<3.14', '--no-cache']);
});

test('a version of Python that is asked for is the one that the environment is made of, or is said to be missing', async () => {
  const version = execFileSync('python3', [
    '-c',
    'import sys; print("%d.%d" % sys.version_info[:2])',
  ])
    .toString()
    .trim();
  const asked = { ...uv, extraArgs: ['--python', version, '--no-cache'] };
  const ensured = await ensureEnvironment(asked, await code(), context);
  const { parts } = why(context.cacheDir, ensured?.key ?? '')?.marker ?? { parts: {} };
  expect(parts).toMatchObject({ python: expect.stringContaining(` ${version}.`) });
  const missing = { ...uv, extraArgs: ['--python=3.1'] };
  await expect(ensureEnvironment(missing, await code(), context)).rejects.toThrow(
    /no Python .*3\.1/s,
  );
});

test('uv of the installation is found', () => {
  expect(existsSync(fileURLToPath(new URL('../../.tools/bin/uv', import.meta.url)))).toBe(true);
});
