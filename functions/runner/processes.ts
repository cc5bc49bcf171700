// What /proc says of processes. A pid alone names nothing: it may belong to another process by now. Pid, start time and boot together do.
import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessMark } from '#schemas/runner-files.ts';

export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks, children that were waited for included. */
  readonly ticks: number;
  readonly start: string;
  /** Resident pages. */
  readonly pages: number;
}

/** Linux counts processor time in hundredths of a second and memory in pages of 4 KiB on the machines we run on. */
export const TICKS_PER_SECOND = 100;
export const PAGE_BYTES = 4096;

let knownBoot: string | undefined;

/** The id of this boot; empty where the system has none, so that nothing ever matches by accident but within one process. */
export function bootId(): string {
  knownBoot ??= read('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return knownBoot;
}

export function statOf(pid: number): ProcessStat | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The second field is the program's name in brackets, which may hold blanks and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number) => Number(fields[index] ?? 0);
  return {
    pid,
    state: fields[0] ?? '?',
    parent: number(1),
    group: number(2),
    session: number(3),
    ticks: number(11) + number(12) + number(13) + number(14),
    start: fields[19] ?? '',
    pages: number(21),
  };
}

/** Who a process is; undefined when it is gone already. */
export function markOf(pid: number): ProcessMark | undefined {
  const stat = statOf(pid);
  return stat === undefined ? undefined : { pid, start: stat.start, boot: bootId() };
}

/** Ticks from boot to the moment when this module was read, by the clock that counts the time since the process began. */
const BORN =
  Number(read('/proc/uptime')?.split(' ')[0] ?? 0) * TICKS_PER_SECOND - performance.now() / 10;

/**
 * Who a process is that was made a moment ago. Reading /proc for it would cost a small program as much as a tenth of its start, so its
 * start time is told by our own clock.
 */
export function markOfNew(pid: number): ProcessMark {
  return { pid, start: String(Math.round(BORN + performance.now() / 10)), boot: bootId() };
}

/** A pid does not come round again within this many ticks. */
const NEAR = 10;

/** The very same process lives. A zombie is dead: it only waits to be counted. */
export function isAlive(mark: ProcessMark): boolean {
  if (mark.boot !== bootId()) return false;
  const stat = statOf(mark.pid);
  if (stat === undefined || stat.state === 'Z') return false;
  return Math.abs(Number(stat.start) - Number(mark.start)) <= NEAR;
}

export function allProcesses(): ProcessStat[] {
  const stats: ProcessStat[] = [];
  for (const entry of entries('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = statOf(Number(entry));
    if (stat !== undefined) stats.push(stat);
  }
  return stats;
}

/** Processes and threads of this machine; asked without looking at each. */
export function schedulingEntities(): number | undefined {
  const count = /\/(\d+) /.exec(read('/proc/loadavg') ?? '')?.[1];
  return count === undefined ? undefined : Number(count);
}

/** The value of a variable in the environment a process was started with. */
export function variableOf(pid: number, name: string): string | undefined {
  const text = read(`/proc/${pid}/environ`);
  if (text === undefined) return undefined;
  const prefix = `${name}=`;
  for (const part of text.split('\0')) {
    if (part.startsWith(prefix)) return part.slice(prefix.length);
  }
  return undefined;
}

/** False when there is nobody (any more) to send it to. */
export function signal(target: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(target, name);
    return true;
  } catch {
    return false;
  }
}

/** Whether a process of this group lives. Those that are dead and wait to be counted do not. */
export function groupLives(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  return allProcesses().some((stat) => stat.group === group && stat.state !== 'Z');
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
