// Tries again what may work the next time: longer and longer waits, never in step with others, bounded.
import { setTimeout as sleep } from 'node:timers/promises';
import { Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';

export interface Patience {
  /** Milliseconds after which no other try is begun. */
  readonly within: number;
  readonly tries?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before each wait. */
  readonly onTrouble?: ((message: string) => void) | undefined;
}

/** Rejects with the last error. Only what is Transient is tried again. */
export async function withRetries<T>(patience: Patience, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  for (let count = 1; ; count += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Transient) || isOver(patience)) throw error;
      if (count >= (patience.tries ?? Number.POSITIVE_INFINITY)) throw error;
      const wait = waitBefore(count, error.afterMs);
      if (performance.now() - began + wait > patience.within) throw error;
      patience.onTrouble?.(`${error.message}; again in ${Math.ceil(wait / 1000)} s`);
      await sleep(wait, undefined, { signal: patience.signal }).catch(() => undefined);
      if (isOver(patience)) throw error;
    }
  }
}

/** Asked anew each time: it may have been aborted meanwhile. */
function isOver({ signal }: Patience): boolean {
  return signal?.aborted === true;
}

/** Full jitter over an exponential bound, never sooner than it was asked for. */
function waitBefore(count: number, asked: number): number {
  const most = Math.min(limits.jobRetryMaxDelay, limits.jobRetryDelay * 2 ** (count - 1));
  return asked + most * Math.random();
}
