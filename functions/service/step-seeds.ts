// Operators of a node that a retry takes over, although their node is done again: each has its own copy of its code and hands over what it
// gives, so one that completed need not run again because another failed. Steps of other dialects share a folder, and begin anew together.
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { AttemptItem, StepReport } from '#schemas/run.ts';
import type { StepSeed } from '#schemas/run-start.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { attemptOf, wholeAttempt } from './bulk.ts';
import { dependenciesOf } from './dependencies.ts';
import { keptUntil } from './expiry.ts';
import { attemptKey, type RunRef } from './keys.ts';
import type { Held } from './service.ts';

/**
 * What can be taken over of one node.
 *
 * @param attempt its newest one in the run that is retried
 * @param how.until when what is known of the earlier run must still be there, milliseconds since 1970
 * @param how.from this step and all that hang on it are done again, whatever they came to
 */
export function stepSeedOf(
  ref: RunRef,
  node: PlanNode,
  attempt: AttemptItem,
  how: { readonly until: number; readonly from?: string | undefined },
): StepSeed | undefined {
  if (node.executor.kind !== 'steps' || node.executor.plan.dialect !== 'operators')
    return undefined;
  const { plan } = node.executor;
  const reports = new Map((attempt.report?.steps ?? []).map((step) => [step.id, step]));
  const again = reachableSteps(plan, [
    ...plan.nodes.flatMap(({ id }) => (isBroken(reports.get(id)) ? [id] : [])),
    ...(how.from === undefined ? [] : [how.from]),
  ]);
  const steps = plan.nodes.flatMap(({ id }) => {
    const report = reports.get(id);
    if (report?.outputs === undefined || report.status !== 'completed' || again.has(id)) return [];
    return keptUntil(report.seededFrom ?? ref.run) >= how.until ? [id] : [];
  });
  if (steps.length === 0) return undefined;
  return { node: node.id, run: ref.run, attempt: attempt.attempt, steps };
}

/** What was not needed is judged anew; what ran and did not complete is done again. */
function isBroken(report: StepReport | undefined): boolean {
  return report === undefined || !['completed', 'skipped'].includes(report.status);
}

function reachableSteps(plan: Plan, from: readonly string[]): ReadonlySet<string> {
  const found = new Set(from);
  // What is added while going through it is gone through as well.
  for (const name of found)
    for (const step of plan.nodes) if (dependenciesOf(plan, step).has(name)) found.add(step.id);
  return found;
}

/** The steps of a node that an order names as done, with what they gave. */
export async function doneSteps(
  { service, ref, memory }: Held,
  node: PlanNode,
): Promise<Pick<Extract<WorkOrder['work'], { kind: 'steps' }>, 'done'>> {
  const seed = memory.start.stepSeeds?.find((each) => each.node === node.id);
  if (seed === undefined) return {};
  const from = { namespace: ref.namespace, run: seed.run };
  const item = await service.table.get(attemptKey(from, seed.node, seed.attempt));
  // One that is gone is done again: nothing depends on its being taken over.
  if (item === undefined || attemptOf(item).report === undefined) return {};
  const { report } = await wholeAttempt(service, item);
  const done = (report?.steps ?? []).flatMap(({ id, outputs, seededFrom = seed.run }) =>
    outputs === undefined || !seed.steps.includes(id)
      ? []
      : [{ step: id, run: seededFrom, outputs }],
  );
  return done.length === 0 ? {} : { done };
}
