// What the function `outcome` is called with, as far as we read it: jobs that ended, and calls of functions that did.
import * as z from 'zod';
import { functionCall } from './function-call.ts';
import { json } from './values.ts';

/** A job of Batch. Children of an array tell an index; the array itself tells its size. */
export const jobDetail = z.object({
  jobId: z.string().min(1),
  jobName: z.string(),
  status: z.string(),
  statusReason: z.string().optional(),
  container: z
    .object({
      exitCode: z.int().optional(),
      reason: z.string().optional(),
      environment: z
        .array(z.object({ name: z.string().optional(), value: z.string().optional() }))
        .optional(),
    })
    .optional(),
  arrayProperties: z
    .object({ index: z.int().nonnegative().optional(), size: z.int().optional() })
    .optional(),
});
export type JobDetail = z.infer<typeof jobDetail>;

/** What Lambda tells a destination of a call that was not waited for. */
export const functionRecord = z.object({
  requestContext: z.object({
    requestId: z.string().optional(),
    functionArn: z.string(),
    /** `Success`; otherwise why it was given up. */
    condition: z.string(),
  }),
  requestPayload: functionCall.pick({ runner: true }),
  responseContext: z.object({ functionError: z.string().optional() }).nullish(),
  responsePayload: json.optional(),
});
export type FunctionRecord = z.infer<typeof functionRecord>;

/** An event of a rule, or what a function's destination gets directly: either way it is about a job or about a call. */
export const outcomeEvent = z.union([
  z
    .object({ 'detail-type': z.literal('Batch Job State Change'), detail: jobDetail })
    .transform(({ detail }) => ({ job: detail })),
  z
    .object({
      'detail-type': z.string().startsWith('Lambda Function Invocation Result'),
      detail: functionRecord,
    })
    .transform(({ detail }) => ({ call: detail })),
  functionRecord.transform((call) => ({ call })),
]);
export type OutcomeEvent = z.infer<typeof outcomeEvent>;
