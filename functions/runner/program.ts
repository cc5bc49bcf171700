// One program: started in a process group of its own, watched, bounded, and ended with everything it left behind.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '#schemas/limits.ts';
import type { Peaks } from '#schemas/run.ts';
import type { ProcessMark } from '#schemas/runner-files.ts';
import type { Cage } from './cage.ts';
import { groupLives, markOfNew, schedulingEntities, signal } from './processes.ts';
import type { Pipes, Shell } from './shell.ts';
import type { Standby } from './standby.ts';
import { type GivenGpus, type MemoryShare, type OverBound, type Watch, Watched } from './watch.ts';

export interface ProgramOrder {
  readonly command: string;
  readonly folder: string;
  readonly environment: Record<string, string>;
  /** Its own. */
  readonly cage?: Cage | undefined;
  /** Which programs have the bound on memory together, and that bound in bytes; where no cage enforces it. */
  readonly share?: MemoryShare | undefined;
  readonly watch: Watch;
  readonly gpus?: GivenGpus | undefined;
  readonly pipes: Pipes;
  /** Shells that were started ahead. */
  readonly standby: Standby;
  /** Ends what left its process group, and resolves when nothing of that lives. Only asked where no cage knows them. */
  endStrays(): Promise<void>;
  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): void;
  /** Called in the same turn in which the process was made. */
  onSpawn(mark: ProcessMark): void;
}

export type ProgramEnd = { readonly peaks: Peaks } & (
  | { readonly how: 'exit'; readonly code: number }
  | { readonly how: 'signal'; readonly signal: string }
  /** Killed because of a bound: what was found when it was. */
  | { readonly how: 'memory' | 'processes'; readonly found: number }
  | { readonly how: 'not_started'; readonly message: string }
);

// Enters the cage before anything of the user's runs, then becomes the user's shell.
const ENTER =
  'command=$1; shift; for door do echo 0 > "$door" || exit 125; done; exec /bin/sh -c -- "$command"';

export class Program {
  readonly ended: Promise<ProgramEnd>;
  readonly #order: ProgramOrder;
  readonly #shell: Shell | undefined;
  #watched: Watched | undefined;
  #over: { how: 'memory' | 'processes'; found: number } | undefined;
  #kill: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(order: ProgramOrder) {
    this.#order = order;
    let started: Started;
    try {
      started = start(order);
    } catch (error) {
      this.ended = Promise.resolve(notStarted(error, order));
      return;
    }
    this.#shell = started.shell;
    this.ended = this.#wait(started.shell);
    this.#watchOver(started);
  }

  /** TERM now, KILL after `grace` milliseconds. Asking again can only make it sooner. */
  stop(grace: number): void {
    const pid = this.#shell?.child.pid;
    if (pid === undefined) return;
    this.#stopped = true;
    clearTimeout(this.#kill);
    if (grace <= 0) {
      this.#killAll(pid);
      return;
    }
    signal(-pid, 'SIGTERM');
    // A stopped program does not see TERM before it goes on.
    signal(-pid, 'SIGCONT');
    this.#kill = setTimeout(() => this.#killAll(pid), grace);
  }

  #watchOver({ shell, mark }: Started): void {
    const { pid } = shell.child;
    if (pid === undefined) return;
    this.#order.onSpawn(mark ?? markOfNew(pid));
    const { share, gpus, watch } = this.#order;
    const over: OverBound = (how, found) => {
      this.#over = { how, found };
      this.#killAll(pid);
    };
    this.#watched = new Watched(pid, over, { share, gpus });
    watch.add(this.#watched);
  }

  #wait(shell: Shell): Promise<ProgramEnd> {
    const closed = Promise.all([this.#read(shell, 'stdout'), this.#read(shell, 'stderr')]);
    return new Promise((resolve, reject) => {
      const { child } = shell;
      child.on('error', (error) => resolve(notStarted(error, this.#order)));
      child.on('exit', (code, name) => {
        const end = this.#onExit(child.pid, code, name);
        // Somebody who left the group may hold the pipes open: what it says later belongs to nobody.
        const late = setTimeout(() => {
          shell.stdout.destroy();
          shell.stderr.destroy();
        }, limits.pipeWait);
        closed.then(() => {
          clearTimeout(late);
          end.then(resolve, reject);
        }, reject);
      });
    });
  }

  /** Resolves when nobody can say any more. */
  #read(shell: Shell, stream: 'stdout' | 'stderr'): Promise<void> {
    shell[stream].on('data', (chunk: Buffer) => this.#order.onOutput(stream, chunk));
    return new Promise((resolve) => {
      shell[stream].once('close', resolve);
      // What cannot be read has said all that there is.
      shell[stream].once('error', () => resolve());
    });
  }

  /** Resolves when nothing that it started lives any more: what comes after it never runs beside it. */
  async #onExit(
    pid: number | undefined,
    code: number | null,
    name: NodeJS.Signals | null,
  ): Promise<ProgramEnd> {
    clearTimeout(this.#kill);
    if (this.#watched !== undefined) this.#order.watch.remove(this.#watched);
    if (pid !== undefined) await this.#endAll(pid, this.#stopped || code !== 0);
    const end = this.#endOf(code, name);
    this.#order.cage?.remove();
    return end;
  }

  #endOf(code: number | null, name: NodeJS.Signals | null): ProgramEnd {
    const peaks = this.#peaks();
    const { cage } = this.#order;
    if (cage !== undefined && cage.memoryKills > 0 && code !== 0) {
      const found = cage.peakMemory ?? 0;
      const memoryBytes = Math.max(found, peaks.memoryBytes ?? 0);
      return { how: 'memory', found, peaks: { ...peaks, memoryBytes } };
    }
    if (this.#over !== undefined) return { ...this.#over, peaks };
    if (code !== null) return { how: 'exit', code, peaks };
    return { how: 'signal', signal: name ?? 'unknown', peaks };
  }

  #peaks(): Peaks {
    const seen = this.#watched?.peaks ?? {};
    const { cage } = this.#order;
    if (cage === undefined) return seen;
    const memory = seen.memoryBytes ?? cage.peakMemory;
    const cpu = cage.cpuSeconds;
    return {
      ...seen,
      ...(cpu === undefined ? {} : { cpuSeconds: cpu }),
      ...(memory === undefined ? {} : { memoryBytes: memory }),
    };
  }

  async #endAll(pid: number, strays: boolean): Promise<void> {
    const until = performance.now() + limits.killWait;
    this.#killAll(pid);
    // Killed processes take a moment to be gone, and one that forks may have done so once more.
    for (
      let wait = 1;
      this.#lives(pid) && performance.now() < until;
      wait = Math.min(wait * 2, 50)
    ) {
      await sleep(wait);
      this.#killAll(pid);
    }
    if (strays && this.#order.cage === undefined) await this.#order.endStrays();
  }

  #lives(pid: number): boolean {
    if (this.#order.cage !== undefined && this.#order.cage.processes.length > 0) return true;
    return groupLives(pid);
  }

  #killAll(pid: number): void {
    signal(-pid, 'SIGKILL');
    for (const inside of this.#order.cage?.processes ?? []) signal(inside, 'SIGKILL');
  }
}

interface Started {
  readonly shell: Shell;
  /** Who it is, when it was started before now. */
  readonly mark?: ProcessMark;
}

function start(order: ProgramOrder): Started {
  const doors = order.cage?.doors;
  const command = doors === undefined ? processBound() + order.command : order.command;
  // A folder that is not there is said by the system, in the plain way.
  const ahead = doors === undefined && existsSync(order.folder);
  const waiting = ahead ? order.standby.take({ ...order, command }) : undefined;
  if (waiting !== undefined) return waiting;
  const args = doors === undefined ? ['-c', '--', command] : ['-c', ENTER, 'sh', command, ...doors];
  const { folder, environment, pipes } = order;
  return { shell: pipes.start(args, { cwd: folder, env: environment, stdin: 'ignore' }) };
}

/**
 * Without a cage only the user's own bound on processes stops one that forks without end at once; the watch comes too late for it.
 * It counts everything the user runs, which is at most everything there is. Root has no such bound.
 */
function processBound(): string {
  const there = process.getuid?.() === 0 ? undefined : schedulingEntities();
  if (there === undefined) return '';
  const most = there + limits.stepProcesses;
  // bash calls it -u, dash -p. In the first line, so that line numbers stay.
  return `ulimit -u ${most} 2>/dev/null || ulimit -p ${most} 2>/dev/null; `;
}

function notStarted(
  error: unknown,
  order: Pick<ProgramOrder, 'command' | 'environment'>,
): ProgramEnd {
  const told = error instanceof Error ? error.message : String(error);
  const isTooLarge = error instanceof Error && 'code' in error && error.code === 'E2BIG';
  return { how: 'not_started', message: isTooLarge ? tooLarge(order) : told, peaks: {} };
}

/** The system takes a command and variables up to a bound only; on Linux that is 128 KiB for each of them. */
function tooLarge({ command, environment }: Pick<ProgramOrder, 'command' | 'environment'>): string {
  const parts: (readonly [string, number])[] = [['its command', Buffer.byteLength(command)]];
  for (const [name, value] of Object.entries(environment))
    parts.push([`its variable ${name}`, Buffer.byteLength(value)]);
  const [what, bytes] = parts.reduce((most, part) => (part[1] > most[1] ? part : most));
  return `the system takes no command and variables as large as these, and ${what} has ${bytes} bytes: give large values as inputs of the node, which come as the file MILLRACE_INPUTS`;
}
