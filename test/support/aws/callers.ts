// Which function of the emulator speaks on a connection: its process is found by the port.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { variableOf } from '#runner/processes.ts';

export interface Caller {
  /** Its name on AWS. */
  readonly function: string;
  kill(): void;
}

const NAME = 'AWS_LAMBDA_FUNCTION_NAME';

/** Who is at the other end of a connection that came in. Undefined where it is no function. */
export function callerOf({ remotePort, localPort }: Socket): Caller | undefined {
  if (remotePort === undefined || localPort === undefined) return undefined;
  const inode = socketOf(remotePort, localPort);
  if (inode === undefined) return undefined;
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const named = variableOf(pid, NAME);
    if (named === undefined || !holds(pid, inode)) continue;
    return { function: named, kill: () => process.kill(pid, 'SIGKILL') };
  }
  return undefined;
}

/** Connections over IPv4 of this machine, one a line: `sl local remote state …  inode`. Those that are closing have no inode. */
function socketOf(from: number, to: number): string | undefined {
  const end = (port: number): string => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', , , , , , , inode = '0'] = line.trim().split(/\s+/);
    if (inode !== '0' && local.endsWith(end(from)) && remote.endsWith(end(to))) return inode;
  }
  return undefined;
}

function holds(pid: number, inode: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some(
      (fd) => readlinkSync(`${folder}/${fd}`) === `socket:[${inode}]`,
    );
  } catch {
    return false;
  }
}
