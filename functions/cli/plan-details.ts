// What `millrace plan` looks up on this machine beside the plan: code that will be cloned, builds of earlier times, paths that only this
// machine has.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { repositoryAddress, shown } from '#runner/code/address.ts';
import { headOf } from '#runner/code/checkout.ts';
import { keysOf, type Marker, readMarker } from '#runner/environments/store.ts';
import { folderName } from '#runner/work-dir.ts';
import type { OperatorSource, Plan, PlanNode } from '#schemas/plan.ts';
import type { WorkDir } from '#schemas/work-dir.ts';
import type { RunRequest } from '#service/control.ts';
import { inOrder } from './render/plan.ts';

/** The code of one operator of a production line. */
export interface PlannedCode {
  readonly operator: string;
  /** `<git>#<tag>`, or the folder of a working tree. */
  readonly from: string;
  readonly commit?: string;
  /** Where it is cloned to; absent for a working tree, which is used where it lies. */
  readonly folder?: string;
  /** Whether it is there already. */
  readonly there: boolean;
}

/** A path that a program is given although it means nothing on another machine. */
export interface HostPath {
  readonly path: string;
  readonly where: string;
  /** Whether there is something at it here. */
  readonly there: boolean;
}

interface Step {
  readonly node: PlanNode;
  readonly step: PlanNode;
}

function stepsOf(plan: Plan): readonly Step[] {
  return inOrder(plan).flatMap((node) =>
    node.executor.kind === 'steps'
      ? inOrder(node.executor.plan).map((step) => ({ node, step }))
      : [],
  );
}

/** Address and tag as they are shown. */
export function sourceText(source: OperatorSource): string {
  return 'git' in source ? `${shown(source.git)}#${source.tag}` : source.path;
}

export function plannedCode(
  plan: Plan,
  workDir: WorkDir,
  sources: RunRequest['sources'],
): readonly PlannedCode[] {
  return stepsOf(plan).flatMap(({ step }): PlannedCode[] => {
    const { executor } = step;
    if (executor.kind !== 'command' || executor.operator === undefined) return [];
    const operator = step.label ?? step.id;
    const from = sourceText(executor.operator);
    if (!('git' in executor.operator)) return [{ operator, from, there: true }];
    const { git, tag } = executor.operator;
    const { commit, dirty } = sources[`${git}#${tag}`] ?? {};
    if (commit === undefined || dirty !== undefined) return [{ operator, from, there: true }];
    const folder = path.join(workDir.folder, 'operators', folderName(operator));
    return [{ operator, from, commit, folder, there: headOf(folder) === commit }];
  });
}

/** Seconds that the newest build for this operator took, of this very tag where there is one. */
export function lastBuild(cacheDir: string, operator: OperatorSource): number | undefined {
  const markers = keysOf(cacheDir)
    .map((key) => readMarker(cacheDir, key))
    .filter((marker) => marker !== undefined)
    .toSorted((left, right) => right.builtAt - left.builtAt);
  const fits = (test: (marker: Marker) => boolean): number | undefined =>
    markers.find(test)?.seconds;
  if (!('git' in operator)) return fits(({ label }) => label === operator.path);
  const repository = `${shown(operator.git)} at `;
  return (
    fits(({ label }) => label === `${repository}${operator.tag}`) ??
    fits(({ label }) => label.startsWith(repository))
  );
}

/** What every machine has that such programs run on. */
const EVERYWHERE = /^\/(?:bin|sbin|usr|dev|proc|sys|etc|tmp|opt|lib\w*)(?:\/|$)/;
/** A path that begins a word of a command, or follows a `=`. */
const IN_COMMAND = /(?:^|[\s='"(<>])(\/[\w.@+\-/]*[\w@+-])/g;

/** Absolute paths in variables and commands, and repositories that are folders of this machine. */
export function hostPaths(plan: Plan, folder: string): readonly HostPath[] {
  const found = new Map<string, HostPath>();
  const add = (given: string, where: string): void => {
    // What an address is made with is hidden: then it is no path to be told.
    if (EVERYWHERE.test(given) || given.includes('{{ secret.')) return;
    if (!found.has(`${given} ${where}`))
      found.set(`${given} ${where}`, { path: given, where, there: existsSync(given) });
  };
  for (const { node, step } of stepsOf(plan)) {
    const name = step.label ?? step.id;
    for (const [variable, value] of Object.entries({ ...node.env, ...step.env }))
      if (/^\/[^/]/.test(value) && !value.includes('{{')) add(value, `${name}: ${variable}`);
    const { executor } = step;
    if (executor.kind !== 'command') continue;
    for (const [, given = ''] of executor.command.matchAll(IN_COMMAND))
      add(given, `${name}: command`);
    const repository = executor.operator;
    if (repository === undefined) continue;
    if ('path' in repository) add(path.resolve(folder, repository.path), `${name}: code`);
    else {
      const { url, local } = repositoryAddress(repository.git, folder);
      if (local) add(url.replace(/^file:\/\/[^/]*/, ''), `${name}: code`);
    }
  }
  return [...found.values()];
}
