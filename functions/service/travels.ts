// What can be worked on by other machines than the one on which it was written.
import { message, problemOf } from '#core/messages.ts';
import type { OperatorSource, Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';

/** Operators whose code lies where only the machine of whoever wrote the pipeline finds it. */
export function travels(plans: readonly Plan[]): readonly Problem[] {
  const problems: Problem[] = [];
  for (const plan of plans) {
    for (const { executor, label, id } of plan.nodes) {
      if (executor.kind !== 'prepare') continue;
      const path = localPath(executor.operator);
      const operator = label ?? id.slice(1);
      if (path === undefined) continue;
      const said =
        'path' in executor.operator
          ? message('stays_here', 'operator_path', { operator, path })
          : message('stays_here', 'operator_repository', { operator, path });
      problems.push(problemOf(said, `operator ${operator}`));
    }
  }
  return problems;
}

/** Undefined for what is reached from everywhere. */
function localPath(source: OperatorSource): string | undefined {
  if ('path' in source) return source.path;
  const { git } = source;
  // What git takes for an address: with a scheme that is none of files, or host:path.
  const isAddress =
    /^(?!file:)[a-z][a-z0-9+.-]*:\/\//i.test(git) || /^[^/:]+@?[^/:]*:(?!\/\/)/.test(git);
  return isAddress ? undefined : git;
}
