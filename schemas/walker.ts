// What the walker's machine and its tick tell each other. State and data stay in the table: these messages stay small.
import * as z from 'zod';
import { namespace, runId } from './ids.ts';
import { limits } from './limits.ts';

const count = (most: number) => z.int().nonnegative().max(most);

/** Which walk of a run, which tick of it, which try of that: ordered by these three, never falling, unique in a run. */
const generation = {
  walk: count(limits.walks),
  tick: count(limits.ticks),
  retry: count(limits.tickRetries),
};

/** What an execution begins with. `name` is what names of this run's executions begin with: `<name>-<walk>-<tick>-<retry>`. */
export const walkerInput = z.object({
  namespace,
  run: runId,
  name: z.string().regex(/^[A-Za-z0-9]{1,40}$/),
  ...generation,
});
export type WalkerInput = z.infer<typeof walkerInput>;

/** What a tick is called with. It answers by the token, not by what it returns. */
export const tickOrder = z.object({
  namespace,
  run: runId,
  ...generation,
  token: z.string().min(1).max(limits.tickBytes),
});
export type TickOrder = z.infer<typeof tickOrder>;

/**
 * What SendTaskSuccess carries: `tick` again, `continue` in a new execution, `done` with a run that has ended and is performed, `fail`
 * with one that is halted.
 */
export const tickDecision = z.strictObject({
  next: z.enum(['tick', 'continue', 'done', 'fail']),
  because: z.string().max(500).exactOptional(),
});
export type TickDecision = z.infer<typeof tickDecision>;
