// Operators from servers over ssh: a real sshd, keys in an agent or a file, and what is said when it does not work.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Resolved, resolve } from '#runner/code/resolve.ts';
import { temporaryFolder } from './engine.ts';
import { aProject, aRepository } from './sources.ts';
import { mayServe, type SshServer, startSshServer } from './ssh-server.ts';

if (!mayServe) process.stderr.write('SKIPPED: no sshd; repositories over ssh are not tested\n');

let folder: string;
let server: SshServer;
let commit: string;
let context: { cacheDir: string; host: NodeJS.ProcessEnv; folder: string };

beforeAll(async () => {
  folder = temporaryFolder();
  if (!mayServe) return;
  commit = aRepository(path.join(folder, 'clean'), aProject());
  server = await startSshServer(folder);
});

afterAll(async () => {
  if (mayServe) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  rmSync(path.join(folder, 'cache'), { recursive: true, force: true });
  const { SSH_AUTH_SOCK: _agent, DISPLAY: _display, ...host } = process.env;
  context = { cacheDir: path.join(folder, 'cache'), host: { ...host, HOME: folder }, folder };
});

function ask(tag: string, env: Readonly<Record<string, string>>): Promise<Resolved> {
  const git = server.address(path.join(folder, 'clean'));
  return resolve({ git, tag }, { ...context, host: { ...context.host, ...env } });
}

/** A graphical prompt, as a desktop would have one: whoever starts it leaves a file behind. */
function asker(): Record<string, string> {
  const file = path.join(folder, 'asker');
  writeFileSync(file, `#!/bin/sh\ntouch ${path.join(folder, 'asked')}\necho yes\n`, {
    mode: 0o755,
  });
  return { SSH_ASKPASS: file, GIT_ASKPASS: file, DISPLAY: ':0' };
}

/** The two ways in which a user tells git how to call ssh. */
const WAYS = {
  GIT_SSH_COMMAND: (command: string) => ({ GIT_SSH_COMMAND: command }),
  'core.sshCommand': (command: string) => ({
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.sshCommand',
    GIT_CONFIG_VALUE_0: command,
  }),
};

const saidOf = (found: Resolved): string => (found.ok ? 'ok' : found.message);

test.runIf(mayServe)(
  'an operator comes over ssh at its tag with the key that GIT_SSH_COMMAND names, and offline afterwards',
  async () => {
    const found = await ask('v1.0.0', { GIT_SSH_COMMAND: server.command() });
    expect(found).toMatchObject({ ok: true, commit });
    const git = server.address(path.join(folder, 'clean'));
    expect(await resolve({ git, tag: 'v1.0.0' }, { ...context, offline: true })).toMatchObject({
      ok: true,
      commit,
    });
  },
);

test.runIf(mayServe)('the key of an ssh-agent is used', async () => {
  const socket = path.join(folder, 'agent');
  const agent = spawnSync('ssh-agent', ['-s', '-a', socket], { encoding: 'utf8' });
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(agent.stdout)?.[1]);
  try {
    const env = { ...process.env, SSH_AUTH_SOCK: socket };
    expect(spawnSync('ssh-add', ['-q', server.key], { env }).status).toBe(0);
    const GIT_SSH_COMMAND = server.command({ IdentitiesOnly: 'no', IdentityFile: 'none' });
    expect(await ask('v1.0.0', { GIT_SSH_COMMAND, SSH_AUTH_SOCK: socket })).toMatchObject({
      ok: true,
      commit,
    });
    expect(saidOf(await ask('v1.0.0', { GIT_SSH_COMMAND }))).toContain('Permission denied');
  } finally {
    process.kill(pid);
  }
});

test.runIf(mayServe)("the user's own core.sshCommand is kept", async () => {
  const found = await ask('v1.0.0', WAYS['core.sshCommand'](server.command()));
  expect(found).toMatchObject({ ok: true, commit });
});

test.runIf(mayServe)('a tag that is not there names the nearest one, over ssh too', async () => {
  const found = await ask('v1.0.1', { GIT_SSH_COMMAND: server.command() });
  expect(found).toMatchObject({ ok: false, code: 'tag_missing', nearest: ['v1.0.0'] });
});

test.runIf(mayServe)('a repository that is not there is said with its path', async () => {
  const git = server.address(path.join(folder, 'absent'));
  const host = { ...context.host, GIT_SSH_COMMAND: server.command() };
  const found = await resolve({ git, tag: 'v1.0.0' }, { ...context, host });
  expect(found).toMatchObject({ ok: false, code: 'repository' });
  expect(saidOf(found)).toContain(path.join(folder, 'absent'));
  expect(saidOf(found)).toContain('does not appear to be a git repository');
});

test.runIf(mayServe)(
  'a key that the server does not know is said with what to do, and nobody is asked for anything',
  async () => {
    const GIT_SSH_COMMAND = server.command({ IdentityFile: server.strangersKey });
    const found = await ask('v1.0.0', { GIT_SSH_COMMAND, ...asker() });
    expect(found).toMatchObject({ ok: false, code: 'repository' });
    expect(saidOf(found)).toContain('Permission denied (publickey)');
    expect(saidOf(found)).toContain('the server accepts none of the keys');
    expect(saidOf(found)).toContain('ssh-add');
    expect(existsSync(path.join(folder, 'asked'))).toBe(false);
  },
);

test.runIf(mayServe).each(Object.entries(WAYS))(
  'a server whose host key is unknown is refused with how to accept it, and nobody is asked (%s)',
  async (_name, way) => {
    const command = server.command({
      UserKnownHostsFile: path.join(folder, 'ssh', 'nobody-known'),
    });
    const found = await ask('v1.0.0', { ...way(command), ...asker() });
    expect(found).toMatchObject({ ok: false, code: 'repository' });
    expect(saidOf(found)).toContain('Host key verification failed');
    expect(saidOf(found)).toContain(`git ls-remote ${server.address('')}`);
    expect(existsSync(path.join(folder, 'asked'))).toBe(false);
  },
);

test.runIf(mayServe)('a server that is down is said with its address', async () => {
  const own = path.join(folder, 'down');
  mkdirSync(own);
  const other = await startSshServer(own);
  await other.stop();
  const found = await resolve(
    { git: other.address(path.join(folder, 'clean')), tag: 'v1.0.0' },
    { ...context, host: { ...context.host, GIT_SSH_COMMAND: other.command() } },
  );
  expect(found).toMatchObject({ ok: false, code: 'repository' });
  expect(saidOf(found)).toContain(`port ${other.port}: Connection refused`);
});

test.runIf(mayServe)('offline, no server is asked at all', async () => {
  const found = await resolve(
    { git: server.address(path.join(folder, 'clean')), tag: 'v1.0.0' },
    { ...context, offline: true },
  );
  expect(saidOf(found)).toContain('--offline');
});
