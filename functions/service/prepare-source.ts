// From what somebody asks to be run to what becomes a run: compiles the text of a pipeline, checks what it is given, and refuses what
// lies where nobody who works on it could get it. What is wrong is told all at once, and nothing has happened yet.
import { type ResolvedInputs, resolveInputs } from '#core/compile/inputs.ts';
import { message, problemOf } from '#core/messages.ts';
import { HasProblems, Rejected } from '#errors/families.ts';
import { type Plan, plan as planSchema } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import type { Json } from '#schemas/values.ts';
import { compiledOf, compileSource, plansOf } from './compile-source.ts';
import type { RunRequest, Source, StartRequest, Validation } from './control.ts';
import { secretsOf } from './dependencies.ts';
import { foreignValues } from './given-files.ts';
import { shapeProblem } from './plan-shape.ts';
import { toldWarnings } from './run-warnings.ts';
import { loadStored, type Shelf } from './stored-pipelines.ts';
import { travels } from './travels.ts';

/** Where a pipeline is compiled and its run will be worked on. */
export interface Place extends Shelf {
  /** Work is done on other machines: nothing may be named that lies on the disk of this one. */
  readonly elsewhere?: boolean;
  /** Names of the secrets that are set, where this can be told. */
  readonly secretNames?: () => Promise<readonly string[]>;
}

/** What a text comes to. */
export async function validateSource(place: Place, source: Source): Promise<Validation> {
  const compiled = await compileSource(place, source);
  if (!compiled.ok) return { problems: compiled.problems };
  const { plan, digest } = compiled.main.compiled;
  const problems = [...compiled.warnings, ...travels(plansOf(compiled))];
  const isWrong = problems.some(({ severity }) => severity === 'error');
  return { problems, pipeline: plan.id, ...(isWrong ? {} : { plan: digest }) };
}

/**
 * The request for a run.
 *
 * @throws HasProblems with all that is wrong; NotFound for a pipeline that was not stored
 */
export async function requestOf(place: Place, request: StartRequest): Promise<RunRequest> {
  if ('plan' in request) return place.elsewhere === true ? fromElsewhere(place, request) : request;
  const { inputs = {}, anew, timeout, run } = request;
  const { plan, below, warnings } =
    'source' in request
      ? await compiledOf(place, request)
      : { ...(await loadStored(place, request.pipeline, request.version)), warnings: [] };
  const resolved = resolveInputs(
    plan,
    Object.fromEntries(Object.entries(inputs).map(([name, json]) => [name, { json }])),
  );
  const values = resolved.ok ? resolved.values : {};
  const problems = [
    ...(resolved.ok ? filesNamed(resolved) : resolved.problems),
    ...(await foreignValues(place, values)),
    ...travels([plan, ...below]),
    ...(await missingSecrets(place, [plan, ...below])),
  ];
  if (problems.length > 0) throw new HasProblems([...warnings, ...problems]);
  const told = toldWarnings(warnings);
  return {
    plan: plan as Json,
    ...(below.length === 0 ? {} : { plans: below.map((each) => each as Json) }),
    inputs: values,
    // Tags are resolved where the work is done.
    sources: {},
    ...(anew === undefined ? {} : { anew }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(run === undefined ? {} : { run }),
    ...(told.length === 0 ? {} : { warnings: told }),
  };
}

/** What was compiled on another machine is looked at again: nobody knows by whom. */
async function fromElsewhere(place: Place, request: RunRequest): Promise<RunRequest> {
  if (Object.keys(request.decoded ?? {}).length > 0)
    throw new Rejected('invalid', 'what a configuration holds encoded stays on its own machine');
  const plans = [request.plan, ...(request.plans ?? [])].map(planOf);
  const [main] = plans;
  if (main === undefined) throw new Rejected('invalid', 'no plan is given');
  const given = Object.entries(request.inputs).map(([name, json]) => [name, { json }] as const);
  const resolved = resolveInputs(main, Object.fromEntries(given));
  const problems = [
    ...(resolved.ok ? filesNamed(resolved) : resolved.problems),
    ...(await foreignValues(place, request.inputs)),
    ...(await foreignValues(place, { plan: request.plan, plans: request.plans ?? [] })),
    ...travels(plans),
    ...(await missingSecrets(place, plans)),
  ];
  if (problems.length > 0) throw new HasProblems(problems);
  const { with: _with, folder: _folder, workDir: _workDir, allowEnv: _env, ...rest } = request;
  const { decoded: _decoded, workDirs: _workDirs, ...kept } = rest;
  return kept;
}

function planOf(json: Json): Plan {
  const parsed = planSchema.safeParse(json);
  const why = parsed.success ? shapeProblem(parsed.data) : (parsed.error.issues[0]?.message ?? '');
  if (parsed.success && why === undefined) return parsed.data;
  throw new Rejected('invalid', `this is no plan that this version reads: ${why}`);
}

/** Files that are named by a path, where there is no folder that it could be meant in. */
function filesNamed({ files }: Extract<ResolvedInputs, { ok: true }>): readonly Problem[] {
  return files.map(({ name, path }) =>
    problemOf(message('wrong_input', 'file_elsewhere', { name, path }), `inputs.${name}`),
  );
}

async function missingSecrets(
  { secretNames }: Place,
  plans: readonly Plan[],
): Promise<readonly Problem[]> {
  // Looking through all templates of a large plan takes a while: only where it leads to something.
  if (secretNames === undefined) return [];
  const named = new Set(plans.flatMap((plan) => [...secretsOf(plan)]));
  if (named.size === 0) return [];
  const known = new Set(await secretNames());
  return [...named]
    .filter((name) => !known.has(name))
    .sort()
    .map((name) => problemOf(message('secret_missing', 'names', { name }), `secret.${name}`));
}
