// A real sshd on the loopback, with keys and files of its own in one folder: nothing of the machine's is read or written.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import path from 'node:path';

/** A plain user's PATH leaves out where servers lie. */
const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((file) => existsSync(file));
const TRIES = 5;

export const mayServe = SSHD !== undefined && spawnSync('ssh', ['-V']).status === 0;

export interface SshServer {
  readonly port: number;
  /** `ssh://user@127.0.0.1:port` followed by a path. */
  address(repository: string): string;
  /** GIT_SSH_COMMAND of a user whose settings lie in the folder. */
  command(settings?: Readonly<Record<string, string>>): string;
  /** The user's private key, which the server accepts. */
  readonly key: string;
  /** A private key that the server does not know. */
  readonly strangersKey: string;
  stop(): Promise<void>;
}

export async function startSshServer(folder: string): Promise<SshServer> {
  const place = path.join(folder, 'ssh');
  mkdirSync(place, { mode: 0o700 });
  for (const name of ['host', 'user', 'stranger'])
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(place, name)]);
  writeFileSync(path.join(place, 'authorized'), readKey(place, 'user'));
  chmodSync(path.join(place, 'authorized'), 0o600);
  // As root sshd shuts its helper into this empty folder, which the service of the system would have made.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const { child, port } = await listening(place, TRIES);
  writeFileSync(
    path.join(place, 'known'),
    `[127.0.0.1]:${port} ${readKey(place, 'host').split(' ').slice(0, 2).join(' ')}\n`,
  );
  writeFileSync(path.join(place, 'nobody-known'), '');
  const own = {
    UserKnownHostsFile: path.join(place, 'known'),
    GlobalKnownHostsFile: '/dev/null',
    IdentitiesOnly: 'yes',
    IdentityFile: path.join(place, 'user'),
  };
  return {
    port,
    key: path.join(place, 'user'),
    strangersKey: path.join(place, 'stranger'),
    address: (repository) => `ssh://${userInfo().username}@127.0.0.1:${port}${repository}`,
    command: (settings = {}) => {
      const file = path.join(place, 'config');
      const lines = Object.entries({ ...own, ...settings });
      writeFileSync(file, lines.map(([name, value]) => `${name} ${value}\n`).join(''));
      return `ssh -F ${file}`;
    },
    stop: () => stop(child),
  };
}

function readKey(place: string, name: string): string {
  return spawnSync('ssh-keygen', ['-y', '-f', path.join(place, name)], { encoding: 'utf8' }).stdout;
}

/** sshd cannot be asked for any free port: one that was free a moment ago, again if somebody took it meanwhile. */
async function listening(
  place: string,
  tries: number,
): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort();
  const settings = {
    ListenAddress: `127.0.0.1:${port}`,
    HostKey: path.join(place, 'host'),
    AuthorizedKeysFile: path.join(place, 'authorized'),
    PidFile: 'none',
    UsePAM: 'no',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    // The folder of a test lies in one that everybody may write to.
    StrictModes: 'no',
    PermitRootLogin: 'prohibit-password',
    LogLevel: 'ERROR',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  writeFileSync(path.join(place, 'sshd'), lines.join(''));
  const child = spawn(SSHD ?? 'sshd', ['-D', '-e', '-f', path.join(place, 'sshd')], {
    stdio: 'inherit',
  });
  if (await answers(child, place, port)) return { child, port };
  if (tries === 0) throw new TypeError(`no sshd on port ${port}`);
  return listening(place, tries - 1);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        resolve(address !== null && typeof address === 'object' ? address.port : 0),
      );
    });
  });
}

/** ssh-keyscan asks until there is an answer, or until the server ended. */
async function answers(child: ChildProcess, place: string, port: number): Promise<boolean> {
  while (child.exitCode === null) {
    const scan = spawn('ssh-keyscan', ['-T', '5', '-p', String(port), '127.0.0.1'], {
      cwd: place,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let told = '';
    scan.stdout.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    await new Promise((resolve) => scan.once('close', resolve));
    if (told !== '') return true;
  }
  return false;
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
