// Finds processes that outlived their attempt although they left its process group: by the mark in their environment.
import { limits } from '#schemas/limits.ts';
import { MARK_VARIABLE } from './contract.ts';
import { allProcesses, signal, statOf, variableOf } from './processes.ts';

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
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#sweep();
    }, limits.sweepInterval);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#sweep();
  }

  #sweep(): void {
    for (const { pid } of markedProcesses(this.#job, this.#since))
      if (!this.#living.has(variableOf(pid, MARK_VARIABLE) ?? '')) signal(pid, 'SIGKILL');
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
