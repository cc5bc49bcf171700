// What is told of a value that a schema refused.
import * as z from 'zod';

/** For those who read by schemas without knowing the library. */
export type Schema = z.ZodType;
export type Read<S extends Schema> = z.output<S>;

/** What is wrong with a value that a schema refused, a line for each. */
export function complaint(error: z.ZodError): string {
  return z.prettifyError(new z.ZodError(error.issues.flatMap(nearestBranch)));
}

/** What the library says of a union by itself. */
const NOTHING_OWN = 'Invalid input';

/** Of a union what is wrong with the branch that was nearest, not that there are several. */
function nearestBranch(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  // A union that was given a sentence of its own says it better.
  if (issue.message !== NOTHING_OWN) return [issue];
  const weight = (branch: readonly z.core.$ZodIssue[]): number =>
    branch.reduce(
      (sum, { code, path }) => sum + (code === 'unrecognized_keys' ? 2 : 1 / (1 + path.length)),
      0,
    );
  const [first] = issue.errors.toSorted((left, right) => weight(left) - weight(right));
  return (first ?? []).flatMap((each) =>
    nearestBranch({ ...each, path: [...issue.path, ...each.path] }),
  );
}
