// What a production line finds in its working folder: clones at the tags that runs use, ways to environments, and its own work untouched.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operatorCode } from '#runner/code/operator-code.ts';
import { fillWorkDir, folderName } from '#runner/work-dir.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { temporaryFolder } from './engine.ts';
import { anOrder } from './orders.ts';
import { aCommit, aRepository, git } from './sources.ts';

let folder: string;
let context: { cacheDir: string; host: NodeJS.ProcessEnv };
beforeEach(() => {
  folder = temporaryFolder();
  context = { cacheDir: path.join(folder, 'cache'), host: process.env };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ws = (...names: string[]): string => path.join(folder, 'ws', ...names);

/** What a run does for one operator; answers what it says. */
async function fill(
  commit: string,
  options: { tag?: string; operators?: string[]; environment?: string } = {},
): Promise<readonly string[]> {
  const { tag = 'v1.0.0', operators = ['clean-op'], environment } = options;
  const work: Extract<WorkOrder['work'], { kind: 'prepare' }> = {
    kind: 'prepare',
    operator: { git: './clean', tag },
    environment: { kind: 'host' },
    operators,
  };
  const log = {
    level: 'INFO',
    path: ws('pipeline.log'),
    rotation: { bytes: 1000 },
    retention: { files: 1 },
  } as const;
  const order: WorkOrder = { ...anOrder([]), folder, work, workDir: { folder: ws(), log } };
  await operatorCode(context, {
    operator: work.operator,
    folder,
    sources: { [`./clean#${tag}`]: { commit } },
  });
  return fillWorkDir(context, { order, work }, { commit, environment });
}

test('each operator has a clone at its tag, under the name that it has, and it follows the tag', async () => {
  const first = aRepository(path.join(folder, 'clean'), { 'main.py': 'one' });
  expect(await fill(first, { operators: ['clean-op', '清洗/x'] })).toEqual([]);

  for (const name of ['clean-op', '清洗%2fx']) {
    const clone = ws('operators', name);
    expect(git(clone, 'rev-parse', 'HEAD').trim()).toBe(first);
    expect(git(clone, 'describe', '--tags').trim()).toBe('v1.0.0');
    expect(git(clone, 'status', '--porcelain')).toBe('');
    expect(git(clone, 'remote', 'get-url', 'origin').trim()).toBe(path.join(folder, 'clean'));
    expect(readFileSync(path.join(clone, 'main.py'), 'utf8')).toBe('one');
  }
  const second = aCommit(path.join(folder, 'clean'), { 'main.py': 'two' }, 'v2.0.0');
  expect(await fill(second, { tag: 'v2.0.0' })).toEqual([]);
  expect(readFileSync(ws('operators/clean-op/main.py'), 'utf8')).toBe('two');
});

test('a clone that somebody works in is left as it is, and that is said', async () => {
  const first = aRepository(path.join(folder, 'clean'), { 'main.py': 'one' });
  await fill(first);
  writeFileSync(ws('operators/clean-op/main.py'), 'mine');
  const second = aCommit(path.join(folder, 'clean'), { 'main.py': 'two' }, 'v2.0.0');

  expect(await fill(second, { tag: 'v2.0.0' })).toEqual([
    expect.stringMatching(
      /clean-op has a branch, changes or files of its own and is left as it is/,
    ),
  ]);
  git(ws('operators/clean-op'), 'checkout', '--quiet', '-b', 'mine');
  git(ws('operators/clean-op'), 'commit', '--quiet', '--all', '--message', 'mine');
  expect(await fill(second, { tag: 'v2.0.0' })).toHaveLength(1);
  expect(readFileSync(ws('operators/clean-op/main.py'), 'utf8')).toBe('mine');
});

test('what was deleted comes back', async () => {
  const commit = aRepository(path.join(folder, 'clean'), { 'main.py': 'one' });
  const environment = path.join(folder, 'env');
  mkdirSync(environment);
  await fill(commit, { environment });
  rmSync(ws(), { recursive: true });
  expect(await fill(commit, { environment })).toEqual([]);
  expect(existsSync(ws('operators/clean-op/main.py'))).toBe(true);
  expect(readlinkSync(ws('envs/clean-op'))).toBe(environment);
});

test('the way to an environment leads to the one that the last run used; what is no link stays', async () => {
  const commit = aRepository(path.join(folder, 'clean'), { 'main.py': 'one' });
  const [one, two] = [path.join(folder, 'one'), path.join(folder, 'two')];
  await fill(commit, { environment: one });
  await fill(commit, { environment: two });
  expect(readlinkSync(ws('envs/clean-op'))).toBe(two);
  rmSync(ws('envs/clean-op'));
  mkdirSync(ws('envs/clean-op'));
  expect(await fill(commit, { environment: one })).toEqual([
    expect.stringContaining('is left as it is'),
  ]);
  expect(lstatSync(ws('envs/clean-op')).isDirectory()).toBe(true);
});

test('a folder where nothing can be written keeps no run from going on', async () => {
  const commit = aRepository(path.join(folder, 'clean'), { 'main.py': 'one' });
  writeFileSync(ws(), '');
  expect(await fill(commit)).toEqual([expect.stringContaining('has not all of clean-op')]);
});

test('a name is one folder, and no two names are the same', () => {
  const names = [
    'a',
    '.',
    '..',
    '../a',
    '.git',
    'a/b',
    'a%2fb',
    'a\\b',
    'a\nb',
    '特征-1',
    'x'.repeat(500),
    'x'.repeat(501),
  ];
  const folders = names.map(folderName);
  expect(new Set(folders).size).toBe(names.length);
  for (const each of folders) {
    expect(each).toMatch(/^[^./\\\p{Cc}][^/\\\p{Cc}]*$/u);
    expect(Buffer.byteLength(each)).toBeLessThanOrEqual(255);
  }
  expect(folderName('特征-1')).toBe('特征-1');
});
