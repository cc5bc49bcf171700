// Takes single things and hands them on in batches, one batch at a time, in order. What comes while one is handled makes the
// next. A batch that fails is tried again until it goes through: nothing is dropped.
import { setTimeout as pause } from 'node:timers/promises';
import { Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';

export interface Pump<T> {
  push(thing: T): void;
  /** Resolves when everything that was pushed has been handled, or the pump was stopped. */
  idle(): Promise<void>;
  /** Drops what is waiting; a batch that is being handled is not tried again. */
  stop(): void;
}

export interface PumpOptions<T> {
  readonly handle: (batch: readonly T[]) => Promise<void>;
  /** Told of every failure. */
  readonly problem: (error: unknown) => void;
}

export function createPump<T>(options: PumpOptions<T>): Pump<T> {
  let waiting: T[] = [];
  let running: Promise<void> | undefined;
  let stopped = false;

  const run = async (): Promise<void> => {
    // One turn later: what comes in one piece from the socket is one batch.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting.splice(0, limits.reportBatch);
      await persistently(
        () => options.handle(batch),
        options.problem,
        () => stopped,
      );
    }
    running = undefined;
  };
  return {
    push: (thing) => {
      if (stopped) return;
      waiting.push(thing);
      running ??= run();
    },
    idle: async () => {
      while (running !== undefined) await running;
    },
    stop: () => {
      stopped = true;
      waiting = [];
    },
  };
}

async function persistently(
  act: () => Promise<void>,
  problem: (error: unknown) => void,
  stopped: () => boolean,
): Promise<void> {
  let wait: number = limits.deskRetry;
  while (!stopped()) {
    try {
      await act();
      return;
    } catch (error) {
      problem(error);
      await pause(error instanceof Transient ? Math.min(error.afterMs, wait) : wait, undefined, {
        ref: false,
      });
      wait = Math.min(wait * 2, limits.deskRetryMax);
    }
  }
}
