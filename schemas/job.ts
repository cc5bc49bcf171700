// What a job is started with: for whom it works, by which right, and where its order lies.
import * as z from 'zod';
import { limits } from './limits.ts';

export const jobSettings = z.strictObject({
  /** Where it says what it does. */
  url: z.url({ protocol: /^https?$/ }),
  token: z.string().min(1).max(limits.tokenLength),
  job: z.string().min(1).max(limits.idLength),
  /** Of an array. */
  index: z.int().nonnegative().exactOptional(),
  /** The order itself, as JSON; else the key of the object that it is a line of. */
  order: z.string().exactOptional(),
  orders: z.string().max(limits.objectKeyBytes).exactOptional(),
  /** A folder for all that is written, and one that keeps operators and environments. */
  dataDir: z.string().min(1),
  cacheDir: z.string().min(1).exactOptional(),
});
export type JobSettings = z.infer<typeof jobSettings>;

/** Variables that the image sets, beside those of the job itself (`jobVariables`). */
export const imageVariables = {
  dataDir: 'MILLRACE_DATA_DIR',
  cacheDir: 'MILLRACE_CACHE_DIR',
  /** The program that is to be process 1, because it waits for what nobody else waits for. */
  init: 'MILLRACE_INIT',
  /** Where the settings lie for the moment in which the entry becomes another program. */
  handover: 'MILLRACE_HANDOVER',
} as const;
