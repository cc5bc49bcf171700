// What a runner and its tools keep in files: the spool in a data directory, environments in a cache directory.
import * as z from 'zod';
import { digest, format, instant } from './ids.ts';
import { attemptReport } from './run.ts';
import { attemptName } from './work-order.ts';

/** Names one process for good: a pid alone may belong to another one by now. */
export const processMark = z.strictObject({
  pid: z.int().positive(),
  /** Field 22 of /proc/PID/stat: clock ticks from boot to the start of the process. */
  start: z.string(),
  boot: z.string(),
});
export type ProcessMark = z.infer<typeof processMark>;

/** A report on its way: kept until it is acknowledged. */
export const spooledReport = z.strictObject({
  number: z.int().positive(),
  name: attemptName,
  report: attemptReport,
});
export type SpooledReport = z.infer<typeof spooledReport>;

/** One line of a spool file. */
export const spoolLine = z.discriminatedUnion('line', [
  z.strictObject({
    line: z.literal('runner'),
    v: format,
    job: z.string(),
    mark: processMark,
    /** Which folder it writes to, however that is called: a copy of it is another one. */
    folder: z.string().exactOptional(),
  }),
  z.strictObject({ line: z.literal('spawned'), name: attemptName, mark: processMark }),
  z.strictObject({ line: z.literal('report'), ...spooledReport.shape }),
  z.strictObject({ line: z.literal('acknowledged'), upTo: z.int() }),
]);
export type SpoolLine = z.infer<typeof spoolLine>;

/** Written last: an environment without it does not count. */
export const environmentMarker = z.strictObject({
  v: format,
  /** The one folder beside it that was built. */
  folder: z.string().regex(/^[0-9a-f]+$/),
  builtAt: instant,
  seconds: z.number().nonnegative(),
  /** Of all files, measured after the build. */
  bytes: z.int().nonnegative().optional(),
  label: z.string(),
  /** Where it was built, when it works nowhere else. */
  at: z.string().optional(),
  /** What its key is made of. */
  parts: z.record(z.string(), z.string()),
});
export type EnvironmentMarker = z.infer<typeof environmentMarker>;

/** What a program in an environment gets, as the scripts of the environment set it when it was built. */
export const environmentActivation = z.strictObject({
  v: format,
  /** Folders before those of whoever starts the program. */
  path: z.array(z.string()),
  variables: z.record(z.string(), z.string()),
});
export type EnvironmentActivation = z.infer<typeof environmentActivation>;

/** What a commit and an environment came to last. */
export const environmentIndex = z.strictObject({ v: format, key: digest });

/** What an interpreter says of itself. */
export const interpreter = z.strictObject({ path: z.string(), version: z.string() });
export type Interpreter = z.infer<typeof interpreter>;

export const rememberedInterpreter = z.strictObject({
  v: format,
  ...interpreter.shape,
  /** When the program itself changed last: replaced in place it is another one. */
  changed: z.number(),
});
