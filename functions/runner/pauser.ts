// Whether something new may begin in an attempt: told now and then, heard by whoever begins things.

export class Pauser {
  #paused: boolean;
  readonly #listeners = new Set<(paused: boolean) => void>();

  constructor(paused = false) {
    this.#paused = paused;
  }

  set(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    for (const listener of this.#listeners) listener(paused);
  }

  /** Calls back at once when nothing may begin. Answers how to stop listening. */
  listen(listener: (paused: boolean) => void): () => void {
    this.#listeners.add(listener);
    if (this.#paused) listener(true);
    return () => this.#listeners.delete(listener);
  }
}
