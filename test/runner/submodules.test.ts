// Code that lies in several repositories: submodules are part of an operator, over files and over http, and what they name is bound.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { shownAddress } from '#core/shown-address.ts';
import { operatorCode } from '#runner/code/operator-code.ts';
import { resolve } from '#runner/code/resolve.ts';
import { type GitServer, serveGit } from '#support/git-server.ts';
import { temporaryFolder } from './engine.ts';
import { aCommit, aRepository, git } from './sources.ts';

let folder: string;
let server: GitServer | undefined;
let context: { cacheDir: string; host: NodeJS.ProcessEnv; folder: string };

beforeEach(() => {
  folder = temporaryFolder();
  context = { cacheDir: path.join(folder, 'cache'), host: process.env, folder };
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Adds a submodule at a commit and tags the result; `url` is written as it is. */
function withSubmodule(
  repository: string,
  { at, url, commit }: { at: string; url: string; commit: string },
): void {
  const own = path.join(folder, repository);
  writeFileSync(
    path.join(own, '.gitmodules'),
    `[submodule "${at}"]\n\tpath = ${at}\n\turl = ${url}\n`,
  );
  git(own, 'update-index', '--add', '--cacheinfo', `160000,${commit},${at}`);
  git(own, 'add', '.gitmodules');
  git(own, 'commit', '--quiet', '--message', 'with a submodule');
  git(own, 'tag', '--force', 'v1.0.0');
}

/** `clean` with `shared` below it and `deep` below that, all named relative to each other. */
function nested(): void {
  const deep = aRepository(path.join(folder, 'deep'), { 'deep.txt': 'of old\n' });
  // What the submodule means is no branch's end and no tag any more.
  git(path.join(folder, 'deep'), 'tag', '--delete', 'v1.0.0');
  aCommit(path.join(folder, 'deep'), { 'deep.txt': 'of today\n' }, 'v2.0.0');
  aRepository(path.join(folder, 'shared'), { 'shared.txt': 'shared\n' });
  withSubmodule('shared', { at: 'libs/deep', url: '../deep', commit: deep });
  const shared = git(path.join(folder, 'shared'), 'rev-parse', 'HEAD').trim();
  aRepository(path.join(folder, 'clean'), { 'main.py': 'print()\n' });
  withSubmodule('clean', { at: 'shared', url: '../shared', commit: shared });
}

async function codeOf(address: string): Promise<string> {
  const operator = { git: address, tag: 'v1.0.0' };
  const found = await resolve(operator, context);
  expect(found).toMatchObject({ ok: true });
  const sources = found.ok && found.commit !== undefined ? { commit: found.commit } : undefined;
  const code = await operatorCode(context, {
    operator,
    folder,
    sources: sources === undefined ? {} : { [`${address}#v1.0.0`]: sources },
  });
  const copy = path.join(folder, 'copy');
  await code.copy(copy);
  return copy;
}

test.each(['files', 'http'])('submodules within submodules are there, over %s', async (way) => {
  nested();
  let address = './clean';
  if (way === 'http') {
    for (const name of ['clean', 'shared', 'deep'])
      git(folder, 'clone', '--quiet', '--bare', name, path.join('served', name));
    server = await serveGit(path.join(folder, 'served'));
    address = `${server.url}/clean`;
  }
  const copy = await codeOf(address);

  expect(readFileSync(path.join(copy, 'shared/shared.txt'), 'utf8')).toBe('shared\n');
  expect(readFileSync(path.join(copy, 'shared/libs/deep/deep.txt'), 'utf8')).toBe('of old\n');
  expect(existsSync(path.join(copy, 'shared/.git'))).toBe(false);
});

test.each([
  ['ext::sh -c "touch hacked"', 'helper program'],
  ['--upload-pack=touch hacked', 'is no address'],
])('a submodule at %s is refused before anything is built', async (url, why) => {
  aRepository(path.join(folder, 'clean'), { 'main.py': '' });
  withSubmodule('clean', {
    at: 'bad',
    url: `"${url.replaceAll('"', '\\"')}"`,
    commit: '1'.repeat(40),
  });

  const found = await resolve({ git: './clean', tag: 'v1.0.0' }, context);

  expect(found).toMatchObject({ ok: false, message: expect.stringContaining(why) });
  expect(readdirSync(folder)).not.toContain('hacked');
});

test('a repository of a server must not reach for folders of this machine', async () => {
  const commit = aRepository(path.join(folder, 'private'), { 'key.txt': 'private\n' });
  mkdirSync(path.join(folder, 'served'));
  aRepository(path.join(folder, 'served/clean'), { 'main.py': '' });
  withSubmodule('served/clean', { at: 'taken', url: path.join(folder, 'private'), commit });
  server = await serveGit(path.join(folder, 'served'));

  const found = await resolve({ git: `${server.url}/clean/.git`, tag: 'v1.0.0' }, context);

  expect(found).toMatchObject({
    ok: false,
    message: expect.stringMatching(/submodule "taken" at .*a folder of this machine/),
  });
});

test('a submodule that is not there, or not at that commit, is said with its address', async () => {
  aRepository(path.join(folder, 'clean'), { 'main.py': '' });
  withSubmodule('clean', { at: 'lib', url: '../nowhere', commit: '1'.repeat(40) });
  expect(await resolve({ git: './clean', tag: 'v1.0.0' }, context)).toMatchObject({
    ok: false,
    message: expect.stringContaining(path.join(folder, 'nowhere')),
  });

  aRepository(path.join(folder, 'nowhere'), { file: '' });
  expect(await resolve({ git: './clean', tag: 'v1.0.0' }, context)).toMatchObject({
    ok: false,
    message: expect.stringContaining('commit 111111111111 of the submodule'),
  });
});

test('a branch and a commit are no tags; lightweight and annotated ones are', async () => {
  const commit = aRepository(path.join(folder, 'clean'), { 'main.py': '' });
  git(path.join(folder, 'clean'), 'tag', 'light');
  git(path.join(folder, 'clean'), 'branch', 'release');
  const at = (tag: string) => resolve({ git: './clean', tag }, context);

  expect(await at('light')).toMatchObject({ ok: true, commit });
  expect(await at('v1.0.0')).toMatchObject({ ok: true, commit });
  expect(await at('release')).toMatchObject({
    ok: false,
    message: expect.stringMatching(/tag "release" .* is a branch.*wanted a tag; nearest are "/),
  });
  expect(await at(commit)).toMatchObject({
    ok: false,
    message: expect.stringMatching(/is no tag of .* looks like a commit; wanted a tag/),
  });
});

test.each([
  ['https://me:secret@host/a.git#v1', 'https://host/a.git#v1'],
  ['ssh://git:secret@host/a.git', 'ssh://git@host/a.git'],
  ['git@host:a.git', 'git@host:a.git'],
  ['./code', './code'],
])('%s is shown without its password', (address, without) => {
  expect(shownAddress(address)).toBe(without);
});
