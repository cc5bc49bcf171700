// Starts the emulators of `.tools` on free ports of the loopback, with nothing in them, and ends them. One of each serves a whole run of tests.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TOOLS = path.join(ROOT, '.tools');
const READY_MS = 30_000;
const END_MS = 3_000;
const LOOK_MS = 50;

export interface Emulator {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  end(): Promise<void>;
}

/**
 * MiniStack: everything of AWS that is used here but for Batch. Undefined where `.tools` has none. What its Lambdas are told besides is given.
 */
export async function startMinistack(
  environment: Readonly<Record<string, string>> = {},
): Promise<Emulator | undefined> {
  const program = path.join(TOOLS, 'ministack/venv/bin/ministack');
  if (!isMade('ministack')) return undefined;
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const env = {
    ...process.env,
    // Lambdas are run by the `node` that is found first.
    PATH: [path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter),
    BIND_HOST: '127.0.0.1',
    GATEWAY_PORT: `${port}`,
    IOT_MTLS_ENABLED: '0',
    PERSIST_STATE: '0',
    ...environment,
  };
  const ready = () => answers(`${endpoint}/_ministack/health`);
  return await start([program], {
    env,
    endpoint,
    ready,
    beforeEnd: () => resetMinistack(endpoint),
  });
}

/** Forgets everything, and ends the workers of its Lambdas. */
export async function resetMinistack(endpoint: string): Promise<void> {
  // One that hangs in a request answers this one neither; it is killed then.
  const signal = AbortSignal.timeout(END_MS);
  await fetch(`${endpoint}/_ministack/reset`, { method: 'POST', signal }).catch(() => {});
}

/** DynamoDB Local: what Amazon itself gives out. It knows no way to bind to the loopback only. Undefined where `.tools` has none. */
export async function startDynamodbLocal(): Promise<Emulator | undefined> {
  if (!isMade('dynamodb-local')) return undefined;
  const lib = path.join(TOOLS, 'dynamodb-local/lib');
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const command = [
    'java',
    '-Xmx256m',
    // Beside other tests the quick compiler is enough, and starts in half the time.
    '-XX:TieredStopAtLevel=1',
    `-Djava.library.path=${lib}`,
    '-DDDB_LOCAL_TELEMETRY=0',
    ...['-cp', path.join(lib, '*'), 'software.amazon.dynamodb.services.local.main.ServerRunner'],
    ...['-inMemory', '-port', `${port}`, '-disableTelemetry'],
  ];
  // It has no address for its health; a request without a signature is answered, with a refusal.
  return await start(command, { env: process.env, endpoint, ready: () => answers(endpoint) });
}

function isMade(folder: string): boolean {
  return existsSync(path.join(TOOLS, folder, 'complete'));
}

interface Starting {
  readonly env: NodeJS.ProcessEnv;
  readonly endpoint: string;
  readonly ready: () => Promise<boolean>;
  readonly beforeEnd?: () => Promise<void>;
}

async function start(command: readonly string[], how: Starting): Promise<Emulator> {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-emulator-'));
  const [program = '', ...args] = [...dyingWithUs(), ...command];
  const child = spawn(program, args, {
    // A group of its own, so that its workers can be ended with it.
    detached: true,
    cwd: folder,
    env: { ...how.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-4_000);
    });
  const end = async (): Promise<void> => {
    if (isAlive(child)) await how.beforeEnd?.();
    await endGroup(child);
    rmSync(folder, { recursive: true, force: true });
  };
  child.once('error', (error) => {
    said = `${said}${error.message}`;
  });
  for (const until = Date.now() + READY_MS; !(await how.ready()); await pause(LOOK_MS)) {
    if (isAlive(child) && Date.now() < until) continue;
    await end();
    throw new Error(`${command[0]} was not ready after ${READY_MS} ms; it said: ${said}`);
  }
  return { endpoint: how.endpoint, end };
}

/** Where the system can do that, the emulator is killed with the process that started it, however that one ends. */
function dyingWithUs(): readonly string[] {
  const asked = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' });
  return asked.status === 0 ? ['setpriv', '--pdeathsig', 'KILL'] : [];
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  if (isAlive(child)) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    // MiniStack with a hanging request ignores it.
    await Promise.race([ended, pause(END_MS, undefined, { ref: false })]);
  }
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The whole group is gone already.
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await answer.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
