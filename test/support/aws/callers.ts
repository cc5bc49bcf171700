// Which function of the emulator speaks on a connection: its process is found by the port.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { variableOf } from '#runner/processes.ts';

export interface Caller {
  /** Its name on AWS. */
  readonly function: string;
  kill(): void;
}

const NAME = 'AWS_LAMBDA_FUNCTION_NAME';

/** Undefined where it is no function's. */
export function callerOf(port: number | undefined): Caller | undefined {
  if (port === undefined) return undefined;
  const inode = socketOf(port);
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

/** Connections over IPv4 of this machine, one a line: `sl local remote state …  inode`. */
function socketOf(port: number): string | undefined {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const words = line.trim().split(/\s+/);
    if (words[1]?.endsWith(wanted) === true) return words[9];
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
