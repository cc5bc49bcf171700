// A version of a pipeline as it is stored.
import * as z from 'zod';
import { digest, instant } from './ids.ts';
import { limits } from './limits.ts';

export const pipelineVersion = z.strictObject({
  id: z.string().min(1).max(limits.idLength),
  version: z.int().positive(),
  /** Of its plan. */
  digest,
  at: instant,
  /** How many levels of pipelines are below it. */
  depth: z.int().nonnegative(),
});
