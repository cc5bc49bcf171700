// Walks a run, with the values that the walk asks for. Saves nothing.
import type { WalkResult } from '#core/walk/types.ts';
import { attemptAt, nodeView } from '#core/walk/view.ts';
import { walk } from '#core/walk/walk.ts';
import { Defect } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Executor } from '#schemas/plan.ts';
import type { WalkEvent } from '#schemas/run.ts';
import type { Outputs } from '#schemas/values.ts';
import { decisionsAgainst } from './approvals.ts';
import { addressOf } from './keys.ts';
import type { LoadedRun } from './load-run.ts';
import { systemOf } from './orders.ts';
import { loadList, loadOutputs, readOutputs, rememberedList } from './outputs.ts';
import type { Held } from './service.ts';

/** A walk, with all events that it was made of and the time it was made at. */
export type Walked = WalkResult & { readonly events: readonly WalkEvent[]; readonly now: number };

export interface WalkedWithin {
  /** Of the bounds of a walk. */
  readonly share: number;
  /** It is at least that late, whatever the clock of this process says. */
  readonly since: number;
}

/** Walks; again with decisions that were made meanwhile, where the walk ended an approval by itself. */
export async function walkOn(
  held: Held,
  loaded: LoadedRun,
  events: readonly WalkEvent[],
  within: WalkedWithin,
): Promise<Walked> {
  let known = events;
  for (let round = 0; round < limits.advanceRounds; round += 1) {
    const result = await walkOnce(held, loaded, known, within);
    const decisions = await decisionsAgainst(held, result.facts, known);
    if (decisions.length === 0) return { ...result, events: known };
    known = [...known, ...decisions];
  }
  throw new Defect(`the walk of run ${held.ref.run} is never done with its decisions`);
}

/** Walks, and loads what the walk says it lacks until it lacks nothing. */
async function walkOnce(
  held: Held,
  loaded: LoadedRun,
  events: readonly WalkEvent[],
  { share, since }: WalkedWithin,
): Promise<WalkResult & { readonly now: number }> {
  const { service, ref, memory } = held;
  const fresh = freshOutputs(held, loaded, events);
  const bounds = {
    starts: Math.ceil(service.table.bounds.advanceStarts * share),
    changes: Math.ceil(limits.advanceChanges * share),
  };
  for (let round = 0; round < limits.advanceRounds; round += 1) {
    const now = Math.max(service.clock.now(), since);
    const result = walk(memory.linked.graph, loaded.state, events, {
      now,
      run: ref.run,
      namespace: ref.namespace,
      inputs: memory.start.inputs,
      system: systemOf(memory.start),
      outputs: (node) => fresh.get(node) ?? memory.outputs.get(node),
      list: (value) => rememberedList(memory, value),
      waits: (kind) => (isWork(kind) ? (service.jobs.waits?.(kind) ?? 0) : 0),
      bounds,
    });
    if (result.missing.length === 0) {
      keepOutputs(held, result, fresh);
      return { ...result, now };
    }
    for (const lack of result.missing) {
      if ('node' in lack) fresh.set(lack.node, await outputsFor(held, loaded, lack.node, fresh));
      else await loadList(held, lack.ref);
    }
  }
  throw new Defect(`the walk of run ${ref.run} never has what it lacks`);
}

const isWork = (kind: Executor['kind']): kind is 'steps' | 'prepare' | 'function' =>
  kind === 'steps' || kind === 'prepare' || kind === 'function';

/** A forEach node that ends in this very walk is not stored yet, nor are the last of its instances. */
function outputsFor(
  held: Held,
  loaded: LoadedRun,
  node: string,
  fresh: ReadonlyMap<string, Outputs>,
): Promise<Outputs> {
  const { status } = nodeView(held.memory.linked.graph, loaded.state, node);
  return status === 'completed'
    ? loadOutputs(held, loaded.state, node)
    : readOutputs(held, loaded.state, node, fresh);
}

/** Outputs that just came from live attempts, by address: they are not stored before this walk is saved. */
function freshOutputs(
  held: Held,
  loaded: LoadedRun,
  events: readonly WalkEvent[],
): Map<string, Outputs> {
  const fresh = new Map<string, Outputs>();
  const { graph } = held.memory.linked;
  for (const event of events) {
    if (event.event !== 'outcome' || event.result.result !== 'completed') continue;
    const { node, instance } = event;
    if (attemptAt(graph, loaded.state, node, instance) !== event.attempt) continue;
    fresh.set(addressOf(node, instance), event.result.outputs);
  }
  return fresh;
}

/** A node that completed never changes (W4), so what it gave can be remembered. */
function keepOutputs(held: Held, result: WalkResult, fresh: ReadonlyMap<string, Outputs>): void {
  const { outputs } = held.memory;
  if (outputs.size > limits.rememberedOutputs) outputs.clear();
  for (const fact of result.facts) {
    if (fact.fact !== 'ended' || fact.status !== 'completed' || fact.instances !== undefined)
      continue;
    const found = fresh.get(fact.node);
    if (found !== undefined) outputs.set(fact.node, found);
  }
}
