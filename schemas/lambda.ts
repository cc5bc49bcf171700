// What Lambda functions are called with, as far as we read it: everything else of an event is passed over.
import * as z from 'zod';

/** A batch of messages of a queue. */
export const queueEvent = z.object({
  Records: z.array(
    z.object({
      messageId: z.string(),
      body: z.string(),
      attributes: z.object({ ApproximateReceiveCount: z.string() }).partial().optional(),
    }),
  ),
});
export type QueueEvent = z.infer<typeof queueEvent>;

/** A request to the HTTP API, payload format 2.0. */
export const httpEvent = z.object({
  version: z.literal('2.0').optional(),
  rawPath: z.string(),
  rawQueryString: z.string().default(''),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().default(false),
  requestContext: z.object({
    http: z.object({ method: z.string(), sourceIp: z.string().optional() }),
    authorizer: z
      .object({ iam: z.object({ userArn: z.string().optional() }).partial().optional() })
      .partial()
      .optional(),
  }),
});
export type HttpEvent = z.infer<typeof httpEvent>;

/** An object was written: what EventBridge says of it, with its key as it is. (What S3 itself sends to queues has its keys encoded.) */
export const objectCreated = z.object({
  'detail-type': z.literal('Object Created'),
  detail: z.object({
    bucket: z.object({ name: z.string() }),
    object: z.object({
      key: z.string(),
      size: z.int().nonnegative().optional(),
      etag: z.string().min(1),
    }),
  }),
});
export type ObjectCreated = z.infer<typeof objectCreated>;

/** A schedule's call: it only says that it is time. */
export const scheduledEvent = z.object({}).loose();
