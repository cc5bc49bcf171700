// What a function that does the work of a node is called with on AWS, and how its end is told.
import * as z from 'zod';
import { address, format, namespace, nodeId, runId } from './ids.ts';
import { limits } from './limits.ts';
import { json } from './values.ts';

/** The event of the function. What it returns are the node's outputs; what it throws fails the attempt. */
export const functionCall = z.object({
  v: format,
  namespace,
  run: runId,
  node: nodeId,
  /** The node, or one of its instances. */
  address,
  /** From 1. */
  attempt: z.int().positive(),
  instance: z.int().nonnegative().exactOptional(),
  /** The node's `inputs`; files are addresses to read them by. */
  input: z.record(z.string(), json),
  config: z.record(z.string(), json),
  /** The same each time this attempt is begun: a call may come twice. */
  idempotencyKey: z.string(),
  /** By which it may speak for its attempt: secrets, logs, progress. Its end is told by the result of the call. */
  runner: z.object({ url: z.string(), token: z.string().max(limits.tokenLength), job: z.string() }),
});
export type FunctionCall = z.infer<typeof functionCall>;
