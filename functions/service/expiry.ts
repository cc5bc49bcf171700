// When a table that forgets may forget an item. A run's items go together, long after the run can have ended.
import type { Key } from '#ports/table.ts';
import type { RunId } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { timeOf } from './keys.ts';

const OF_RUN = /^NS#[^#]+#RUN#([0-9A-Z]{26})$/;
/** Lists whose items are named by run. */
const BY_RUN = /^NS#[^#]+#(?:RUNS#.+|ACTIVE)$/;
/** What is written again now and then as long as somebody needs it. It outlives the runs that it leads to. */
const RENEWED = /^NS#[^#]+#(?:MONTHS|CACHE#.+|LEASES)$/;

/**
 * When an item that is written now may go: milliseconds since 1970. Undefined for what stays until somebody deletes it.
 * It follows from the key alone, so that all items of a run, its sub-runs included, go at the same time.
 */
export function expiryOf({ pk, sk }: Key, now: number): number | undefined {
  const run = OF_RUN.exec(pk)?.[1] ?? (BY_RUN.test(pk) ? sk : undefined);
  if (run === undefined) return RENEWED.test(pk) ? now + 2 * limits.runKept : undefined;
  // An id may have been chosen by hand. No run that is written to began longer ago than the longest one takes, or will begin later.
  const earliest = now - limits.longestDuration + limits.runKept;
  return Math.min(Math.max(keptUntil(run), earliest), now + limits.runKept);
}

/** Until when what is known of a run can be relied on, wherever it is kept. */
export const keptUntil = (run: RunId): number => timeOf(run) + limits.runKept;
