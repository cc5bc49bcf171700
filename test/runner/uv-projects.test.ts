// Environments of uv where more than one file decides: members of workspaces, settings beside the project; and those that somebody damaged.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operatorCode } from '#runner/code/operator-code.ts';
import { activation, ensureEnvironment } from '#runner/environments/build.ts';
import { searched, wishesOf } from '#runner/environments/interpreter-memory.ts';
import { uv } from '#runner/environments/uv.ts';
import { readProject } from '#runner/environments/uv-project.ts';
import { temporaryFolder } from './engine.ts';
import { aCommit, aProject, aRepository, writeFiles } from './sources.ts';

let folder: string;
let context: { cacheDir: string; host: NodeJS.ProcessEnv };
beforeEach(() => {
  folder = temporaryFolder();
  context = { cacheDir: path.join(folder, 'cache'), host: process.env };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const member = (name: string) =>
  `[project]\nname = "${name}"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = []\n`;
const WORKSPACE = `${member('root')}\n[tool.uv.workspace]\nmembers = ["services/*"]\nexclude = ["services/old"]\n`;
const LOCK = `version = 1
revision = 3
requires-python = ">=3.10"

[manifest]
members = ["a", "root"]

[[package]]
name = "a"
version = "1"
source = { virtual = "services/a" }

[[package]]
name = "root"
version = "1"
source = { virtual = "." }
`;
const WHOLE = {
  'pyproject.toml': WORKSPACE,
  'uv.lock': LOCK,
  'services/a/pyproject.toml': member('a'),
};
const ofMember = { kind: 'uv', project: 'services/a/pyproject.toml' } as const;
const code = (tag: string) =>
  operatorCode(context, { operator: { git: './whole', tag }, folder, sources: {} });

test('the lock of a workspace is the lock of its members: nothing is resolved, and another lock is another environment', async () => {
  const said: string[] = [];
  const tools = { ...context, onWarning: (text: string) => said.push(text) };
  aRepository(path.join(folder, 'whole'), WHOLE);
  const first = await ensureEnvironment(ofMember, await code('v1.0.0'), tools);
  aCommit(path.join(folder, 'whole'), { 'uv.lock': `${LOCK}\n# pins another version\n` }, 'v2');
  const second = await ensureEnvironment(ofMember, await code('v2'), tools);
  expect(second?.key).not.toBe(first?.key);
  expect(said).toEqual([]);
});

test('what is no member of the workspace above it has a lock of its own', () => {
  writeFiles(folder, { ...WHOLE, 'services/old/pyproject.toml': member('old') });
  writeFiles(folder, { 'tools/pyproject.toml': member('tools') });
  expect(readProject(folder, 'services/a/pyproject.toml')).toMatchObject({
    root: folder,
    lock: LOCK,
  });
  for (const apart of ['services/old', 'tools'])
    expect(readProject(folder, `${apart}/pyproject.toml`)).toMatchObject({
      ...{ root: path.join(folder, apart), lock: undefined },
    });
  // Above the operator's own folder nothing is asked.
  expect(readProject(path.join(folder, 'services'), 'a/pyproject.toml').lock).toBeUndefined();
});

test('members without a lock take code of each other, and settings beside a project decide, too', () => {
  const { 'uv.lock': _, ...unlocked } = WHOLE;
  writeFiles(folder, unlocked);
  const before = readProject(folder, ofMember.project);
  expect(before.takesSources).toBe(true);
  writeFiles(folder, { 'uv.toml': 'no-binary = true\n' });
  expect(readProject(folder, ofMember.project).settings).not.toEqual(before.settings);
});

test('code that an operator takes into its environment decides with it, the lock being equal; other code does not', async () => {
  const keyAt = async (tag: string): Promise<unknown> =>
    uv.key({ kind: 'uv', project: 'pyproject.toml' }, await code(tag), context);
  const lib = { 'pyproject.toml': member('root'), 'lib/lib.py': 'print(1)' };
  const taken = LOCK.replace('{ virtual = "services/a" }', '{ directory = "lib" }');
  aRepository(path.join(folder, 'whole'), { ...lib, 'uv.lock': taken }, 'taken1');
  aCommit(path.join(folder, 'whole'), { 'lib/lib.py': 'print(2)' }, 'taken2');
  expect(await keyAt('taken2')).not.toEqual(await keyAt('taken1'));
  aCommit(path.join(folder, 'whole'), { 'uv.lock': LOCK }, 'apart1');
  aCommit(path.join(folder, 'whole'), { 'lib/lib.py': 'print(3)' }, 'apart2');
  expect(await keyAt('apart2')).toEqual(await keyAt('apart1'));
});

test('an operator with a build system is installed with its code, which stays when the sources are gone', async () => {
  const system = '[build-system]\nrequires = ["uv_build>=0.7,<1"]\nbuild-backend = "uv_build"\n';
  const files = { 'src/root/__init__.py': 'WHO = "installed"\n' };
  aRepository(path.join(folder, 'whole'), {
    ...files,
    'pyproject.toml': `${member('root')}\n${system}`,
  });
  const built = await ensureEnvironment(
    { kind: 'uv', project: 'pyproject.toml' },
    await code('v1.0.0'),
    context,
  );
  const program = path.join(built?.folder ?? '', 'env/bin/python');
  const say = 'import root; print(root.WHO, root.__file__)';
  const told = execFileSync(program, ['-c', say], { encoding: 'utf8', cwd: '/' });
  expect(told).toMatch(/^installed /);
  expect(told).toContain(`${built?.folder}/env/lib/`);
});

test('a version of Python that a folder above asks for is part of what is asked', () => {
  writeFiles(folder, WHOLE);
  const before = wishesOf(path.join(folder, 'services/a'));
  writeFileSync(path.join(folder, '.python-version'), '3.12\n');
  expect(wishesOf(path.join(folder, 'services/a'))).not.toEqual(before);
});

test('the password of an index stands in no log and beside no environment', async () => {
  aRepository(path.join(folder, 'whole'), aProject('whole'));
  const address = 'http://me:very-secret@127.0.0.1:9/simple';
  const extraArgs = ['--index-url', address, `--extra-index-url=${address}`];
  const environment = { kind: 'uv' as const, project: 'pyproject.toml', extraArgs };
  const said: Buffer[] = [];
  const tools = { ...context, onOutput: (chunk: Buffer) => said.push(chunk) };
  const built = await ensureEnvironment(environment, await code('v1.0.0'), tools);
  expect(Buffer.concat(said).toString()).toMatch(/--index-url 'http:..\*\*\*@127/);
  const marker = path.join(context.cacheDir, 'environments', built?.key ?? '', 'ready.json');
  for (const text of [Buffer.concat(said).toString(), readFileSync(marker, 'utf8')])
    expect(text).not.toContain('very-secret');
});

test('a folder on PATH that cannot be looked into keeps nobody from building', () => {
  const loop = path.join(folder, 'loop');
  symlinkSync(loop, loop);
  expect(searched({ PATH: `${loop}:/usr/bin` })[0]).toBe(`${loop}@0`);
});

test('what lies in a cache of somebody else serves, although nothing can be noted there', async () => {
  aRepository(path.join(folder, 'whole'), aProject('whole'));
  const environment = { kind: 'uv', project: 'pyproject.toml' } as const;
  const source = await code('v1.0.0');
  const first = await ensureEnvironment(environment, source, context);
  // Whoever runs the tests may write everywhere: a file in the place of a folder keeps everybody out.
  for (const each of ['leases', 'environments/index', 'environments/interpreters']) {
    rmSync(path.join(context.cacheDir, each), { recursive: true, force: true });
    writeFileSync(path.join(context.cacheDir, each), '');
  }
  const again = await ensureEnvironment(environment, source, context);
  expect(again).toMatchObject({ built: false, folder: first?.folder });
});

const damages: readonly [string, (env: string) => void][] = [
  ['its interpreter is gone', (env) => rmSync(path.join(env, 'bin/python'))],
  [
    'its interpreter leads nowhere',
    (env) => {
      rmSync(path.join(env, 'bin/python'));
      symlinkSync(path.join(folder, 'removed'), path.join(env, 'bin/python'));
    },
  ],
  [
    'it was cleared out',
    (env) => {
      rmSync(env, { recursive: true });
      mkdirSync(env);
    },
  ],
];

test.each(damages)(
  'an environment is built again when %s: programs must not run in another Python',
  async (_, damage) => {
    aRepository(path.join(folder, 'whole'), aProject('whole'));
    const environment = { kind: 'uv', project: 'pyproject.toml' } as const;
    const source = await code('v1.0.0');
    const first = await ensureEnvironment(environment, source, context);
    const active = activation(environment, first, {});
    damage(active['VIRTUAL_ENV'] ?? '');
    const again = await ensureEnvironment(environment, source, context);
    expect(again).toMatchObject({ built: true, key: first?.key });
    const env = activation(environment, again, { PATH: '/usr/bin:/bin' });
    const print = 'import sys; print(sys.prefix)';
    const prefix = execFileSync('python', ['-c', print], { env, encoding: 'utf8' }).trim();
    expect(prefix).toBe(env['VIRTUAL_ENV']);
  },
);
