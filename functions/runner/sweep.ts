// Finds processes that outlived their attempt although they left its process group: by the mark in their environment.
import { limits } from '#schemas/limits.ts';
import { MARK_VARIABLE } from './contract.ts';
import { allProcesses, signal, statOf, variableOf } from './processes.ts';

const LAST_ROUNDS = 20;

export class Sweeper {
  readonly #job: string;
  readonly #since: number;
  readonly #living = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

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
    for (const { pid } of markedProcesses(this.#job, this.#since)) {
      if (this.#living.has(variableOf(pid, MARK_VARIABLE) ?? '')) continue;
      if (signal(pid, 'SIGKILL')) found += 1;
    }
    return found;
  }
}

/** Processes that carry a mark of this job. `since`: none of them is older. */
export function markedProcesses(job: string, since = 0): { pid: number; start: string }[] {
  return allProcesses()
    .filter(
      ({ pid, start, state }) => pid !== process.pid && state !== 'Z' && Number(start) >= since,
    )
    .filter(({ pid }) => variableOf(pid, MARK_VARIABLE)?.startsWith(`${job}:`) === true)
    .map(({ pid, start }) => ({ pid, start }));
}
