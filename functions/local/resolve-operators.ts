// The pre-flight of operators: resolves every tag and looks for every project file, before the run exists and before anything is built.
import { basename, dirname, relative } from 'node:path';
import type { CompiledOperator } from '#core/compile/compile.ts';
import { message, problemOf, warningOf } from '#core/messages.ts';
import { secretsOfAddress, shownAddress } from '#core/shown-address.ts';
import type { SourceMessage } from '#runner/code/problem.ts';
import { type Resolved, resolve } from '#runner/code/resolve.ts';
import type { Environment, OperatorSource } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import type { RunStart } from '#schemas/run-start.ts';
import type { FilePlan } from './run-plans.ts';
import { cacheDirectory, hostEnvironment } from './settings.ts';

export interface ResolveOptions {
  /** The file that was asked about: problems of another one name theirs. */
  readonly main: string;
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
  readonly places: CompiledOperator['places'] | undefined;
}

/** The place that a problem of an operator's code is told at. */
const PLACES = {
  repository_missing: 'repository',
  tag_missing: 'tag',
  project_file_missing: 'environment',
} as const satisfies Record<SourceMessage['code'], keyof CompiledOperator['places']>;

/** All operators of a plan, at once. */
export async function resolveOperators(
  { plan, operators = [], file, decoded }: FilePlan,
  options: ResolveOptions,
): Promise<ResolvedOperators> {
  const prepared = plan.nodes.flatMap(({ executor, label, id }) =>
    executor.kind === 'prepare' ? [{ path: label ?? id, ...executor }] : [],
  );
  const wanted = prepared.map(
    ({ path, operator, environment }, index): Wanted => ({
      ...{ path, operator, environment },
      places: operators[index]?.places,
    }),
  );
  const folder = dirname(file);
  const own = file === options.main ? {} : { file: relative(dirname(options.main), file) };
  const sources: RunStart['sources'] = {};
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const host = hostEnvironment();
  problems.push(...(await argumentProblems(wanted)).map((each) => ({ ...each, ...own })));
  const secrets = async (): Promise<Record<string, string>> => Object.fromEntries(decoded ?? []);
  const found = await Promise.all(
    wanted.map(async ({ operator, environment }): Promise<Resolved> => {
      // With secrets that only the engine reads it is resolved where it is fetched.
      if (!isReadable(operator, decoded)) return { ok: true };
      return await resolve(operator, { ...options, folder, host, environment, secrets });
    }),
  );
  for (const [index, answer] of found.entries()) {
    const { path, places } = wanted[index] ?? {};
    const named = `operator ${path ?? ''}`;
    if (!answer.ok) {
      const { said, nearest } = answer;
      const near = nearest === undefined || nearest.length === 0 ? undefined : nearest.join(', ');
      problems.push({ ...problemOf(said, named, near), ...own, ...places?.[PLACES[said.code]] });
      continue;
    }
    if (answer.warning !== undefined)
      warnings.push({ ...warningOf(answer.warning, named), ...own, ...places?.tag });
    if (answer.source === undefined || answer.commit === undefined) continue;
    sources[answer.source] = {
      commit: answer.commit,
      ...(answer.dirty === undefined ? {} : { dirty: answer.dirty }),
    };
  }
  return { sources, problems, warnings };
}

/** Further arguments of tools that may not pass: whoever builds would refuse them, too, but later. */
async function argumentProblems(wanted: readonly Wanted[]): Promise<readonly Problem[]> {
  const told: Problem[] = [];
  for (const { path, environment, places } of wanted) {
    if (environment.kind === 'host' || environment.extraArgs === undefined) continue;
    const { refusedArgument } = await import('#runner/environments/kinds.ts');
    const why = refusedArgument(environment);
    if (why === undefined) continue;
    const said = message('unsafe_value', 'argument', { operator: path, why });
    told.push({ ...problemOf(said, `operator ${path}`), ...places?.environment });
  }
  return told;
}

function isReadable(operator: OperatorSource, decoded: FilePlan['decoded']): boolean {
  const names = 'git' in operator ? secretsOfAddress(operator.git) : [];
  return names.every((name) => decoded?.has(name) === true);
}

/** Tags of all plans together; paths are relative to the folder of each file. */
export async function operatorsOfPlans(
  plans: readonly FilePlan[],
  {
    offline,
    cacheDir = cacheDirectory(),
  }: { readonly offline: boolean; readonly cacheDir?: string },
): Promise<ResolvedOperators> {
  const main = plans[0]?.file ?? '';
  const found = await Promise.all(
    plans.map((each) => resolveOperators(each, { main, offline, cacheDir })),
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
        const filling = { git: shownAddress(git), file, other: other.file };
        const said = message('repository_missing', 'two_folders', filling);
        problems.push(problemOf(said, `operator ${shownAddress(git)}`));
      }
    }
  }
  return problems;
}
