// Environments of pixi, made by the real pixi from a channel on this disk.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { operatorCode } from '#runner/code/operator-code.ts';
import { activation, type Ensured, ensureEnvironment } from '#runner/environments/build.ts';
import { readManifest } from '#runner/environments/pixi-manifest.ts';
import { temporaryFolder } from './engine.ts';
import { channel, pixiProgram } from './environment-tools.ts';
import { aCommit, aRepository, writeFiles } from './sources.ts';

const manifest = (
  channels: readonly string[],
  dependencies = 'python = "*"\nhello-tool = "<2"',
) => `
[project]
name = "demo"
version = "0.1.0"
channels = ${JSON.stringify(channels)}
platforms = ["linux-64"]

[dependencies]
${dependencies}
`;

const pixi = { kind: 'pixi', project: 'pixi.toml', name: 'clean' } as const;
let shared: string;
let lock: string;
let folder: string;
let said: string;
let context: { cacheDir: string; host: NodeJS.ProcessEnv; onOutput: (chunk: Buffer) => void };

// One cache of packages for all, as a user has it, and one lock, so that not everything is resolved again.
beforeAll(() => {
  shared = temporaryFolder();
  writeFiles(shared, { 'pixi.toml': manifest([channel()]) });
  const env = { ...process.env, PIXI_CACHE_DIR: path.join(shared, 'p') };
  execFileSync(pixiProgram(), ['install'], { cwd: shared, env, stdio: 'ignore' });
  lock = readFileSync(path.join(shared, 'pixi.lock'), 'utf8');
});
afterAll(() => rmSync(shared, { recursive: true, force: true }));

beforeEach(() => {
  folder = temporaryFolder();
  said = '';
  context = {
    cacheDir: path.join(folder, 'cache'),
    host: { ...process.env, MILLRACE_PIXI: pixiProgram(), PIXI_CACHE_DIR: path.join(shared, 'p') },
    onOutput: (chunk) => {
      said += String(chunk);
    },
  };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const code = (tag = 'v1.0.0') =>
  operatorCode(context, { operator: { git: './clean', tag }, folder, sources: {} });
const repository = (files: Record<string, string>) =>
  aRepository(path.join(folder, 'clean'), files);

function inside(ensured: Ensured | undefined, script: string): string {
  const variables = activation(pixi, ensured, { PATH: '/usr/bin:/bin' });
  return execFileSync('/bin/sh', ['-c', script], { env: variables, encoding: 'utf8' }).trim();
}

test('without a lock packages are resolved, which is said, and the lock that came of it is kept and builds the same', async () => {
  repository({ 'pixi.toml': manifest([channel()]) });
  const first = await ensureEnvironment(pixi, await code(), context);
  expect(first).toMatchObject({ built: true });
  expect(said).toContain('there is no pixi.lock');
  const kept = readFileSync(path.join(first?.folder ?? '', 'pixi.lock'), 'utf8');

  aCommit(path.join(folder, 'clean'), { 'pixi.lock': kept }, 'v2.0.0');
  said = '';
  const second = await ensureEnvironment(pixi, await code('v2.0.0'), context);
  expect(second).toMatchObject({ built: true });
  expect(second?.key).not.toBe(first?.key);
  expect(said).toContain('--frozen');
  expect(said).not.toContain('there is no pixi.lock');
  expect(await ensureEnvironment(pixi, await code('v2.0.0'), context)).toMatchObject({
    built: false,
  });
});

test('programs get what its own hook sets, scripts of packages included, and its programs first on PATH', async () => {
  repository({ 'pixi.toml': manifest([channel()]), 'pixi.lock': lock });
  const ensured = await ensureEnvironment(pixi, await code(), context);
  const variables = activation(pixi, ensured, { PATH: '/usr/bin:/bin' });
  const prefix = variables['CONDA_PREFIX'] ?? '';
  expect(prefix.startsWith(ensured?.folder ?? '?')).toBe(true);
  expect(variables).toMatchObject({
    CONDA_DEFAULT_ENV: 'clean',
    PIXI_ENV_ACTIVATED: 'true',
    HELLO_TOOL_HOME: prefix,
  });
  expect(variables['PATH']?.split(':')[0]).toBe(path.join(prefix, 'bin'));
  expect(variables['PATH']?.endsWith(':/usr/bin:/bin')).toBe(true);
  expect(inside(ensured, 'python -c "import sys; print(sys.prefix)"')).toBe(prefix);
  expect(inside(ensured, 'hello-tool x')).toBe(`hello from ${prefix} ${prefix} x`);
});

test('channels stand in a copy in the place of those of the file, which stays as it is', async () => {
  repository({ 'pixi.toml': manifest(['https://channel.invalid/none']) });
  const source = await code();
  const before = readFileSync(path.join(source.folder, 'pixi.toml'), 'utf8');
  const overlaid = { ...pixi, channels: [channel(), 'pypi'] };
  const ensured = await ensureEnvironment(overlaid, source, context);
  expect(inside(ensured, 'command -v hello-tool')).toContain(ensured?.folder);
  expect(said).toContain('"pypi" is no channel of conda');
  expect(readFileSync(path.join(source.folder, 'pixi.toml'), 'utf8')).toBe(before);
  expect(existsSync(path.join(source.folder, '.pixi'))).toBe(false);
});

test('what cannot be solved is told in the words of pixi, with the command, and leaves nothing', async () => {
  repository({
    'pixi.toml': manifest([channel()], 'needy = "*"\nhello-tool = ">=2"'),
  });
  const failed = ensureEnvironment(pixi, await code(), context);
  await expect(failed).rejects.toThrow(/could not be built: .*failed to solve[\s\S]*command: /);
  const environments = path.join(context.cacheDir, 'environments');
  expect(readdirSync(environments).filter((name) => name.length === 64)).toEqual([]);
});

test('scripts of activation make the code of the operator part of the environment', async () => {
  const files = {
    'pixi.toml': `${manifest([channel()])}\n[activation]\nscripts = ["env.sh"]\n`,
    'env.sh': 'export FROM_PROJECT=one\n',
    'pixi.lock': lock,
  };
  repository(files);
  const first = await ensureEnvironment(pixi, await code(), context);
  expect(inside(first, 'echo $FROM_PROJECT')).toBe('one');
  aCommit(path.join(folder, 'clean'), { 'env.sh': 'export FROM_PROJECT=two\n' }, 'v2.0.0');
  const second = await ensureEnvironment(pixi, await code('v2.0.0'), context);
  expect(inside(second, 'echo $FROM_PROJECT')).toBe('two');
});

test('a pixi that is not there is named, with how it is got', async () => {
  repository({ 'pixi.toml': manifest([channel()]) });
  const host = { PATH: '/nowhere', HOME: folder };
  const asked = ensureEnvironment(pixi, await code(), { ...context, host });
  await expect(asked).rejects.toThrow(/pixi is not installed: .*\$MILLRACE_PIXI.*install it with/);
});

test.each([['--manifest-path', '/etc'], ['--environment', '../x'], ['--frozen'], ['--all']])(
  '%s may not be given to pixi install',
  async (...extraArgs) => {
    repository({ 'pixi.toml': manifest([channel()]) });
    const asked = ensureEnvironment({ ...pixi, extraArgs }, await code(), context);
    await expect(asked).rejects.toThrow(/may not be given to pixi install/);
  },
);

test('a lock of other channels is not used for these, and that is said', async () => {
  repository({ 'pixi.toml': manifest([channel()]), 'pixi.lock': lock });
  const copy = path.join(folder, 'other-channel');
  cpSync(channel().replace('file://', ''), copy, { recursive: true });
  const overlaid = { ...pixi, channels: [`file://${copy}`] };
  await ensureEnvironment(overlaid, await code(), context);
  expect(said).toContain('pixi.lock was made for the channels of pixi.toml');
});

test('a manifest that is no TOML, or no project, is refused before any tool is asked', () => {
  expect(() => readManifest('a = [', undefined)).toThrow(/pixi.toml cannot be read/);
  expect(() => readManifest('a = 1', undefined)).toThrow(/neither a table/);
  expect(readManifest(manifest(['a', 'b']), ['a', 'b'])).toMatchObject({ changed: false });
  expect(readManifest(manifest(['a']), ['pypi'])).toMatchObject({
    changed: false,
    dropped: ['pypi'],
  });
});
