// What a program submits, whichever way it is given, as what the engine takes.
import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { digestOf } from '#core/compile/canonical.ts';
import { HasProblems, NotFound, Rejected } from '#errors/families.ts';
import * as schemas from '#schemas/library.ts';
import { type Plan, plan as planSchema } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';
import type { RunRequest } from '#service/control.ts';
import { secretsOf } from '#service/dependencies.ts';
import type { Source, SubmitOptions, Validated } from './library.ts';
import { checked, checkedJson, namedJson } from './library-checked.ts';
import { compilePipeline } from './pipeline-files.ts';
import { type PrepareOptions, preparePlans, prepareRun } from './prepare-run.ts';
import { plansOfRun, type RunPlans } from './run-plans.ts';

/** What a pipeline without a file is called in messages. */
const UNNAMED = 'pipeline.yaml';

export interface Surroundings {
  readonly dataDir: string;
  readonly namespace: string;
  readonly cacheDir?: string;
}

/** Rejects with HasProblems, and everything that is wrong. */
export async function requestOf(
  source: Source,
  options: SubmitOptions,
  around: Surroundings,
): Promise<RunRequest> {
  checked(schemas.source, source, 'the pipeline');
  checked(schemas.submitOptions, options, 'submit');
  const asked: PrepareOptions = {
    ...around,
    ...fileOf(source),
    inputs: [],
    values: namedJson(options.inputs ?? {}, 'input'),
    with: options.with ?? {},
    allowEnv: options.allowEnv ?? [],
    offline: options.offline === true,
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  };
  const prepared =
    'plan' in source
      ? await preparePlans(plansIn(source), compiledIn(source), asked)
      : await prepareRun(asked);
  if ('problems' in prepared) throw new HasProblems(prepared.problems);
  const { request } = prepared;
  return options.cache === false ? { ...request, anew: true } : request;
}

export async function validated(source: Source): Promise<Validated> {
  const { file, text } = fileOf(source);
  if ('plan' in source) {
    const folder = resolve(file, '..');
    const { main, below } = plansIn(source);
    return {
      ...validPlan(
        main.plan,
        below.map(({ plan }) => plan),
      ),
      folder,
      problems: [],
    };
  }
  const compiled = compilePipeline(file, {
    cwd: process.cwd(),
    ...(text === undefined ? {} : { text }),
  });
  if (!compiled.ok) return { ok: false, problems: compiled.problems };
  const plans = await plansOfRun(compiled, {});
  const folder = dirname(compiled.main.file);
  const problems = [...compiled.warnings, ...plans.problems];
  if (plans.problems.length > 0) return { ok: false, problems };
  return {
    ...validPlan(
      plans.main.plan,
      plans.below.map(({ plan }) => plan),
    ),
    folder,
    problems,
  };
}

function validPlan(
  plan: Plan,
  below: readonly Plan[],
): Omit<Extract<Validated, { ok: true }>, 'folder' | 'problems'> {
  return {
    ok: true,
    pipeline: plan.id,
    digest: digestOf(plan),
    plan: plan as Json,
    plans: below.map((each) => each as Json),
  };
}

/** Where the pipeline lies, or would lie, and what stands there. */
function fileOf(source: Source): { file: string; text?: string } {
  if ('file' in source) {
    const file = resolve(source.file);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile() !== true && found?.isDirectory() !== true)
      throw new NotFound(`${file}: no such file; wanted a pipeline`);
    return { file };
  }
  const file = join(resolve(source.folder ?? '.'), UNNAMED);
  if ('plan' in source) return { file, text: '' };
  const { source: written } = source;
  const json = typeof written === 'string' ? written : checkedJson(written, 'source');
  return { file, text: typeof json === 'string' ? json : JSON.stringify(json, null, 2) };
}

type PlanSource = Extract<Source, { plan: Json }>;

function plansIn(source: PlanSource): RunPlans {
  const { file } = fileOf(source);
  const read = (json: Json): RunPlans['main'] => {
    const parsed = planSchema.safeParse(json);
    if (!parsed.success)
      throw new Rejected(
        'invalid',
        `this is no plan that this version reads: ${parsed.error.issues[0]?.message ?? ''}; wanted what validate() gives`,
      );
    return { plan: parsed.data, digest: digestOf(parsed.data), file };
  };
  return { main: read(source.plan), below: (source.plans ?? []).map(read), problems: [] };
}

function compiledIn(source: PlanSource): Parameters<typeof preparePlans>[1] {
  const { main, below } = plansIn(source);
  const secrets = new Set([main, ...below].flatMap(({ plan }) => [...secretsOf(plan)]));
  return { warnings: [], secrets: [...secrets].sort() };
}
