// Environments of poetry, made by the real poetry from projects that need nothing of a registry.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operatorCode } from '#runner/code/operator-code.ts';
import { activation, type Ensured, ensureEnvironment } from '#runner/environments/build.ts';
import type { Environment } from '#schemas/plan.ts';
import { temporaryFolder } from './engine.ts';
import { poetryProgram } from './environment-tools.ts';
import { aCommit, aRepository } from './sources.ts';

const poetry: Extract<Environment, { kind: 'poetry' }> = {
  kind: 'poetry',
  project: 'pyproject.toml',
  name: 'clean',
  extraArgs: ['--no-root'],
};
const PROJECT = `
[project]
name = "clean"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = []

[tool.poetry]
package-mode = false
`;

let folder: string;
let said: string;
let context: { cacheDir: string; host: NodeJS.ProcessEnv; onOutput: (chunk: Buffer) => void };

beforeEach(() => {
  folder = temporaryFolder();
  said = '';
  context = {
    cacheDir: path.join(folder, 'cache'),
    host: { ...process.env, MILLRACE_POETRY: poetryProgram() },
    onOutput: (chunk) => {
      said += String(chunk);
    },
  };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const code = (tag = 'v1.0.0') =>
  operatorCode(context, { operator: { git: './clean', tag }, folder, sources: {} });

function prefixOf(ensured: Ensured | undefined): string {
  const env = activation(poetry, ensured, { PATH: '/usr/bin:/bin' });
  const ask = ['-c', 'import sys; print(sys.prefix)'];
  return execFileSync('/usr/bin/env', ['python', ...ask], { env, encoding: 'utf8' }).trim();
}

test('without a lock packages are resolved, which is said; with the lock that came of it the same is built', async () => {
  aRepository(path.join(folder, 'clean'), { 'pyproject.toml': PROJECT });
  const source = await code();
  const first = await ensureEnvironment(poetry, source, context);
  expect(first).toMatchObject({ built: true });
  expect(said).toContain('there is no poetry.lock');
  expect(prefixOf(first)).toBe(path.join(first?.folder ?? '', 'project/.venv'));
  expect(existsSync(path.join(source.folder, 'poetry.lock'))).toBe(false);

  const lock = readFileSync(path.join(first?.folder ?? '', 'poetry.lock'), 'utf8');
  aCommit(path.join(folder, 'clean'), { 'poetry.lock': lock }, 'v2.0.0');
  said = '';
  const second = await ensureEnvironment(poetry, await code('v2.0.0'), context);
  expect(second?.key).not.toBe(first?.key);
  expect(said).not.toContain('there is no poetry.lock');
});

test('code alone is no reason to build again, unless it is installed', async () => {
  aRepository(path.join(folder, 'clean'), { 'pyproject.toml': PROJECT });
  const first = await ensureEnvironment(poetry, await code(), context);
  aCommit(path.join(folder, 'clean'), { 'main.py': 'print(1)' }, 'v2.0.0');
  const second = await ensureEnvironment(poetry, await code('v2.0.0'), context);
  expect(second).toMatchObject({ key: first?.key, built: false });
});

test('a lock that does not belong to the project fails the build in the words of poetry', async () => {
  aRepository(path.join(folder, 'clean'), { 'pyproject.toml': PROJECT, 'poetry.lock': 'x = [' });
  const failed = ensureEnvironment(poetry, await code(), context);
  await expect(failed).rejects.toThrow(/could not be built[\s\S]*poetry install/);
});

test.each([['--directory', '/'], ['--project=/'], ['--sync=1']])(
  '%s may not be given to poetry install',
  async (...extraArgs) => {
    aRepository(path.join(folder, 'clean'), { 'pyproject.toml': PROJECT });
    const asked = ensureEnvironment({ ...poetry, extraArgs }, await code(), context);
    await expect(asked).rejects.toThrow(/may not be given to poetry install/);
  },
);
