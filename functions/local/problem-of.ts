// Problems that have no place in the pipeline file.
import type { ProblemCode } from '#schemas/problem-codes.ts';
import type { Problem } from '#schemas/problems.ts';

/** A problem of the command line, of an input, or of this machine. */
export function problemOf(
  code: ProblemCode,
  path: string,
  message: string,
  suggestion?: string,
): Problem {
  const about = { code, severity: 'error', path, line: 0, column: 0, message } as const;
  return { ...about, ...(suggestion === undefined ? {} : { suggestion }) };
}
