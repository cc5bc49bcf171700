// The runner protocol over HTTPS: what a job says while it works on an attempt, and what it is answered. Each request is a POST to
// `<MILLRACE_ATTEMPTS_URL>/<verb>` and carries the token of its attempt (`authorization: Bearer …`). All of them may come twice.
import * as z from 'zod';
import { digest, duration, format, instant } from './ids.ts';
import { limits } from './limits.ts';
import { attemptReport } from './run.ts';
import { attemptName } from './work-order.ts';

/** Which job speaks. Of an array also its index: its token is good for all of them, each answers for its own attempt. */
const job = {
  v: format,
  job: z.string().min(1).max(limits.idLength),
  index: z.int().nonnegative().exactOptional(),
};

/** A request as it has to be made: the headers are part of what was signed. */
const presigned = z.strictObject({
  method: z.enum(['GET', 'PUT']),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
});

const key = z.string().min(1).max(limits.objectKeyBytes);

/** Lines of the log (JSON Lines), `first` the number of the first of them. */
const lines = z.strictObject({
  first: z.int().positive(),
  text: z.string().max(limits.logPartBytes),
});
export type LogPart = z.infer<typeof lines>;

export const attemptVerbs = {
  /** `offered → claimed (job)`. What is not granted must not be worked on. */
  claim: {
    body: z.strictObject(job),
    answer: z.discriminatedUnion('granted', [
      z.strictObject({
        granted: z.literal(true),
        name: attemptName,
        /** Milliseconds between two heartbeats, and how long the job may go on without one that was answered. */
        heartbeat: duration,
        lease: duration,
      }),
      z.strictObject({ granted: z.literal(false), because: z.string() }),
    ]),
  },
  /** Renews the lease; what is said is for those who watch. Answers whether the attempt was told to end. */
  beat: {
    body: z.strictObject({
      ...job,
      counter: z.int().positive(),
      said: z
        .strictObject({
          at: instant,
          message: z.string().max(500).exactOptional(),
          progress: z.number().min(0).max(1).exactOptional(),
        })
        .exactOptional(),
      log: lines.exactOptional(),
    }),
    /** `gone`: the attempt is not this job's any more; whatever it does counts for nothing. */
    answer: z.strictObject({ gone: z.boolean(), stop: z.string().exactOptional() }),
  },
  log: { body: z.strictObject({ ...job, log: lines }), answer: z.strictObject({}) },
  /** Addresses to read objects by; those that are not there are left out. */
  read: {
    body: z.strictObject({ ...job, keys: z.array(key).max(limits.presignedAtOnce) }),
    answer: z.strictObject({
      objects: z.array(z.strictObject({ key, size: z.int(), from: presigned })),
    }),
  },
  /** Addresses to write objects to; one that is there already has none. */
  write: {
    body: z.strictObject({
      ...job,
      objects: z
        .array(
          z.strictObject({
            key,
            size: z.int().nonnegative(),
            sha256: digest,
            mediaType: z.string().exactOptional(),
          }),
        )
        .max(limits.presignedAtOnce),
    }),
    answer: z.strictObject({
      objects: z.array(z.strictObject({ key, to: presigned.exactOptional() })),
    }),
  },
  secrets: {
    body: z.strictObject({ ...job, names: z.array(z.string()).max(limits.secrets) }),
    answer: z.strictObject({
      values: z.record(z.string(), z.string()),
      missing: z.array(z.string()),
    }),
  },
  /** Who has the lease of a name may build what it names. It is held until it is given back, or was not renewed in time. */
  lease: {
    body: z.strictObject({
      ...job,
      name: z
        .string()
        .regex(/^[a-z0-9-]+$/)
        .max(limits.idLength),
      /** False gives it back. */
      hold: z.boolean(),
    }),
    /** Milliseconds it holds when it is not renewed; where somebody else has it, after which asking again makes sense. */
    answer: z.strictObject({ held: z.boolean(), milliseconds: duration }),
  },
  /** Durable when it is answered. `taken` is false where it counts for nothing. */
  report: {
    body: z.strictObject({ ...job, report: attemptReport, log: lines.exactOptional() }),
    answer: z.strictObject({ taken: z.boolean() }),
  },
} as const;
export type AttemptVerb = keyof typeof attemptVerbs;
export type AttemptBody<V extends AttemptVerb> = z.infer<(typeof attemptVerbs)[V]['body']>;
export type AttemptAnswer<V extends AttemptVerb> = z.infer<(typeof attemptVerbs)[V]['answer']>;

/** Environment variables of a job. */
export const jobVariables = {
  url: 'MILLRACE_ATTEMPTS_URL',
  /** Tells also whoever hears from Batch how the job ended what it was the job of. */
  token: 'MILLRACE_ATTEMPT_TOKEN',
  /** The order itself (JSON), or the key of the object it is a line of: line 0 of a single job, line INDEX of one of an array. */
  order: 'MILLRACE_ORDER',
  orders: 'MILLRACE_ORDERS',
  /** Set by Batch. */
  job: 'AWS_BATCH_JOB_ID',
  index: 'AWS_BATCH_JOB_ARRAY_INDEX',
} as const;
