// Looks at the process trees of running programs: measures their peaks, and ends those over a bound where no control group does it.
//
// One look at /proc serves all programs. A program that ends before its first look has no peaks; the report then has none.
import { readFileSync } from 'node:fs';
import { limits } from '#schemas/limits.ts';
import type { Peaks } from '#schemas/run.ts';
import { MARK_VARIABLE } from './contract.ts';
import { type GpuLook, GpuMeter, type GpuState } from './gpu-meter.ts';
import {
  allProcesses,
  PAGE_BYTES,
  type ProcessStat,
  statOf,
  TICKS_PER_SECOND,
  variableOf,
} from './processes.ts';
import { joinPeaks } from './world.ts';

/** A bound on what several programs have together. */
export interface MemoryShare {
  /** Of which attempt they are. */
  readonly mark: string;
  readonly bytes: number;
}

/** Graphics processors that a program was given. */
export interface GivenGpus {
  /** Undefined where all of the machine are its own. */
  readonly names: readonly string[] | undefined;
  /** Why nothing is known of them; told once for all programs. */
  readonly unknown: (why: string) => void;
}

/** Told at most once. */
export type OverBound = (kind: 'memory' | 'processes', found: number) => void;

export class Watched {
  readonly pid: number;
  /** Undefined when there is no bound or something else enforces it. */
  readonly share: MemoryShare | undefined;
  readonly over: OverBound;
  readonly gpus: GivenGpus | undefined;
  #ticks = 0;
  #bytes = 0;
  #gpu: Peaks = {};
  #told = false;
  firstLook: NodeJS.Timeout | undefined;

  constructor(
    pid: number,
    over: OverBound,
    about: { share: MemoryShare | undefined; gpus: GivenGpus | undefined },
  ) {
    this.pid = pid;
    this.over = over;
    this.share = about.share;
    this.gpus = about.gpus;
  }

  /** Highest figures seen; empty when nobody looked in time. */
  get peaks(): Peaks {
    if (this.#bytes === 0) return this.#gpu;
    return {
      cpuSeconds: this.#ticks / TICKS_PER_SECOND,
      memoryBytes: this.#bytes,
      ...this.#gpu,
    };
  }

  /** `bytes` is what its processes were found to use. */
  seeGpus(bytes: number, states: readonly GpuState[]): void {
    const names = this.gpus?.names;
    const own = states.filter((gpu) => names === undefined || gpu.names.some(isIn(names)));
    // In a container of its own the driver knows the processes by other numbers; then all that is used is used by it.
    const used = names === undefined ? own.reduce((sum, gpu) => sum + gpu.bytes, 0) : 0;
    const percents = own.flatMap(({ percent }) => percent ?? []);
    const look: Peaks = {
      gpuMemoryBytes: Math.max(bytes, used),
      ...(percents.length === 0 ? {} : { gpuPercent: Math.max(...percents) }),
    };
    this.#gpu = joinPeaks([this.#gpu, look]);
  }

  see(ticks: number, bytes: number, processes: number): void {
    this.#ticks = Math.max(this.#ticks, ticks);
    this.#bytes = Math.max(this.#bytes, bytes);
    if (processes > limits.stepProcesses) this.end('processes', processes);
    else if (this.share !== undefined && bytes > this.share.bytes) this.end('memory', bytes);
  }

  end(kind: 'memory' | 'processes', found: number): void {
    if (this.#told) return;
    this.#told = true;
    this.over(kind, found);
  }
}

/** What the processes of one program have. */
interface Sum {
  ticks: number;
  bytes: number;
  processes: number;
}

export class Watch {
  readonly #programs = new Map<number, Watched>();
  readonly #meter: GpuMeter;
  /** No program of ours is older. */
  readonly #since = Number(statOf(process.pid)?.start ?? 0);
  /** Marks of processes that no program leads to, by number and start: each is asked once. */
  #marks = new Map<string, string | undefined>();
  #timer: NodeJS.Timeout | undefined;

  /** `host`: variables of this process, by which tools are found. */
  constructor(host: NodeJS.ProcessEnv) {
    this.#meter = new GpuMeter(host, {
      look: (look) => this.#lookAtGpus(look),
      trouble: (why) => this.#withGpus()[0]?.gpus?.unknown(why),
    });
  }

  add(watched: Watched): void {
    this.#programs.set(watched.pid, watched);
    if (watched.gpus !== undefined) this.#meter.start();
    watched.firstLook = setTimeout(() => lookAtLeader(watched), limits.firstLook);
    this.#timer ??= setInterval(() => this.#look(), limits.watchInterval);
  }

  remove(watched: Watched): void {
    clearTimeout(watched.firstLook);
    this.#programs.delete(watched.pid);
    if (this.#withGpus().length === 0) this.#meter.stop();
    if (this.#programs.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const all = allProcesses();
    const leaders = leadersOf(all, this.#programs);
    this.#addStrays(all, leaders);
    const sums = new Map<number, Sum>();
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
    this.#boundShares(sums);
  }

  /** What left its program's session and parents is known by its mark; looked for only where nothing but this look bounds it. */
  #addStrays(all: readonly ProcessStat[], leaders: Map<number, number>): void {
    const byMark = new Map<string, number>();
    for (const { pid, share } of this.#programs.values())
      if (share !== undefined) byMark.set(share.mark, pid);
    const known = this.#marks;
    this.#marks = new Map();
    if (byMark.size === 0) return;
    for (const { pid, start } of all) {
      if (leaders.has(pid) || Number(start) < this.#since) continue;
      const key = `${pid}:${start}`;
      const mark = known.has(key) ? known.get(key) : variableOf(pid, MARK_VARIABLE);
      this.#marks.set(key, mark);
      const leader = mark === undefined ? undefined : byMark.get(mark);
      if (leader !== undefined) leaders.set(pid, leader);
    }
  }

  /** Of programs that have too much together the one that has most is ended. */
  #boundShares(sums: ReadonlyMap<number, Sum>): void {
    const shares = new Map<string, { bytes: number; most: Watched; ofMost: number }>();
    for (const [pid, { bytes }] of sums) {
      const watched = this.#programs.get(pid);
      if (watched?.share === undefined) continue;
      const { mark } = watched.share;
      const known = shares.get(mark) ?? { bytes: 0, most: watched, ofMost: 0 };
      const most = bytes > known.ofMost ? { most: watched, ofMost: bytes } : known;
      shares.set(mark, { ...known, ...most, bytes: known.bytes + bytes });
    }
    for (const { bytes, most, ofMost } of shares.values())
      if (most.share !== undefined && bytes > most.share.bytes) most.end('memory', ofMost);
  }

  #withGpus(): readonly Watched[] {
    return [...this.#programs.values()].filter(({ gpus }) => gpus !== undefined);
  }

  #lookAtGpus({ processes, gpus }: GpuLook): void {
    const leaders = leadersOf(allProcesses(), this.#programs);
    const used = new Map<number, number>();
    for (const { pid, bytes } of processes) {
      const leader = leaders.get(pid);
      if (leader !== undefined) used.set(leader, (used.get(leader) ?? 0) + bytes);
    }
    for (const watched of this.#withGpus()) watched.seeGpus(used.get(watched.pid) ?? 0, gpus);
  }
}

const isIn =
  (names: readonly string[]) =>
  (name: string): boolean =>
    names.includes(name);

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
