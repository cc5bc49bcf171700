// So many at once of one kind of work, in this process: who comes first is next.

export class Seats {
  readonly count: number;
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.count = count;
    this.#free = count;
  }

  /** Does the work when one is free; `waits` is called where none is yet. Rejects when `signal` aborts the wait. */
  async with<T>(
    work: () => Promise<T>,
    { signal, waits }: { signal?: AbortSignal | undefined; waits?: (() => void) | undefined } = {},
  ): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else {
      waits?.();
      await this.#turn(signal);
    }
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  /** A seat is handed on, not given back and taken again: nobody who comes meanwhile gets in between. */
  #give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.delete(mine);
        reject(signal?.reason);
      };
      const mine = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      if (signal?.aborted === true) {
        stop();
        return;
      }
      signal?.addEventListener('abort', stop, { once: true });
      this.#waiting.add(mine);
    });
  }
}
