// The size of all built environments: real ones, small as they come, and real runners.
import { existsSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepBelow, listEnvironments } from '#runner/environments/manage.ts';
import { environmentsFolder, freshFolder, lastUse, markReady } from '#runner/environments/store.ts';
import { logFolder } from '#runner/names.ts';
import { limits } from '#schemas/limits.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { Engine, RunnerProcess, temporaryFolder } from './engine.ts';
import { anOrder } from './orders.ts';
import { aCommit, aProject, aRepository } from './sources.ts';

let folder: string;
let context: { cacheDir: string };
const uv = { kind: 'uv', project: 'pyproject.toml', name: 'clean' } as const;
const operator = { git: './clean', tag: 'v1.0.0' };

beforeEach(() => {
  folder = temporaryFolder();
  context = { cacheDir: path.join(folder, 'cache') };
  aRepository(path.join(folder, 'clean'), aProject());
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Environments of their own of one project. */
const VARIANTS = [[], ['--no-build'], ['--compile-bytecode'], ['--no-cache'], ['--all-extras']];
const variant = (at: number) => ({ ...uv, extraArgs: VARIANTS[at] ?? [] });

const prepare = (at: number): WorkOrder => ({
  ...anOrder([]),
  folder,
  work: { kind: 'prepare', operator, environment: variant(at) },
});

const aRunner = (name: string, env?: NodeJS.ProcessEnv) =>
  new RunnerProcess({
    cacheDir: context.cacheDir,
    dataDir: path.join(folder, name),
    ...(env === undefined ? {} : { env }),
  });

const withRoom = (runner: RunnerProcess, cacheBytes: number) =>
  Engine.connect(runner, { machine: { cpu: 2, memory: 2 ** 33, gpu: 0, cacheBytes } });

/** Built by a runner that has gone since, the first used before the second and so on; answers their keys. */
async function built(count: number): Promise<string[]> {
  const runner = aRunner('before');
  const engine = await withRoom(runner, 0);
  const found: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const { prepared, result } = await engine.run(prepare(at));
    expect(result.result).toBe('completed');
    found.push(prepared?.environment ?? '');
    usedAt(found[at] ?? '', at + 1);
  }
  await runner.remove();
  return found;
}

const marker = (key: string) => path.join(environmentsFolder(context.cacheDir), key, 'ready.json');
const usedAt = (key: string, seconds: number) => utimesSync(marker(key), seconds, seconds);
const listed = async () => (await listEnvironments(context.cacheDir)).map(({ key }) => key).sort();

async function bytesOfAll(): Promise<number> {
  return (await listEnvironments(context.cacheDir)).reduce((sum, { bytes }) => sum + bytes, 0);
}

test('a build takes those away that were not used for longest, never one that a program runs in, and the log says which', async () => {
  const [used, oldest, newest] = await built(3);
  const runner = aRunner('data');
  const engine = await withRoom(runner, await bytesOfAll());
  const go = path.join(folder, 'go');
  const command = `touch ${folder}/runs; while [ ! -e ${go} ]; do sleep 0.02; done; python -c 'print(2)'`;
  const step = { command, operator, environment: variant(0) };
  const running = engine.run(anOrder([step], { folder }));
  await expect.poll(() => existsSync(path.join(folder, 'runs')), { timeout: 20_000 }).toBe(true);
  usedAt(used ?? '', 1);
  const order = prepare(3);
  const { prepared } = await engine.run(order);
  expect(await listed()).toEqual([used, newest, prepared?.environment].sort());
  const log = path.join(logFolder(runner.dataDir, order.name), '000001.jsonl');
  const told = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('taken away'));
  expect(told).toHaveLength(1);
  expect(told[0]).toContain(`(${oldest?.slice(0, 12)}, `);
  expect(told[0]).toContain('"level":"INFO"');
  writeFileSync(go, '');
  expect((await running).result).toMatchObject({ result: 'completed' });
  await runner.remove();
});

test('what a run has prepared waits for its programs, however small the limit and however many run side by side', async () => {
  const old = await built(2);
  const runners = [aRunner('a'), aRunner('b')];
  const engines = await Promise.all(runners.map((runner) => withRoom(runner, 1)));
  const reports = await Promise.all(
    engines.flatMap((engine, at) => [engine.run(prepare(2)), engine.run(prepare(3 + at))]),
  );
  const made = reports.map(({ prepared }) => prepared?.environment ?? '');
  expect(await listed()).toEqual([...new Set(made)].sort());
  expect(made).not.toContain(old[0]);
  // Its program has run: from now on it is one like the others.
  const command = 'python main.py';
  const step = { command, operator, environment: variant(3) };
  expect((await engines[0]?.run(anOrder([step], { folder })))?.result.result).toBe('completed');
  await engines[0]?.run(prepare(0));
  expect(await listed()).not.toContain(made[1]);
  await Promise.all(runners.map((runner) => runner.remove()));
});

test('an environment that is found takes nothing away, and nothing is measured again', async () => {
  const keys = await built(2);
  await bytesOfAll();
  const before = keys.map((key) => readFileSync(marker(key), 'utf8'));
  expect(before.map((text) => JSON.parse(text).bytes)).toEqual([
    expect.any(Number),
    expect.any(Number),
  ]);
  const runner = aRunner('data');
  const engine = await withRoom(runner, 1);
  expect((await engine.run(prepare(1))).prepared).toMatchObject({ built: false });
  expect(await listed()).toEqual([...keys].sort());
  expect(keys.map((key) => readFileSync(marker(key), 'utf8'))).toEqual(before);
  await runner.remove();
});

/** What looks like one to whoever only counts and deletes. */
function kept(key: string): string {
  const made = freshFolder(context.cacheDir, key);
  writeFileSync(path.join(made, 'python'), 'x'.repeat(1_000));
  const known = { seconds: 1, label: 'clean', parts: {} };
  markReady(context.cacheDir, key, { v: 1, folder: path.basename(made), builtAt: 1, ...known });
  return key;
}

test('far from the limit no build waits for sizes: they are measured afterwards, at the latest when the runner ends', async () => {
  const runner = aRunner('data');
  const engine = await withRoom(runner, 2 ** 40);
  const { prepared } = await engine.run(prepare(0));
  expect(prepared).toMatchObject({ built: true });
  const known = () => JSON.parse(readFileSync(marker(prepared?.environment ?? ''), 'utf8')).bytes;
  expect(known()).toBeUndefined();
  engine.send({ frame: 'leave' });
  expect(await runner.ended()).toBe(0);
  expect(known()).toBeGreaterThan(1_000);
});

test('what was built before sizes were remembered is measured once, and counts as not used by that', async () => {
  const key = kept('a'.repeat(64));
  const before = JSON.parse(readFileSync(marker(key), 'utf8'));
  usedAt(key, 7);
  expect(await keepBelow(context.cacheDir, { most: 100_000 })).toEqual([]);
  const { bytes, ...after } = JSON.parse(readFileSync(marker(key), 'utf8'));
  expect(after).toEqual(before);
  // Its file, and the folders it lies in.
  expect(bytes).toBeGreaterThanOrEqual(1_000);
  expect(bytes).toBeLessThan(20_000);
  expect(lastUse(context.cacheDir, key)).toBe(7_000);
});

test('what a killed process had begun to delete counts no more, and goes with the next', async () => {
  const [first, second] = [kept('a'.repeat(64)), kept('b'.repeat(64))];
  const home = environmentsFolder(context.cacheDir);
  renameSync(path.join(home, first), path.join(home, 'removed-0123'));
  expect(await listed()).toEqual([second]);
  expect(await keepBelow(context.cacheDir, { most: 1, but: second })).toEqual([]);
  expect(existsSync(path.join(home, 'removed-0123'))).toBe(false);
  expect(await listed()).toEqual([second]);
});

test('builds side by side are bounded, and those that wait say for what', async () => {
  const uvProgram = path.join(folder, 'uv');
  const real = fileURLToPath(new URL('../../.tools/bin/uv', import.meta.url));
  const script = `[ "$1" = sync ] && { echo >> ${folder}/begun; while [ ! -e ${folder}/go ]; do sleep 0.02; done; }`;
  writeFileSync(uvProgram, `#!/bin/sh\n${script}\nexec ${real} "$@"\n`, { mode: 0o755 });
  const runner = aRunner('data', { ...process.env, MILLRACE_UV: uvProgram });
  const engine = await withRoom(runner, 0);
  const places = Math.max(limits.buildsAtLeast, availableParallelism() * limits.buildsPerCore);
  const versions = Array.from({ length: places + 2 }, (_, at) => `v${at + 2}.0.0`);
  for (const tag of versions)
    aCommit(path.join(folder, 'clean'), { 'uv.lock': `${aProject()['uv.lock']}# ${tag}\n` }, tag);
  const orders = versions.map((tag) => ({
    ...anOrder([]),
    folder,
    work: { kind: 'prepare', operator: { git: './clean', tag }, environment: uv } as const,
  }));
  const reports = Promise.all(orders.map((order) => engine.run(order)));
  const waiting = () =>
    engine.frames.filter(
      (frame) =>
        frame.frame === 'notice' &&
        frame.message === `waits for one of ${places} places to build environments`,
    ).length;
  const begun = () => readFileSync(path.join(folder, 'begun'), 'utf8').length;
  await expect.poll(waiting, { timeout: 20_000 }).toBe(2);
  await expect.poll(begun, { timeout: 20_000 }).toBe(places);
  writeFileSync(path.join(folder, 'go'), '');
  expect((await reports).map(({ result }) => result.result)).toEqual(
    versions.map(() => 'completed'),
  );
  expect(begun()).toBe(places + 2);
  await runner.remove();
});
