// Problems in what a user wrote: data, all at once, each with its place. The catalogue of codes and messages is problem-codes.ts.
import * as z from 'zod';
import { problemCode } from './problem-codes.ts';

export const problem = z.strictObject({
  code: problemCode,
  severity: z.enum(['error', 'warning']),
  /** Whose place it is, where that is not the file that was asked about: a sub-pipeline's, relative to that file's folder. */
  file: z.string().optional(),
  /** Where in the document: `nodes[2].startWhen`. Empty for the document itself. */
  path: z.string(),
  /** From 1. 0 where there is no place (an input on the command line, say). */
  line: z.int().nonnegative(),
  column: z.int().nonnegative(),
  /** The subject, what came, what was wanted. */
  message: z.string(),
  expected: z.string().optional(),
  /** What would be right: a name that is near, or the corrected line. */
  suggestion: z.string().optional(),
  /** The line with a caret below it, for people. */
  excerpt: z.string().optional(),
});
export type Problem = z.infer<typeof problem>;
