// The stored form of the head of a run's state: written and read by the walker, which says what its members mean.
import * as z from 'zod';
import { format } from './ids.ts';
import { reason } from './reasons.ts';
import { range, runEnd } from './run.ts';
import { json } from './values.ts';

const whole = z.int();
const pairs = z.array(z.tuple([whole, whole]));

const phase = z.enum(['pending', 'running', 'paused', 'ended']);

/** Of a head only how far the run is. */
export const storedPhase = z.object({ phase });

export const storedHead = z.strictObject({
  v: format,
  phase,
  end: runEnd.optional(),
  reason: reason.optional(),
  message: z.string().optional(),
  now: whole,
  timeout: whole.default(0),
  deadline: whole.default(0),
  stopping: reason.optional(),
  unfinished: whole,
  hidden: whole.default(0),
  live: whole.default(0),
  places: z.array(whole).default([]),
  failedGroups: z.array(whole).default([]),
  groupDeadlines: pairs.default([]),
  roots: whole.default(0),
  spreading: pairs.default([]),
  externals: z.record(z.string(), json).default({}),
  keys: z.array(z.string()).default([]),
  unhandled: whole.default(0),
  cancelled: whole.default(0),
  seeds: z.array(z.tuple([z.string(), z.array(range)])).default([]),
});
