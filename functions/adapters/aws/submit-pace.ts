// Keeps a process to its share of a rate: each takes a turn, turns follow one another no closer than the rate allows.
import { setTimeout as sleep } from 'node:timers/promises';

export interface PaceOptions {
  /** Turns in a second. */
  readonly rate: number;
  readonly now?: () => number;
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** Returns when it is the caller's turn, in the order of asking. After a rest the first turn is at once. */
export function createPace({
  rate,
  now = () => performance.now(),
  pause = sleep,
}: PaceOptions): () => Promise<void> {
  const apart = 1_000 / rate;
  let next = 0;
  return async () => {
    const at = now();
    const turn = Math.max(at, next);
    next = turn + apart;
    if (turn > at) await pause(turn - at);
  };
}
