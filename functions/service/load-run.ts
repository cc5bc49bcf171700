// Loads a run: what it was started with, its plan, its state. Keeps H2 (head before chunks).

import { decode } from '#core/walk/codec.ts';
import { link } from '#core/walk/graph.ts';
import type { State } from '#core/walk/state.ts';
import { Defect, NotFound } from '#errors/families.ts';
import type { Item } from '#ports/table.ts';
import { plan as planSchema } from '#schemas/plan.ts';
import { type Command, command as commandSchema } from '#schemas/run.ts';
import { type RunStart, runStart } from '#schemas/run-start.ts';
import type { Json } from '#schemas/values.ts';
import { CHUNK, headKey, planObject, type RunRef, runKey, startKey } from './keys.ts';
import {
  type Held,
  type Linked,
  type RunMemory,
  rememberedRun,
  rememberPlan,
  rememberRun,
  type Service,
} from './service.ts';

/** The state of a run as it is stored, and the commands that came with it. */
export interface LoadedRun {
  readonly sequence: number;
  readonly state: State;
  readonly outbox: readonly Command[];
  /** The time of the alarm that was asked for last. */
  readonly wakeAt: number | undefined;
}

/** The plan of that digest, linked. Rejects with Defect when it is gone or is not what its digest says. */
export async function loadPlan(service: Service, ref: RunRef, digest: string): Promise<Linked> {
  const known = service.plans.get(digest);
  if (known !== undefined) return known;
  const bytes = await service.objects.get(planObject(ref.namespace, digest));
  if (bytes === undefined) throw new Defect(`the plan ${digest} of run ${ref.run} is gone`);
  const plan = planSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  const linked = { plan, graph: link(plan) };
  rememberPlan(service, digest, linked);
  return linked;
}

/** What the run was started with. Rejects with NotFound. */
export async function loadStart(service: Service, ref: RunRef): Promise<RunStart> {
  const item = await service.table.get(startKey(ref));
  if (item === undefined) throw new NotFound(`run ${ref.run} is not there`, { run: ref.run });
  return runStart.parse(item['start']);
}

/** Takes a run in hand: everything about it that never changes, remembered by this process. Rejects with NotFound. */
export async function hold(service: Service, ref: RunRef): Promise<Held> {
  return { service, ref, memory: await remember(service, ref) };
}

async function remember(service: Service, ref: RunRef): Promise<RunMemory> {
  const known = rememberedRun(service, ref);
  if (known !== undefined) return known;
  const start = await loadStart(service, ref);
  const linked = await loadPlan(service, ref, start.plan);
  // Another call may have been faster while this one waited.
  const first = rememberedRun(service, ref);
  if (first !== undefined) return first;
  const memory: RunMemory = {
    ref,
    start,
    linked,
    outputs: new Map(),
    lists: new Map(),
    saved: undefined,
  };
  rememberRun(service, ref, memory);
  return memory;
}

/** The state as `HEAD` says; from memory when that is the newest. */
export async function loadRun(held: Held): Promise<LoadedRun> {
  const { service, ref, memory } = held;
  const item = await service.table.get(headKey(ref));
  if (item === undefined) throw new NotFound(`run ${ref.run} is not there`, { run: ref.run });
  const sequence = sequenceOf(item);
  if (memory.saved?.sequence === sequence) return loaded(item, sequence, memory.saved.state);
  const state = decode(memory.linked.graph, item['head'] as Json, await loadChunks(service, ref));
  // A save may have come between the two reads: then the chunks belong to a later head.
  const after = await service.table.get(headKey(ref));
  if (after === undefined || sequenceOf(after) !== sequence) return loadRun(held);
  memory.saved = { sequence, state };
  return loaded(item, sequence, state);
}

/** The outbox is read by few: whoever saved it has performed it. */
function loaded(item: Item, sequence: number, state: State): LoadedRun {
  return {
    sequence,
    state,
    wakeAt: typeof item['wakeAt'] === 'number' ? item['wakeAt'] : undefined,
    get outbox() {
      return commandSchema.array().parse(item['outbox']);
    },
  };
}

const sequenceOf = (item: Item): number => {
  const sequence = item['sequence'];
  if (typeof sequence !== 'number') throw new Defect(`HEAD of ${item.pk} has no sequence`);
  return sequence;
};

async function loadChunks(service: Service, ref: RunRef): Promise<ReadonlyMap<string, Json>> {
  const chunks = new Map<string, Json>();
  let cursor: string | undefined;
  do {
    const page = await service.table.query({
      pk: runKey(ref),
      prefix: CHUNK,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const item of page.items) chunks.set(item.sk.slice(CHUNK.length), item['data'] as Json);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return chunks;
}
