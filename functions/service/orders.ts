// Builds work orders: what a runner needs for one attempt, and no more.
import { canonical } from '#core/compile/canonical.ts';
import { renderBinding } from '#core/expression/template.ts';
import type { Variables } from '#core/expression/types.ts';
import { externalPayload } from '#core/walk/queries.ts';
import type { State } from '#core/walk/state.ts';
import { nodeView } from '#core/walk/view.ts';
import { Defect } from '#errors/families.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { RunStart } from '#schemas/run-start.ts';
import { type Json, type Outputs, refValue } from '#schemas/values.ts';
import type { OrderScope, WorkOrder } from '#schemas/work-order.ts';
import { bindingsOf } from './dependencies.ts';
import { sourcesOf } from './order-sources.ts';
import { loadList, loadOutputs } from './outputs.ts';
import type { Offer } from './perform.ts';
import type { Held, RunMemory } from './service.ts';
import { doneSteps } from './step-seeds.ts';
import { triesBefore } from './step-tries.ts';
import { turnOf } from './turns.ts';

/** `system.*` of a run, but for the attempt. */
export const systemOf = (
  start: RunStart,
): { run_id: string; namespace: string; started_at: string; scheduled_for: string | null } => ({
  run_id: start.run,
  namespace: start.namespace,
  started_at: new Date(start.at).toISOString(),
  scheduled_for:
    start.scheduledFor === undefined ? null : new Date(start.scheduledFor).toISOString(),
});

/** The order for one attempt. Outputs that its templates name are loaded where this process does not have them. */
export async function buildOrder(
  held: Held,
  state: State,
  offer: Offer,
  shared: SharedScopes = new Map(),
): Promise<WorkOrder> {
  const { ref, memory } = held;
  const { plan, graph } = memory.linked;
  const index = graph.index.get(offer.node);
  const node = index === undefined ? undefined : plan.nodes[index];
  if (node === undefined) throw new Defect(`plan ${memory.start.plan} has no node ${offer.node}`);
  return {
    v: FORMAT,
    name: { ...ref, address: offer.address, attempt: offer.attempt },
    pipeline: plan.id,
    node: node.id,
    ...(node.label === undefined ? {} : { label: node.label }),
    ...(offer.instance === undefined ? {} : { instance: offer.instance }),
    work: await workOf(held, { node, offer, state, shared }),
    sources: await sourcesOf(held, node),
    ...given(memory.start, node),
    ...turn(plan, node),
    grace: node.grace ?? limits.stopGrace,
    offeredAt: held.service.clock.now(),
    ...(offer.offered === true ? { offered: true } : {}),
  };
}

function turn(plan: Plan, node: PlanNode): Pick<WorkOrder, 'turn'> {
  const found = turnOf(plan, node);
  return found === undefined ? {} : { turn: found };
}

function given(start: RunStart, node: PlanNode): Partial<WorkOrder> {
  return {
    ...(start.with === undefined ? {} : { with: start.with }),
    ...(start.folder === undefined ? {} : { folder: start.folder }),
    ...(start.allowEnv === undefined ? {} : { allowEnv: start.allowEnv }),
    ...(start.offline === undefined ? {} : { offline: start.offline }),
    ...(start.workDir === undefined ? {} : { workDir: start.workDir }),
    ...(node.resources === undefined ? {} : { resources: node.resources }),
    ...(node.timeout === undefined ? {} : { timeout: node.timeout }),
  };
}

/** What the orders of a node's instances have in common, by node and attempt. */
export type SharedScopes = Map<string, OrderScope>;

export interface Work {
  readonly node: PlanNode;
  readonly offer: Offer;
  readonly state: State;
  readonly shared?: SharedScopes;
}

async function workOf(held: Held, work: Work): Promise<WorkOrder['work']> {
  const { node } = work;
  switch (node.executor.kind) {
    case 'prepare':
      return {
        kind: 'prepare',
        operator: node.executor.operator,
        environment: node.executor.environment,
        ...(held.memory.start.workDir === undefined
          ? {}
          : { operators: preparedFor(held.memory.linked.plan, node.executor) }),
      };
    case 'steps':
      return {
        kind: 'steps',
        plan: node.executor.plan,
        inputs: node.inputs ?? {},
        env: envOf(held.memory, node),
        scope: await scopeOf(held, work),
        secrets: [...bindingsOf(held.memory.linked.plan, node).secrets],
        ...(node.hides === undefined ? {} : { hides: node.hides }),
        ...(await doneSteps(held, node)),
        ...(await triesBefore(held, work.offer, node.executor.plan.nodes)),
      };
    case 'function':
      return {
        kind: 'function',
        name: node.executor.name,
        config: node.executor.config ?? {},
        inputs: node.inputs ?? {},
        scope: await scopeOf(held, work),
        secrets: [...bindingsOf(held.memory.linked.plan, node).secrets],
      };
    case 'approval':
    case 'pipeline':
    case 'join':
    case 'command':
    case 'sql':
      throw new Defect(`node ${node.id} has no work that a runner could do`);
  }
}

/** What the operators are called that this prepares, as the user spells them. */
function preparedFor(
  plan: Plan,
  { operator, environment }: Extract<PlanNode['executor'], { kind: 'prepare' }>,
): string[] {
  const wanted = canonical({ operator, environment });
  const steps = plan.nodes.flatMap(({ executor }) =>
    executor.kind === 'steps' ? executor.plan.nodes : [],
  );
  return steps
    .filter(({ executor }) => {
      if (executor.kind !== 'command' || executor.operator === undefined) return false;
      return (
        canonical({ operator: executor.operator, environment: executor.environment }) === wanted
      );
    })
    .map(({ id, label }) => label ?? id);
}

/** Variables of the groups, outermost first, then those of the node. */
function envOf(memory: RunMemory, node: PlanNode): Record<string, string>[] {
  const layers: Record<string, string>[] = [];
  const { groups } = memory.linked.plan;
  for (let group = groups[node.group]; group !== undefined; group = groups[group.parent]) {
    if (group.env !== undefined) layers.unshift(group.env);
  }
  if (node.env !== undefined) layers.push(node.env);
  return layers;
}

/** The variables that a node's templates name, with their values. */
export async function scopeOf(held: Held, work: Work): Promise<OrderScope> {
  const { node, offer, shared } = work;
  const key = `${offer.attempt} ${node.id}`;
  const known = shared?.get(key) ?? (await commonScope(held, work));
  shared?.set(key, known);
  return offer.instance === undefined ? known : { ...known, ...(await itemOf(held, work, known)) };
}

async function commonScope(held: Held, work: Work): Promise<OrderScope> {
  const { memory } = held;
  const bindings = bindingsOf(memory.linked.plan, work.node);
  const input: Record<string, Json> = {};
  for (const name of bindings.inputs) {
    const value = memory.start.inputs[name];
    if (value !== undefined) input[name] = value;
  }
  const nodes: Record<string, Outputs | null> = {};
  for (const [name, wanted] of bindings.outputs) {
    if (nodeView(memory.linked.graph, work.state, name).status !== 'completed') {
      nodes[name] = null;
      continue;
    }
    const outputs = await loadOutputs(held, work.state, name);
    nodes[name] = Object.fromEntries(
      Object.entries(outputs).filter(([output]) => wanted.has(output)),
    );
  }
  const payloads: Record<string, Json> = {};
  for (const event of bindings.payloads) {
    const payload = externalPayload(work.state, event);
    if (payload !== undefined) payloads[event] = payload;
  }
  return {
    input,
    nodes,
    system: { ...systemOf(memory.start), attempt: work.offer.attempt },
    ...(bindings.payloads.size === 0 ? {} : { payloads }),
  };
}

/** `item` and `index` of an instance. The list is evaluated once for each process; it cannot change, since all it names is finished. */
async function itemOf(
  held: Held,
  work: Work,
  scope: Pick<OrderScope, 'input' | 'nodes'>,
): Promise<{ item?: Json; index?: number }> {
  const { ref, memory } = held;
  const { node, offer } = work;
  if (offer.instance === undefined || node.forEach === undefined) return {};
  const key = `forEach ${node.id}`;
  let list = memory.lists.get(key);
  if (list === undefined) {
    const variables: Variables = {
      input: scope.input,
      system: systemOf(memory.start),
      node: (id) => {
        const outputs = scope.nodes[id];
        return outputs === null
          ? { is: 'never', because: `${id} did not complete` }
          : { is: 'outputs', outputs: outputs ?? {} };
      },
    };
    const evaluated = renderBinding(node.forEach, variables);
    if (evaluated.is !== 'value')
      throw new Defect(`the list of ${node.id} in run ${ref.run} cannot be evaluated any more`);
    const isRef = refValue.safeParse(evaluated.value).success;
    const found = isRef ? await loadList(held, evaluated.value) : evaluated.value;
    if (!Array.isArray(found))
      throw new Defect(`the list of ${node.id} in run ${ref.run} is no list any more`);
    list = found;
    memory.lists.set(key, list);
  }
  return { item: list[offer.instance] ?? null, index: offer.instance };
}
