// The plan of a run as it was compiled, for those who want to know no more than what a node is: nothing is derived from it.
import { Defect, NotFound } from '#errors/families.ts';
import type { Objects } from '#ports/objects.ts';
import { limits } from '#schemas/limits.ts';
import { type Plan, type PlanNode, plan as planSchema } from '#schemas/plan.ts';
import { runStart } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { planObject, splitAddress, startKey } from './keys.ts';
import type { Service } from './service.ts';

interface Known {
  readonly plan: Plan;
  readonly nodes: ReadonlyMap<string, PlanNode>;
}

/** By the key of the plan's object, which says what is in it. */
const remembered = new WeakMap<Objects, Map<string, Known>>();

/** The node that an attempt is one of, and its plan. Rejects with NotFound where the run is not there. */
export async function planned(
  service: Service,
  name: AttemptName,
): Promise<{ readonly plan: Plan; readonly node: PlanNode | undefined }> {
  const item = await service.table.get(startKey(name));
  if (item === undefined) throw new NotFound(`run ${name.run} is not there`, { run: name.run });
  const key = planObject(name.namespace, runStart.parse(item['start']).plan);
  const { plan, nodes } = await planAt(service.objects, key);
  return { plan, node: nodes.get(splitAddress(name.address).node) };
}

async function planAt(objects: Objects, key: string): Promise<Known> {
  const plans = remembered.get(objects) ?? new Map<string, Known>();
  remembered.set(objects, plans);
  const known = plans.get(key);
  if (known !== undefined) return known;
  const bytes = await objects.get(key);
  if (bytes === undefined) throw new Defect(`the plan ${key} is gone`);
  const plan = planSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  const fresh = { plan, nodes: new Map(plan.nodes.map((node) => [node.id, node])) };
  plans.set(key, fresh);
  const [oldest] = plans.keys();
  if (plans.size > limits.rememberedPlans && oldest !== undefined) plans.delete(oldest);
  return fresh;
}
