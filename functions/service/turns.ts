// When the turn of a node comes among those that wait for room: what its plan says, as the runner needs it.
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { dependenciesOf } from './dependencies.ts';

const known = new WeakMap<Plan, ReadonlyMap<string, number> | undefined>();

/** Undefined where nodes start in the order in which they come: most plans say nothing of it, and then nothing is computed. */
export function turnOf(plan: Plan, node: PlanNode): WorkOrder['turn'] {
  if (!known.has(plan)) known.set(plan, isScheduled(plan) ? ranksOf(plan) : undefined);
  const ranks = known.get(plan);
  // Environments are prepared before anything has its turn.
  if (ranks === undefined || node.executor.kind === 'prepare') return undefined;
  const { scheduling: policy = 'topological' } = plan;
  return { policy, priority: node.priority ?? 0, rank: ranks.get(node.id) ?? 0 };
}

const isScheduled = (plan: Plan): boolean =>
  plan.scheduling !== undefined || plan.nodes.some(({ priority }) => priority !== undefined);

/** By id: how many nodes come before it on the longest way. What patterns tie into a circle counts what is known before it. */
function ranksOf(plan: Plan): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  const open = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  for (const node of plan.nodes) {
    const sources = [...dependenciesOf(plan, node)].filter((source) => source !== node.id);
    open.set(node.id, sources.length);
    for (const source of sources) {
      const all = dependents.get(source);
      if (all === undefined) dependents.set(source, [node.id]);
      else all.push(node.id);
    }
  }
  // What is added while going through it is gone through as well.
  const settled = new Set([...open.keys()].filter((id) => open.get(id) === 0));
  for (const id of settled)
    for (const dependent of dependents.get(id) ?? []) {
      ranks.set(dependent, Math.max(ranks.get(dependent) ?? 0, (ranks.get(id) ?? 0) + 1));
      const left = (open.get(dependent) ?? 0) - 1;
      open.set(dependent, left);
      if (left === 0) settled.add(dependent);
    }
  return ranks;
}
