// Retries a finished run as a new one: what completed and hangs on nothing that runs again is taken over as it is.
import type { State } from '#core/walk/state.ts';
import { nodeView } from '#core/walk/view.ts';
import { NotFound, Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan } from '#schemas/plan.ts';
import type { StepSeed } from '#schemas/run-start.ts';
import type { Json } from '#schemas/values.ts';
import { wholeAttempt } from './bulk.ts';
import { dependenciesOf } from './dependencies.ts';
import { keptUntil } from './expiry.ts';
import { attemptKey, type RunRef, splitAddress } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { readFacts } from './read-events.ts';
import type { Held, RunMemory, Service } from './service.ts';
import { type Origin, startRun } from './start-run.ts';
import { statusOf } from './status.ts';
import { stepSeedOf } from './step-seeds.ts';

/**
 * Starts the new run.
 *
 * @param options.from this node, or operator of a node, and all that hangs on it again, besides what did not complete; its id or its label
 * @throws Rejected `wrong_state` while the run is not over, or when there is nothing to do again; NotFound for an unknown node
 */
export async function retryRun(
  service: Service,
  ref: RunRef,
  options: { from?: string } = {},
): Promise<RunRef> {
  const status = await statusOf(service, ref);
  if (status === 'running' || status === 'paused' || status === 'halted' || status === 'pending') {
    throw new Rejected(
      'wrong_state',
      `run ${ref.run} is ${status}: only a run that is over can be retried`,
      { status },
    );
  }
  const held = await hold(service, ref);
  const { memory } = held;
  const { plan } = memory.linked;
  const { state } = await loadRun(held);
  const completed = new Map<string, string>();
  const timeout = memory.start.timeout ?? plan.groups[0]?.timeout ?? limits.runTimeout;
  const needed = service.clock.now() + timeout;
  for (const node of plan.nodes) {
    if (node.executor.kind === 'prepare') continue;
    const seen = nodeView(memory.linked.graph, state, node.id);
    if (seen.status !== 'completed') continue;
    const source = sourceOf(memory, ref, node.id);
    // What may be forgotten before the new run is over is done again.
    if (keptUntil(source) >= needed) completed.set(node.id, source);
  }
  const again = plan.nodes
    .filter((node) => node.executor.kind !== 'prepare' && !completed.has(node.id))
    .map((node) => node.id);
  const named = options.from === undefined ? undefined : workNamed(plan, options.from);
  const from = named === undefined ? [] : [named.node];
  // What is asked for again is done again; what only hangs on it may be taken over where nothing changed for it.
  const anew = [
    ...again.filter((id) => nodeView(memory.linked.graph, state, id).attempt > 0),
    ...from,
  ];
  again.push(...from);
  if (again.length === 0)
    throw new Rejected(
      'wrong_state',
      `every node of run ${ref.run} completed: say where to begin with --from NODE`,
    );
  for (const node of reachable(plan, again)) completed.delete(node);
  return startRun(service, ref.namespace, requestOf(memory), {
    ...(await originOf(service, ref, completed)),
    stepSeeds: await stepSeedsOf(held, state, { completed, named, until: needed }),
    anew,
  });
}

/** Operators that completed, of nodes that did not; nothing of a node whose own sources are done again. */
async function stepSeedsOf(
  { service, ref, memory }: Held,
  state: State,
  how: {
    readonly completed: ReadonlyMap<string, string>;
    readonly named: Named | undefined;
    readonly until: number;
  },
): Promise<readonly StepSeed[]> {
  const { plan, graph } = memory.linked;
  if (plan.dialect !== 'operators') return [];
  const seeds: StepSeed[] = [];
  for (const node of plan.nodes) {
    if (node.executor.kind !== 'steps' || how.completed.has(node.id)) continue;
    const { attempt } = nodeView(graph, state, node.id);
    const isNamed = how.named?.node === node.id;
    const whole = isNamed && how.named?.step === undefined;
    const sources = [...dependenciesOf(plan, node)];
    if (attempt === 0 || whole || sources.some((source) => !how.completed.has(source))) continue;
    const item = await service.table.get(attemptKey(ref, node.id, attempt));
    if (item === undefined) continue;
    const from = isNamed ? how.named?.step : undefined;
    const seed = stepSeedOf(ref, node, await wholeAttempt(service, item), {
      until: how.until,
      from,
    });
    if (seed !== undefined) seeds.push(seed);
  }
  return seeds;
}

/** A node, or an operator of one. */
interface Named {
  readonly node: string;
  readonly step?: string;
}

/** What is called so: a node before an operator. */
function workNamed(plan: Plan, name: string): Named {
  const isNode = plan.nodes.some(({ id, label }) => id === name || label === name);
  if (isNode || plan.dialect !== 'operators') return { node: nodeNamed(plan, name) };
  for (const { id, executor } of plan.nodes) {
    if (executor.kind !== 'steps') continue;
    const step = executor.plan.nodes.find((each) => (each.label ?? each.id) === name);
    if (step !== undefined) return { node: id, step: step.id };
  }
  return { node: nodeNamed(plan, name) };
}

const sourceOf = (memory: RunMemory, ref: RunRef, node: string): string =>
  memory.start.seeds?.find((seed) => seed.node === node)?.run ?? ref.run;

/** The id of the node that is spelled so. */
export function nodeNamed(plan: Plan, name: string): string {
  const found =
    plan.nodes.find((node) => node.id === name) ?? plan.nodes.find((node) => node.label === name);
  if (found === undefined || found.executor.kind === 'prepare') {
    throw new NotFound(
      `pipeline ${plan.id} has no node ${name}: it has ${plan.nodes
        .filter((node) => node.executor.kind !== 'prepare')
        .map((node) => node.label ?? node.id)
        .slice(0, 20)
        .join(', ')}`,
    );
  }
  return found.id;
}

/** A node, or one of its instances: `per_region[3]`. A label that looks like an instance is a node first. */
export function placeNamed(plan: Plan, name: string): { node: string; instance?: number } {
  const { node, instance } = splitAddress(name);
  const isLabel = plan.nodes.some(({ id, label }) => id === name || label === name);
  return isLabel || instance === undefined
    ? { node: nodeNamed(plan, name) }
    : { node: nodeNamed(plan, node), instance };
}

/** @throws NotFound where there is no such instance, as far as is known how many there are */
export function demandInstance(name: string, instance: number, count: number | undefined): void {
  if (count === undefined || instance < count) return;
  const has = count === 0 ? 'no instances' : `${count} instances, [0] to [${count - 1}]`;
  throw new NotFound(`there is no "${name}": the node has ${has}`);
}

/** The nodes themselves and all that hang on them, however far. */
function reachable(plan: Plan, from: readonly string[]): ReadonlySet<string> {
  const dependents = new Map<string, string[]>();
  for (const node of plan.nodes) {
    for (const name of dependenciesOf(plan, node)) {
      const known = dependents.get(name);
      if (known === undefined) dependents.set(name, [node.id]);
      else known.push(node.id);
    }
  }
  const found = new Set(from);
  // A set is walked in the order of its members, those added meanwhile included.
  for (const name of found)
    for (const dependent of dependents.get(name) ?? []) found.add(dependent);
  return found;
}

function requestOf(memory: RunMemory): Parameters<typeof startRun>[2] {
  const { start } = memory;
  return {
    plan: memory.linked.plan as Json,
    inputs: start.inputs,
    sources: start.sources,
    ...(start.with === undefined ? {} : { with: start.with }),
    ...(start.folder === undefined ? {} : { folder: start.folder }),
    ...(start.file === undefined ? {} : { file: start.file }),
    ...(start.allowEnv === undefined ? {} : { allowEnv: start.allowEnv }),
    ...(start.offline === undefined ? {} : { offline: start.offline }),
    ...(start.workDir === undefined ? {} : { workDir: start.workDir }),
    ...(start.workDirs === undefined ? {} : { workDirs: start.workDirs }),
    ...(start.timeout === undefined ? {} : { timeout: start.timeout }),
    ...(start.anew === true ? { anew: true } : {}),
  };
}

async function originOf(
  service: Service,
  ref: RunRef,
  completed: ReadonlyMap<string, string>,
): Promise<Origin> {
  const external: { name: string; payload?: Json; key?: string }[] = [];
  for (const fact of await readFacts(service, ref)) {
    if (fact.fact !== 'external') continue;
    external.push({
      name: fact.name,
      ...(fact.payload === undefined ? {} : { payload: fact.payload }),
      ...(fact.key === undefined ? {} : { key: fact.key }),
    });
  }
  return {
    retryOf: ref.run,
    seeds: [...completed].map(([node, run]) => ({ node, run })),
    external,
  };
}
