// Who waits for news of a run in this process: followers of its events, and those who wait for its end.
import type { Advanced } from '#service/advance-run.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import type { Service } from '#service/service.ts';
import { statusOf } from '#service/status.ts';

type Listener = () => void;

/** Listeners by run. */
export class Watchers {
  readonly #news = new Map<string, Set<Listener>>();
  readonly #rest = new Map<string, Set<Listener>>();
  #closed = false;

  /** Facts were saved. */
  committed(ref: RunRef): void {
    tell(this.#news, ref);
  }

  /** A notice came: progress, or why something is queued. */
  noticed(ref: RunRef): void {
    tell(this.#news, ref);
  }

  rested(ref: RunRef, how: Advanced): void {
    if (how !== 'done' && how !== 'halted' && how !== 'gone') return;
    tell(this.#rest, ref);
    tell(this.#news, ref);
  }

  /** Resolves when there is news, or after so many milliseconds. */
  news(ref: RunRef, milliseconds: number): Promise<void> {
    return wait(this.#news, ref, milliseconds);
  }

  /** Resolves when the run has ended or is halted. */
  async rest(ref: RunRef, service: Service): Promise<void> {
    for (;;) {
      const ended = wait(this.#rest, ref, undefined);
      const status = await statusOf(service, ref);
      if (status !== 'running' && status !== 'paused' && status !== 'pending') {
        tell(this.#rest, ref);
        return;
      }
      if (this.#closed) return;
      await ended;
    }
  }

  /** Wakes everybody for the last time. */
  close(): void {
    this.#closed = true;
    for (const listeners of [...this.#news.values(), ...this.#rest.values()])
      for (const listener of [...listeners]) listener();
  }
}

function tell(all: Map<string, Set<Listener>>, ref: RunRef): void {
  const listeners = all.get(runKey(ref));
  if (listeners === undefined) return;
  all.delete(runKey(ref));
  for (const listener of listeners) listener();
}

function wait(
  all: Map<string, Set<Listener>>,
  ref: RunRef,
  milliseconds: number | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const key = runKey(ref);
    const listeners = all.get(key) ?? new Set();
    all.set(key, listeners);
    let timer: NodeJS.Timeout | undefined;
    const listener = (): void => {
      if (timer !== undefined) clearTimeout(timer);
      listeners.delete(listener);
      resolve();
    };
    listeners.add(listener);
    if (milliseconds !== undefined) timer = setTimeout(listener, milliseconds);
  });
}
