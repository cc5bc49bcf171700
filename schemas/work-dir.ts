// The folder that a production line works in, and the log that it keeps there.
import * as z from 'zod';

/** From the least to what is worst. */
export const LOG_LEVELS = [
  'TRACE',
  'DEBUG',
  'INFO',
  'SUCCESS',
  'WARNING',
  'ERROR',
  'CRITICAL',
] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const pipelineLog = z.strictObject({
  /** What is below is not written. */
  level: z.enum(LOG_LEVELS),
  /** Absolute. Older files are `<path>.N`, lines as JSON stand in `<path>.jsonl`. */
  path: z.string(),
  /** A new file is begun at a size, each day at a minute, or after so many milliseconds. */
  rotation: z.union([
    z.strictObject({ bytes: z.int().nonnegative() }),
    z.strictObject({ minuteOfDay: z.int().min(0).max(1439) }),
    z.strictObject({ milliseconds: z.int().positive() }),
  ]),
  /** How many older files are kept, or for how long. */
  retention: z.union([
    z.strictObject({ files: z.int().nonnegative() }),
    z.strictObject({ milliseconds: z.int().positive() }),
  ]),
});
export type PipelineLog = z.infer<typeof pipelineLog>;

export const workDir = z.strictObject({
  /** Absolute: `operators`, `envs` and, unless it is said otherwise, `logs` lie in it. */
  folder: z.string(),
  log: pipelineLog,
});
export type WorkDir = z.infer<typeof workDir>;
