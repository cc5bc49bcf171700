// Why an attempt must end before its time: told once, heard by whatever runs at that moment.
export type HaltKind = 'cancelled' | 'timed_out';

export interface Halt {
  readonly kind: HaltKind;
  readonly message: string;
  /** Milliseconds between TERM and KILL. */
  readonly grace: number;
  /** The step whose own time was up. */
  readonly step?: string;
}

export class Halter {
  #halt: Halt | undefined;
  readonly #listeners = new Set<(halt: Halt) => void>();
  readonly #controller = new AbortController();

  get halt(): Halt | undefined {
    return this.#halt;
  }

  /** For what can be aborted but needs no grace: builds, fetches. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The first reason stays; a later call can only shorten the grace. */
  now(halt: Halt): void {
    this.#halt ??= halt;
    const told = { ...this.#halt, grace: Math.min(this.#halt.grace, halt.grace) };
    this.#halt = told;
    for (const listener of this.#listeners) listener(told);
    this.#controller.abort();
  }

  /** Calls back at once when it was told already. Answers how to stop listening. */
  listen(listener: (halt: Halt) => void): () => void {
    this.#listeners.add(listener);
    if (this.#halt !== undefined) listener(this.#halt);
    return () => this.#listeners.delete(listener);
  }
}
