// How the program comes up: what V8 compiled of it is kept and never trusted blindly, and a runner that was started ahead leaves nothing.
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { allProcesses } from '#runner/processes.ts';
import { commandOf, Place } from '#support/millrace.ts';

/** Its program says with what the runner was started that it runs under. */
const TELLS = `id: tells
nodes:
  - { id: one, steps: [{ command: 'tr "\\0" " " < /proc/$PPID/cmdline' }] }
`;

const SAID = 'millrace: taking pipeline.yaml\n';

const places: Place[] = [];
afterEach(() => {
  for (const place of places.splice(0)) place.remove();
});

function here(env: Record<string, string> = {}): Place {
  const cache = 'own-cache';
  const place = new Place({ 'pipeline.yaml': TELLS }, { MILLRACE_CACHE_DIR: cache, ...env });
  places.push(place);
  return place;
}

const compiledIn = (place: Place): string[] => {
  const folder = join(place.folder, 'own-cache/compiled');
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
};

const runnersOf = (place: Place): number[] =>
  allProcesses()
    .filter(({ pid, state }) => state !== 'Z' && commandOf(pid).includes(`${place.folder}/`))
    .map(({ pid }) => pid);

test('what was compiled is kept for each command, by the user alone, and found again', async () => {
  const place = here();
  expect((await place.run('validate')).code).toBe(0);
  const [file = '', ...others] = compiledIn(place);
  expect(others).toEqual([]);
  expect(file).toMatch(/-cli-validate$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { mtimeMs } = statSync(file);
  expect((await place.run('validate')).code).toBe(0);
  expect(compiledIn(place)).toEqual([file]);
  expect(statSync(file).mtimeMs).toBe(mtimeMs);
});

test.each([
  ['is cut short', (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 5_000))],
  ['is nonsense', (file: string) => writeFileSync(file, 'nonsense')],
  ['may be written by others', (file: string) => chmodSync(file, 0o666)],
])('one that %s is not used, and another takes its place', async (_, spoil) => {
  const place = here();
  expect((await place.run('validate')).code).toBe(0);
  const [file = ''] = compiledIn(place);
  const { size } = statSync(file);
  spoil(file);
  expect(await place.run('validate')).toMatchObject({ code: 0, stderr: SAID });
  expect(compiledIn(place)).toEqual([file]);
  expect(statSync(file).size / size).toBeCloseTo(1, 1);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('nothing is kept of a command that was called wrongly, where nothing can be written, and when Node is asked to keep nothing', async () => {
  const place = here();
  expect((await place.run('validate', '--nonsense')).code).toBe(2);
  expect(compiledIn(place)).toEqual([]);
  const without = here({ NODE_DISABLE_COMPILE_CACHE: '1' });
  expect((await without.run('validate')).code).toBe(0);
  expect(compiledIn(without)).toEqual([]);
  const nowhere = here({ MILLRACE_CACHE_DIR: '/proc/nowhere' });
  expect(await nowhere.run('validate')).toMatchObject({ code: 0, stderr: SAID });
});

test('where something has run already, the runner comes up before the command; it is the one that works', async () => {
  const place = here();
  const runner = async (...args: readonly string[]): Promise<string> => {
    expect(await place.run(...args, 'run')).toMatchObject({ code: 0 });
    return (await place.run('logs', 'latest', ...args)).stdout;
  };
  expect(await runner()).toMatch(/runner\.js .*--cache-dir \S*own-cache $/m);
  expect(await runner()).toMatch(/ --wait $/m);
  // Named otherwise it is the same place.
  expect(await runner('--data-dir', '.millrace')).toMatch(/ --wait $/m);
  expect(await runner('--data-dir=.millrace')).toMatch(/ --wait $/m);
  expect(compiledIn(place).filter((file) => file.endsWith('-cli-run'))).toHaveLength(1);
  await expect.poll(() => runnersOf(place)).toEqual([]);
});

test('a runner that came up for a command that runs nothing ends with it', async () => {
  const place = here();
  expect((await place.run('run')).code).toBe(0);
  writeFileSync(join(place.folder, 'pipeline.yaml'), 'id: broken\nnodes: 1\n');
  expect((await place.run('run')).code).toBe(2);
  expect((await place.run('run', '--nonsense')).code).toBe(2);
  const killed = place.start('run');
  killed.child.kill('SIGKILL');
  await killed.ended;
  await expect.poll(() => runnersOf(place)).toEqual([]);
});
