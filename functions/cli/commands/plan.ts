import path from 'node:path';
import { digestOf } from '#core/compile/canonical.ts';
import { Rejected } from '#errors/families.ts';
import type { Prepared, PrepareOptions } from '#local/prepare-run.ts';
import { cacheDirectory } from '#local/settings.ts';
import { shown } from '#runner/code/address.ts';
import { inherited } from '#runner/host-environment.ts';
import type { Plan } from '#schemas/plan.ts';
import type { RunRequest } from '#service/control.ts';
import type { Context } from '../context.ts';
import type { GivenOptions } from '../define/run.ts';
import { isBuilt, preparationsOf, type Surroundings } from '../environments.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findPipeline } from '../find-pipeline.ts';
import { functionsNote } from '../functions-note.ts';
import { prepareOptions } from '../given.ts';
import {
  hostPaths,
  lastBuild,
  type PlannedCode,
  plannedCode,
  sourceText,
} from '../plan-details.ts';
import {
  inOrder,
  nameOf,
  type Planned,
  type PlannedEnvironment,
  renderPlan,
} from '../render/plan.ts';
import { printProblems, renderProblems } from '../render/print-problems.ts';

export async function plan(
  context: Context,
  named: string | undefined,
  options: GivenOptions,
): Promise<ExitCode> {
  const file = await findPipeline(context, named);
  const given = prepareOptions(context, file, options);
  const prepared = await context.backend.prepareRun(given);
  if ('problems' in prepared) {
    printProblems(context, prepared.problems, file);
    return EXIT.rejected;
  }
  // Asked first: looking for environments fetches code.
  const code = codeOfLines(prepared);
  const planned: Planned = {
    plan: prepared.plan,
    digest: digestOf(prepared.plan),
    below: new Map(prepared.below?.map((each) => [each.digest, each.plan])),
    environments: await allEnvironments(context, prepared, given),
    inherited: Object.keys(inherited({ ...context.host.env }, given.allowEnv)).sort(),
    code,
    hostPaths: [
      ...hostPaths(prepared.plan, prepared.request.folder ?? path.dirname(file)),
      ...(prepared.below ?? []).flatMap((below) => hostPaths(below.plan, path.dirname(below.file))),
    ],
  };
  if (context.json) context.sayJson(asJson(planned, prepared));
  else {
    if (prepared.warnings.length > 0)
      context.host.stderr.write(renderProblems(prepared.warnings, file, context.paintError));
    context.say(renderPlan(planned, context.paint));
    const note = functionsNote(prepared.plan);
    if (note !== undefined) context.note(`${file}: ${note}`);
  }
  return EXIT.done;
}

/** Of the line itself, and of those that its nodes run. */
function codeOfLines({
  plan: main,
  below = [],
  request,
}: Extract<Prepared, { request: RunRequest }>): readonly PlannedCode[] {
  const { workDir, workDirs = {}, sources } = request;
  const own = workDir === undefined ? [] : plannedCode(main, workDir, sources);
  const others = below.flatMap((each) => {
    const there = workDirs[each.file];
    return there === undefined ? [] : plannedCode(each.plan, there, sources);
  });
  return [...own, ...others];
}

function nodesOf(compiled: Plan): readonly unknown[] {
  return inOrder(compiled).map(({ id, label, needs, start, executor }) => ({
    id,
    ...(label === undefined ? {} : { label }),
    ...(needs === undefined ? {} : { needs: needs.map((index) => nameOf(compiled, index)) }),
    ...(start === undefined ? {} : { startWhen: start }),
    ...(executor.kind === 'pipeline' ? { pipeline: executor.id, digest: executor.digest } : {}),
    ...(executor.kind === 'steps' && compiled.dialect === 'operators'
      ? { operators: nodesOf(executor.plan) }
      : {}),
  }));
}

function asJson(
  { plan: compiled, digest, below = new Map(), inherited: variables, ...found }: Planned,
  { request, warnings }: { request: RunRequest; warnings: readonly unknown[] },
): unknown {
  return {
    pipeline: compiled.id,
    digest,
    nodes: nodesOf(compiled),
    pipelines: [...below].map(([subDigest, sub]) => ({
      pipeline: sub.id,
      digest: subDigest,
      nodes: nodesOf(sub),
    })),
    ...found,
    inherited: variables,
    inputs: request.inputs,
    warnings,
    plan: withoutPasswords(compiled),
  };
}

/** A plan for people; what runs has the addresses as they were written. */
function withoutPasswords(compiled: Plan): unknown {
  return JSON.parse(JSON.stringify(compiled), (key, value) =>
    key === 'git' && typeof value === 'string' ? shown(value) : value,
  );
}

/** Those of the pipelines below as well; each is looked for from the folder of its file. */
async function allEnvironments(
  context: Context,
  prepared: Extract<Prepared, { request: RunRequest }>,
  { file, offline }: PrepareOptions,
): Promise<readonly PlannedEnvironment[]> {
  const { plan: main, below = [], request } = prepared;
  const found: PlannedEnvironment[] = [];
  const folder = request.folder ?? path.dirname(file);
  for (const each of [{ plan: main, folder }, ...below]) {
    const lies = 'file' in each ? path.dirname(each.file) : each.folder;
    const values = request.decoded?.['digest' in each ? each.digest : digestOf(each.plan)] ?? {};
    const decoded = new Map(Object.entries<string>(values));
    const around = { folder: lies, offline, sources: request.sources, decoded };
    for (const environment of await environmentsOf(context, each.plan, around)) {
      const { name, operator, kind } = environment;
      const known = found.some(
        (one) => one.name === name && one.operator === operator && one.kind === kind,
      );
      if (!known) found.push(environment);
    }
  }
  return found;
}

/** Looks whether each is there. Where that cannot be told (no tool, a build file that is wrong) it says why. */
async function environmentsOf(
  context: Context,
  compiled: Plan,
  around: Surroundings,
): Promise<readonly PlannedEnvironment[]> {
  const found: PlannedEnvironment[] = [];
  for (const preparation of preparationsOf(compiled)) {
    const { name, from, executor } = preparation;
    const commit = around.sources[from]?.commit;
    const built = await isBuilt(context, preparation, around).catch((error: unknown) => {
      if (!(error instanceof Rejected)) throw error;
      context.note(`${name}: ${error.message}`);
      return undefined;
    });
    const lastSeconds =
      executor.environment.kind === 'host'
        ? undefined
        : lastBuild(cacheDirectory(), executor.operator);
    found.push({
      name,
      kind: executor.environment.kind,
      operator: sourceText(executor.operator),
      ...(commit === undefined ? {} : { commit }),
      ...(built === undefined ? {} : { built }),
      ...(lastSeconds === undefined ? {} : { lastSeconds }),
    });
  }
  return found;
}
