// Looks at the process trees of running programs: measures their peaks, and ends those over a bound where no control group does it.
//
// One look at /proc serves all programs. A program that ends before its first look has no peaks; the report then has none.
import { readFileSync } from 'node:fs';
import { limits } from '#schemas/limits.ts';
import type { Peaks } from '#schemas/run.ts';
import {
  allProcesses,
  PAGE_BYTES,
  type ProcessStat,
  statOf,
  TICKS_PER_SECOND,
} from './processes.ts';

export interface Bounds {
  /** Bytes; undefined when there is no bound or something else enforces it. */
  readonly memory?: number | undefined;
  readonly processes: number;
}

/** Told at most once. */
export type OverBound = (kind: 'memory' | 'processes', found: number) => void;

export class Watched {
  readonly pid: number;
  readonly bounds: Bounds;
  readonly over: OverBound;
  #ticks = 0;
  #bytes = 0;
  #told = false;
  firstLook: NodeJS.Timeout | undefined;

  constructor(pid: number, bounds: Bounds, over: OverBound) {
    this.pid = pid;
    this.bounds = bounds;
    this.over = over;
  }

  /** Highest figures seen; empty when nobody looked in time. */
  get peaks(): Peaks {
    if (this.#bytes === 0) return {};
    return { cpuSeconds: this.#ticks / TICKS_PER_SECOND, memoryBytes: this.#bytes };
  }

  see(ticks: number, bytes: number, processes: number): void {
    this.#ticks = Math.max(this.#ticks, ticks);
    this.#bytes = Math.max(this.#bytes, bytes);
    if (this.#told) return;
    if (this.bounds.memory !== undefined && bytes > this.bounds.memory) this.#tell('memory', bytes);
    else if (processes > this.bounds.processes) this.#tell('processes', processes);
  }

  #tell(kind: 'memory' | 'processes', found: number): void {
    this.#told = true;
    this.over(kind, found);
  }
}

export class Watch {
  readonly #programs = new Map<number, Watched>();
  #timer: NodeJS.Timeout | undefined;

  add(watched: Watched): void {
    this.#programs.set(watched.pid, watched);
    watched.firstLook = setTimeout(() => lookAtLeader(watched), limits.firstLook);
    this.#timer ??= setInterval(() => this.#look(), limits.watchInterval);
  }

  remove(watched: Watched): void {
    clearTimeout(watched.firstLook);
    this.#programs.delete(watched.pid);
    if (this.#programs.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const all = allProcesses();
    const leaders = leadersOf(all, this.#programs);
    const sums = new Map<number, { ticks: number; bytes: number; processes: number }>();
    for (const stat of all) {
      const leader = leaders.get(stat.pid);
      if (leader === undefined) continue;
      const sum = sums.get(leader) ?? { ticks: 0, bytes: 0, processes: 0 };
      sum.ticks += stat.ticks;
      sum.bytes += stat.pages * PAGE_BYTES;
      sum.processes += 1;
      sums.set(leader, sum);
    }
    for (const [pid, sum] of sums)
      this.#programs.get(pid)?.see(sum.ticks, sum.bytes, sum.processes);
  }
}

function lookAtLeader(watched: Watched): void {
  const stat = statOf(watched.pid);
  if (stat === undefined) return;
  watched.see(stat.ticks, peakOf(watched.pid) ?? stat.pages * PAGE_BYTES, 1);
}

/** The peak that the kernel itself remembers of one process. */
function peakOf(pid: number): number | undefined {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found?.[1] === undefined ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}

/** To which program each process belongs: by session, else by its parents. */
function leadersOf(
  all: readonly ProcessStat[],
  programs: ReadonlyMap<number, Watched>,
): Map<number, number> {
  const byPid = new Map(all.map((stat) => [stat.pid, stat]));
  const leaders = new Map<number, number>();
  for (const stat of all) {
    let current: ProcessStat | undefined = stat;
    for (let depth = 0; current !== undefined && depth < 1_000; depth += 1) {
      if (programs.has(current.session)) {
        leaders.set(stat.pid, current.session);
        break;
      }
      current = byPid.get(current.parent);
    }
  }
  return leaders;
}
