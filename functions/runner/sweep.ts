// Finds processes that outlived their attempt although they left its process group: by the mark in their environment.
import { limits } from '#schemas/limits.ts';
import { MARK_VARIABLE, STEP_VARIABLE } from './contract.ts';
import { allProcesses, signal, statOf, variableOf } from './processes.ts';

const LAST_ROUNDS = 20;

/** A program that has ended. */
export interface EndedProgram {
  /** Of its attempt. */
  readonly mark: string;
  /** As the program was told. */
  readonly step: string;
}

interface Asked {
  readonly program: EndedProgram;
  readonly until: number;
  readonly resolve: () => void;
}

export class Sweeper {
  readonly #job: string;
  readonly #since: number;
  readonly #living = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #asked: Asked[] = [];
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(job: string) {
    this.#job = job;
    this.#since = Number(statOf(process.pid)?.start ?? 0);
  }

  begin(mark: string): void {
    this.#living.add(mark);
  }

  /** Looks soon, once for all attempts that end meanwhile. */
  end(mark: string): void {
    this.#living.delete(mark);
    this.#lookSoon();
  }

  /**
   * Ends what a program left behind although it left its process group, before its whole attempt ends. Resolves when none of that lives, or
   * has not died for too long.
   */
  endStrays(program: EndedProgram): Promise<void> {
    return new Promise((resolve) => {
      this.#ask({ program, until: performance.now() + limits.killWait, resolve });
    });
  }

  /** Many that end together are looked for together: looking at all processes takes milliseconds. */
  #ask(asked: Asked): void {
    this.#asked.push(asked);
    if (this.#asked.length > 1) return;
    const wait = this.#lookedAt + limits.strayInterval - performance.now();
    setTimeout(() => this.#endAsked(), Math.max(0, wait));
  }

  #endAsked(): void {
    const asked = this.#asked;
    this.#asked = [];
    this.#lookedAt = performance.now();
    const marked = markedProcesses(this.#job, this.#since);
    for (const one of asked) {
      const left = marked.filter((found) => isOf(found, one.program));
      for (const { pid } of left) signal(pid, 'SIGKILL');
      if (left.length === 0 || performance.now() > one.until) one.resolve();
      else this.#ask(one);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    for (let round = 0; round < LAST_ROUNDS && this.#sweep() > 0; round += 1) {
      // What forks without end is caught in one of the rounds.
    }
  }

  #lookSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // Where there was one there may be another that it has started meanwhile.
      if (this.#sweep() > 0) this.#lookSoon();
    }, limits.sweepInterval);
  }

  #sweep(): number {
    let found = 0;
    for (const { pid, mark } of markedProcesses(this.#job, this.#since)) {
      if (this.#living.has(mark)) continue;
      if (signal(pid, 'SIGKILL')) found += 1;
    }
    return found;
  }
}

interface Marked {
  readonly pid: number;
  readonly mark: string;
}

const isOf = ({ pid, mark }: Marked, program: EndedProgram): boolean =>
  mark === program.mark && variableOf(pid, STEP_VARIABLE) === program.step;

/** Processes that carry a mark of this job. `since`: none of them is older. */
export function markedProcesses(job: string, since = 0): readonly Marked[] {
  return allProcesses().flatMap(({ pid, start, state }) => {
    if (pid === process.pid || state === 'Z' || Number(start) < since) return [];
    const mark = variableOf(pid, MARK_VARIABLE);
    return mark?.startsWith(`${job}:`) === true ? [{ pid, mark }] : [];
  });
}
