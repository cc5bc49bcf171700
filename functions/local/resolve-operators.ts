// The pre-flight of operators: resolves every tag and looks for every project file, before the run exists and before anything is built.
import { basename, dirname } from 'node:path';
import { message, problemOf, warningOf } from '#core/messages.ts';
import { resolve } from '#runner/code/resolve.ts';
import type { Environment, OperatorSource, Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import type { RunStart } from '#schemas/run.ts';
import type { FilePlan } from './run-plans.ts';
import { cacheDirectory, hostEnvironment } from './settings.ts';

export interface ResolveOptions {
  readonly folder: string;
  readonly offline: boolean;
  readonly cacheDir: string;
}

export interface ResolvedOperators {
  /** `<git>#<tag>` → the commit the run will use. */
  readonly sources: RunStart['sources'];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

interface Wanted {
  readonly path: string;
  readonly operator: OperatorSource;
  readonly environment: Environment;
}

/** All operators of a plan, at once. */
export async function resolveOperators(
  plan: Plan,
  options: ResolveOptions,
): Promise<ResolvedOperators> {
  const wanted = plan.nodes.flatMap(({ executor, label, id }): Wanted[] =>
    executor.kind === 'prepare'
      ? [{ path: label ?? id, operator: executor.operator, environment: executor.environment }]
      : [],
  );
  const sources: RunStart['sources'] = {};
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const found = await Promise.all(
    wanted.map(({ operator, environment }) =>
      resolve(operator, { ...options, host: hostEnvironment(), environment }),
    ),
  );
  for (const [index, answer] of found.entries()) {
    const path = `operator ${wanted[index]?.path ?? ''}`;
    if (!answer.ok) {
      const { said, nearest } = answer;
      const near = nearest === undefined || nearest.length === 0 ? undefined : nearest.join(', ');
      problems.push(problemOf(said, path, near));
      continue;
    }
    if (answer.warning !== undefined) warnings.push(warningOf(answer.warning, path));
    if (answer.source === undefined || answer.commit === undefined) continue;
    sources[answer.source] = {
      commit: answer.commit,
      ...(answer.dirty === undefined ? {} : { dirty: answer.dirty }),
    };
  }
  return { sources, problems, warnings };
}

/** Tags of all plans together; paths are relative to the folder of each file. */
export async function operatorsOfPlans(
  plans: readonly FilePlan[],
  {
    offline,
    cacheDir = cacheDirectory(),
  }: { readonly offline: boolean; readonly cacheDir?: string },
): Promise<ResolvedOperators> {
  const found = await Promise.all(
    plans.map(({ plan, file }) =>
      resolveOperators(plan, { folder: dirname(file), offline, cacheDir }),
    ),
  );
  return {
    sources: Object.assign({}, ...found.map(({ sources }) => sources)),
    problems: [...found.flatMap(({ problems }) => problems), ...twoFolders(plans, found)],
    warnings: found.flatMap(({ warnings }) => warnings),
  };
}

/** A run knows its repositories by how they are written: one text must not mean two of them. */
function twoFolders(
  plans: readonly FilePlan[],
  found: readonly ResolvedOperators[],
): readonly Problem[] {
  const first = new Map<string, { commit: string; file: string }>();
  const problems: Problem[] = [];
  for (const [index, { sources }] of found.entries()) {
    const file = basename(plans[index]?.file ?? '');
    for (const [git, { commit }] of Object.entries(sources)) {
      const other = first.get(git);
      if (other === undefined) first.set(git, { commit, file });
      else if (other.commit !== commit) {
        const said = message('repository_missing', 'two_folders', { git, file, other: other.file });
        problems.push(problemOf(said, `operator ${git}`));
      }
    }
  }
  return problems;
}
