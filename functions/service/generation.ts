// Walks, ticks and tries as one number that never falls: what a bell compares to know who came later.
import { limits } from '#schemas/limits.ts';

/** Which walk of a run, which tick of it, which try of that. */
export interface Generation {
  readonly walk: number;
  readonly tick: number;
  readonly retry: number;
}

const RETRIES = limits.tickRetries + 1;
const TICKS = limits.ticks + 1;

/** `(walk × ticks + tick) × retries + retry`; the highest is below 2^53. */
export const genOf = ({ walk, tick, retry }: Generation): number =>
  (walk * TICKS + tick) * RETRIES + retry;

/** The walk that a generation belongs to. */
export const walkOf = (gen: number): number => Math.floor(gen / RETRIES / TICKS);
