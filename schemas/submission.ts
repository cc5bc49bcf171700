// Work on its way to where it is done: what a tick puts into the submit queue. One message is one job, or one array of jobs.
import * as z from 'zod';
import { address, duration, format, namespace, nodeId, runId } from './ids.ts';
import { limits } from './limits.ts';
import { resources } from './plan.ts';
import { range } from './run.ts';
import { workOrder } from './work-order.ts';

/** What a job is the job of; of an array `address` is the node, and each job of it works on one of the instances. */
export const jobWork = z.strictObject({
  v: format,
  namespace,
  run: runId,
  address,
  attempt: z.int().positive(),
  instances: range.exactOptional(),
});
export type JobWork = z.infer<typeof jobWork>;

/** Where the order lies that the job will do. Small ones travel along, larger ones are an object: a line of JSON for each job of it. */
const orderPlace = z.union([
  z.strictObject({ order: workOrder }),
  z.strictObject({ key: z.string().max(limits.objectKeyBytes) }),
]);

export const submission = z.strictObject({
  v: format,
  namespace,
  run: runId,
  pipeline: z.string(),
  node: nodeId,
  /** The node, or one of its instances. Of an array: the node. */
  address,
  /** Of an array: the instances, one job for each, in this order. */
  instances: range.optional(),
  attempt: z.int().positive(),
  kind: z.enum(['steps', 'prepare', 'function']),
  /** Of a function: what the pipeline calls it. */
  function: z.string().optional(),
  orders: orderPlace,
  resources: resources.optional(),
  timeout: duration.optional(),
  /** Another message of the same may have come before: whoever submits it looks first. */
  again: z.literal(true).exactOptional(),
});
export type Submission = z.infer<typeof submission>;
