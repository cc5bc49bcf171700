import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operatorCode } from '#runner/code/operator-code.ts';
import { resolve } from '#runner/code/resolve.ts';
import { temporaryFolder } from './engine.ts';
import { aCommit, aProject, aRepository, git, writeFiles } from './sources.ts';

let folder: string;
let context: { cacheDir: string; host: NodeJS.ProcessEnv; folder: string };
const uv = { kind: 'uv', project: 'pyproject.toml' } as const;

beforeEach(() => {
  folder = temporaryFolder();
  context = { cacheDir: path.join(folder, 'cache'), host: process.env, folder };
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('an exact tag of a local repository is resolved to its commit, relative to the pipeline', async () => {
  const commit = aRepository(path.join(folder, 'clean'), aProject());
  const found = await resolve({ git: './clean', tag: 'v1.0.0' }, { ...context, environment: uv });
  expect(found).toEqual({ ok: true, source: './clean#v1.0.0', commit });
});

test('a folder below a repository is none itself', async () => {
  aRepository(folder, { 'inner/file': '1' });
  const found = await resolve({ git: './inner', tag: 'v1.0.0' }, context);
  expect(found).toMatchObject({ ok: false, code: 'repository' });
});

test.each(['lightweight', 'annotated', 'packed'])(
  'a %s tag that means what it did is known without git, and one that moved is seen',
  async (kind) => {
    const repository = path.join(folder, 'clean');
    const commit = aRepository(repository, aProject());
    if (kind === 'lightweight') git(repository, 'tag', '--force', 'v1.0.0', commit);
    if (kind === 'packed') git(repository, 'pack-refs', '--all');
    const ask = (more: object = {}) =>
      resolve({ git: './clean', tag: 'v1.0.0' }, { ...context, environment: uv, ...more });
    // Fetched, and checked out: the tree answers for the project file.
    const operator = { git: './clean', tag: 'v1.0.0' };
    await operatorCode(context, { operator, folder, sources: {} });
    const found = await ask({ host: { PATH: '/nowhere' } });
    expect(found).toMatchObject({ ok: true, commit });
    const moved = aCommit(repository, { more: '1' }, 'v1.0.0');
    expect(await ask()).toMatchObject({ ok: true, commit: moved });
  },
);

test('a missing repository is named', async () => {
  const found = await resolve({ git: './nowhere', tag: 'v1.0.0' }, context);
  expect(found).toMatchObject({ ok: false, code: 'repository' });
  expect(found.ok ? '' : found.message).toContain('nowhere');
});

test('an address without its protocol is a path, and that is said', async () => {
  const found = await resolve({ git: 'github.com/e/clean.git', tag: 'v1.0.0' }, context);
  expect(found.ok ? '' : found.message).toContain(
    'that is a path on this machine, from the folder of the pipeline',
  );
});

test('of a missing tag the nearest ones are named', async () => {
  aRepository(path.join(folder, 'clean'), aProject(), 'v1.0.0');
  aCommit(path.join(folder, 'clean'), { more: '1' }, 'v1.1.0');
  const found = await resolve({ git: './clean', tag: 'v1.0.1' }, context);
  expect(found).toMatchObject({ ok: false, code: 'tag_missing' });
  expect(found.ok ? [] : found.nearest).toContain('v1.0.0');
});

test('a missing project file is said without a checkout, and others of its name are proposed', async () => {
  aRepository(path.join(folder, 'clean'), { 'sub/pyproject.toml': '[project]' });
  const found = await resolve({ git: './clean', tag: 'v1.0.0' }, { ...context, environment: uv });
  expect(found).toMatchObject({ ok: false, code: 'project_file' });
  expect(found.ok ? '' : found.message).toContain('"sub/pyproject.toml"');
  expect(existsSync(path.join(context.cacheDir, 'trees'))).toBe(false);
});

test('a tag that has moved is a warning with both commits', async () => {
  const first = aRepository(path.join(folder, 'clean'), aProject());
  await resolve({ git: './clean', tag: 'v1.0.0' }, context);
  const second = aCommit(path.join(folder, 'clean'), { more: '1' }, 'v1.0.0');
  const found = await resolve({ git: './clean', tag: 'v1.0.0' }, context);
  expect(found).toMatchObject({ ok: true, commit: second });
  expect(found.ok ? found.warning?.text : '').toContain(first);
});

test('a run goes on with the commit it began with although its tag has moved', async () => {
  const first = aRepository(path.join(folder, 'clean'), { file: 'one' });
  await resolve({ git: './clean', tag: 'v1.0.0' }, context);
  aCommit(path.join(folder, 'clean'), { file: 'two' }, 'v1.0.0');
  const code = await operatorCode(context, {
    operator: { git: './clean', tag: 'v1.0.0' },
    folder,
    sources: { './clean#v1.0.0': { commit: first } },
  });
  expect(readFileSync(path.join(code.folder, 'file'), 'utf8')).toBe('one');
});

test.each(['--upload-pack=touch pwned', 'ext::sh -c "touch pwned"', 'fd::7', 'gopher://x/y'])(
  '%s is refused as a repository',
  async (repository) => {
    const found = await resolve({ git: repository, tag: 'v1.0.0' }, context);
    expect(found).toMatchObject({ ok: false, code: 'repository' });
    expect(existsSync(path.join(folder, 'pwned'))).toBe(false);
  },
);

test.each(['--exec=x', 'v1..v2', 'a b', '@{0}x@{', ''])('%j is refused as a tag', async (tag) => {
  aRepository(path.join(folder, 'clean'), { file: '1' });
  expect(await resolve({ git: './clean', tag }, context)).toMatchObject({
    ok: false,
    code: 'tag_missing',
  });
});

test('offline, a tag that was fetched before is known and another is not', async () => {
  aRepository(path.join(folder, 'clean'), { file: '1' });
  const url = `http://127.0.0.1:9/none.git`;
  const found = await resolve({ git: url, tag: 'v1.0.0' }, { ...context, offline: true });
  expect(found).toMatchObject({ ok: false, code: 'tag_missing' });
  expect(found.ok ? '' : found.message).toContain('--offline');
});

test('a working tree is taken as it is, without what git ignores, and says that it is dirty', async () => {
  const tree = path.join(folder, 'clean');
  aRepository(tree, { '.gitignore': 'secret\n', 'main.py': 'one' });
  writeFiles(tree, { secret: 'x', 'main.py': 'two', 'new.py': 'three' });
  const code = await operatorCode(context, { operator: { path: './clean' }, folder, sources: {} });
  const copy = path.join(folder, 'copy');
  await code.copy(copy);
  expect(code).toMatchObject({ dirty: true, commit: git(tree, 'rev-parse', 'HEAD').trim() });
  expect(readFileSync(path.join(copy, 'main.py'), 'utf8')).toBe('two');
  expect(readFileSync(path.join(copy, 'new.py'), 'utf8')).toBe('three');
  expect(existsSync(path.join(copy, 'secret'))).toBe(false);
  expect(existsSync(path.join(copy, '.git'))).toBe(false);
});

test('a working tree that is no repository is copied, and git complains to nobody', async () => {
  const tree = path.join(folder, 'plain');
  mkdirSync(tree);
  writeFiles(tree, { 'main.py': 'one' });
  const said: string[] = [];
  // Whatever lies above the folder of the tests is none of its repositories.
  const host = { ...process.env, GIT_CEILING_DIRECTORIES: folder };
  const quiet = { ...context, host, onOutput: (chunk: Buffer) => said.push(String(chunk)) };
  const order = { operator: { path: './plain' }, folder, sources: {} };
  await (await operatorCode(quiet, order)).copy(path.join(folder, 'copy'));
  expect(existsSync(path.join(folder, 'copy', 'main.py'))).toBe(true);
  expect(said).toEqual([]);
});

test('ten who ask for the same tree at once get one', async () => {
  const commit = aRepository(path.join(folder, 'clean'), aProject());
  const order = { operator: { git: './clean', tag: 'v1.0.0' }, folder, sources: {} };
  const all = await Promise.all(Array.from({ length: 10 }, () => operatorCode(context, order)));
  expect(new Set(all.map((code) => code.folder)).size).toBe(1);
  expect(all[0]?.commit).toBe(commit);
});
