// What every benchmark answers: one line of the table.
import * as z from 'zod';

export const benchRow = z.object({
  name: z.string(),
  /** What must be reached, in words. */
  target: z.string(),
  value: z.number(),
  unit: z.string(),
  /** False when the target is missed. */
  reached: z.boolean(),
  /** All measurements, in the row's unit. */
  samples: z.array(z.number()).readonly().exactOptional(),
  note: z.string().exactOptional(),
});
export type BenchRow = z.infer<typeof benchRow>;

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Runs `measure` so many times and answers the measurements. */
export async function samples(
  times: number,
  measure: (round: number) => Promise<number> | number,
): Promise<number[]> {
  const found: number[] = [];
  for (let round = 0; round < times; round += 1) found.push(await measure(round));
  return found;
}

/** Milliseconds that `work` takes. */
export async function elapsed(work: () => Promise<unknown> | unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

interface Bound {
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly note?: string;
}

/** A row whose value is the median of what was found. */
export function row(name: string, found: readonly number[], bound: Bound): BenchRow {
  const {
    unit,
    atMost = Number.POSITIVE_INFINITY,
    atLeast = Number.NEGATIVE_INFINITY,
    note,
  } = bound;
  const value = median(found);
  const target = bound.atMost === undefined ? `≥ ${atLeast} ${unit}` : `≤ ${atMost} ${unit}`;
  const reached = value <= atMost && value >= atLeast;
  return {
    name,
    target,
    value,
    unit,
    reached,
    samples: found,
    ...(note === undefined ? {} : { note }),
  };
}
