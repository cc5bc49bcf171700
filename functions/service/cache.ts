// Takes over what an earlier attempt came to whose key was the same, in place of doing the work again; and keeps what may be taken over.
// The shell decides that, when an attempt is to be submitted: to the walk, an attempt that was taken over is one that completed.

import type { State } from '#core/walk/state.ts';
import { nodeView } from '#core/walk/view.ts';
import { Conflict } from '#errors/families.ts';
import type { Item, Key, Write } from '#ports/table.ts';
import { type CacheEntry, cacheEntry, cacheRecord } from '#schemas/cache.ts';
import { type Address, FORMAT, type Namespace } from '#schemas/ids.ts';
import type { Plan } from '#schemas/plan.ts';
import { type AttemptItem, type AttemptReport, walkEvent } from '#schemas/run.ts';
import { fileValue, type Json, type Outputs, refValue } from '#schemas/values.ts';
import { attemptOf, keepBulk, wholeAttempt } from './bulk.ts';
import { type CacheKey, cacheKeyOf, type NoKey } from './cache-key.ts';
import { outcomeOf, type ToldReport } from './keep-report.ts';
import { addressOf, attemptKey, type RunRef, splitAddress } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { outputsOf } from './outputs.ts';
import type { Offer } from './perform.ts';
import type { Held, RunMemory, Service } from './service.ts';
import type { Taken } from './take-events.ts';

const cacheOf = (namespace: Namespace, pipeline: string): string =>
  `NS#${namespace}#CACHE#${pipeline}`;

/** What a key was met with. */
export const entryKey = ({ ref, memory }: Held, node: string, key: string): Key => ({
  pk: cacheOf(ref.namespace, memory.linked.plan.id),
  sk: `KEY#${node}#${key}`,
});

/** What was kept last of a node, or of an instance of it. */
const recordKey = ({ ref, memory }: Held, address: Address): Key => ({
  pk: cacheOf(ref.namespace, memory.linked.plan.id),
  sk: `LAST#${address}`,
});

/** Keys that this process has made, by run: they follow from what cannot change any more. */
const made = new WeakMap<RunMemory, Map<Address, CacheKey | NoKey | undefined>>();

async function keyFor(
  held: Held,
  state: State,
  place: Pick<Offer, 'node' | 'address' | 'instance'>,
): Promise<CacheKey | NoKey | undefined> {
  const known = made.get(held.memory) ?? new Map<Address, CacheKey | NoKey | undefined>();
  made.set(held.memory, known);
  if (known.has(place.address)) return known.get(place.address);
  const key = await cacheKeyOf(held, state, place);
  known.set(place.address, key);
  return key;
}

const isKey = (key: CacheKey | NoKey | undefined): key is CacheKey =>
  key !== undefined && 'key' in key;

/** Nodes of this run whose earlier results are not asked for. */
function isAnew({ memory }: Held, node: string): boolean {
  const { anew } = memory.start;
  return anew === true || (Array.isArray(anew) && anew.includes(node));
}

/** Settles those of the offers whose work was done before, and answers the rest. */
export async function takeOver(
  held: Held,
  state: State,
  offers: readonly Offer[],
  isDirect: (node: string) => boolean,
): Promise<readonly Offer[]> {
  const { plan, graph } = held.memory.linked;
  const left: Offer[] = [];
  let taken = false;
  for (const offer of offers) {
    const cached = plan.nodes[graph.index.get(offer.node) ?? -1]?.cache !== undefined;
    const report = cached ? await foundFor(held, state, offer) : undefined;
    if (report === undefined) left.push(offer);
    else {
      await settle(held, offer, { report, direct: isDirect(offer.node) });
      taken = true;
    }
  }
  if (taken) await held.service.bells.ring(held.ref);
  return left;
}

/** The report of an attempt that is taken over; undefined when its work is to be done. */
async function foundFor(
  held: Held,
  state: State,
  offer: Offer,
): Promise<AttemptReport | undefined> {
  if (isAnew(held, offer.node)) return undefined;
  const key = await keyFor(held, state, offer);
  if (!isKey(key)) return undefined;
  const item = await held.service.table.get(entryKey(held, offer.node, key.key));
  if (item === undefined) return undefined;
  const entry = cacheEntry.parse(item['entry']);
  const outputs = await stillThere(held.service, held.ref.namespace, entry);
  if (outputs === undefined) return undefined;
  const at = held.service.clock.now();
  return { result: { result: 'completed', outputs }, startedAt: at, endedAt: at, reused: entry };
}

/** What the attempt gave, if it and every file and value that it refers to can still be had. */
async function stillThere(
  service: Service,
  namespace: Namespace,
  entry: CacheEntry,
): Promise<Outputs | undefined> {
  const { run, address, attempt } = entry;
  const item = await service.table.get(attemptKey({ namespace, run }, address, attempt));
  const outputs = item === undefined ? undefined : outputsOf(await wholeAttempt(service, item));
  if (outputs === undefined) return undefined;
  for (const key of objectsIn(outputs))
    if (key === undefined || (await service.objects.info(key)) === undefined) return undefined;
  return outputs;
}

/** Keys of the objects that a value refers to; undefined for a file that lies somewhere on a machine, where nobody can look. */
function* objectsIn(value: Json): Generator<string | undefined> {
  if (value === null || typeof value !== 'object') return;
  const file = fileValue.safeParse(value);
  const ref = refValue.safeParse(value);
  if (file.success) yield file.data.$file.key;
  else if (ref.success) yield ref.data.$ref.key;
  else for (const member of Object.values(value)) yield* objectsIn(member);
}

/** The report and the item of the inbox in one transaction (H4), unless somebody settled the attempt otherwise. */
async function settle(
  { service, ref }: Held,
  { address, attempt }: Offer,
  { report, direct }: { readonly report: AttemptReport; readonly direct: boolean },
): Promise<void> {
  const kept = await keepBulk(service, ref, report);
  const item: AttemptItem = {
    ...{ v: FORMAT, address, attempt, status: 'reported', report: kept.report },
  };
  const put: Item = {
    ...attemptKey(ref, address, attempt),
    ...{ v: FORMAT, status: 'reported', attempt: item },
    ...(kept.bulk === undefined ? {} : { bulk: kept.bulk }),
  };
  const outcome = outcomeOf(service, ref, { ...ref, address, attempt }, kept);
  try {
    await service.table.transact([
      {
        write: 'put',
        item: put,
        if: direct ? { exists: false } : { exists: true, equals: { status: 'offered' } },
      },
      { write: 'put', item: { ...outcome, reused: true } },
    ]);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
}

/** What is written together with a report, so that its work need not be done again; nothing where it is not cached or did not complete. */
async function cacheWrites(
  service: Service,
  ref: RunRef,
  { name, report }: ToldReport,
): Promise<readonly Write[]> {
  if (report.result.result !== 'completed' || report.reused !== undefined) return [];
  const held = await hold(service, ref);
  const { plan, graph } = held.memory.linked;
  const { node, instance } = splitAddress(name.address);
  if (plan.nodes[graph.index.get(node) ?? -1]?.cache === undefined) return [];
  const { state } = await loadRun(held);
  const at = instance === undefined ? {} : { instance };
  const key = await keyFor(held, state, { node, address: name.address, ...at });
  if (!isKey(key)) return [];
  const entry: CacheEntry = { run: ref.run, address: name.address, attempt: name.attempt };
  const before = await lastOf(held, name.address);
  const other = before?.entry.run === ref.run ? before.before : before;
  const record = {
    entry,
    parts: key.parts,
    ...(other === undefined ? {} : { before: { entry: other.entry, parts: other.parts } }),
  };
  return [
    { write: 'put', item: { ...entryKey(held, node, key.key), v: FORMAT, entry } },
    { write: 'put', item: { ...recordKey(held, name.address), v: FORMAT, record } },
  ];
}

const caching = new WeakMap<Plan, boolean>();

/** The same for all that an advance takes in: reports that are saved with it, and those that items of the inbox tell of. */
export async function keptWrites(
  { service, ref, memory }: Held,
  { fresh, inbox }: Taken,
): Promise<readonly Write[]> {
  const { plan } = memory.linked;
  const some = caching.get(plan) ?? plan.nodes.some(({ cache }) => cache !== undefined);
  caching.set(plan, some);
  if (!some) return [];
  // Instances with the same item have one key; a transaction writes an item once.
  const writes = new Map<string, Write>();
  for (const report of [...fresh, ...inbox.flatMap((item) => toldBy(ref, item))])
    for (const write of await cacheWrites(service, ref, report))
      if (write.write === 'put') writes.set(write.item.sk, write);
  return [...writes.values()];
}

/** What completed; nothing of a result that was itself taken over. */
function toldBy(ref: RunRef, item: Item): readonly ToldReport[] {
  const event = walkEvent.parse(item['event']);
  if (event.event !== 'outcome' || item['reused'] === true) return [];
  const { node, instance, attempt, result } = event;
  const name = { ...ref, address: addressOf(node, instance), attempt };
  return [{ job: undefined, name, report: { result, endedAt: Number(item['at']) } }];
}

async function lastOf(held: Held, address: Address) {
  const item = await held.service.table.get(recordKey(held, address));
  return item === undefined ? undefined : cacheRecord.parse(item['record']);
}

/** What the cache has to do with an attempt of a node, in words; undefined of a node that is not cached. */
export async function explainCache(
  held: Held,
  state: State,
  address: Address,
): Promise<string | undefined> {
  const { plan, graph } = held.memory.linked;
  const { node, instance } = splitAddress(address);
  const found = plan.nodes[graph.index.get(node) ?? -1];
  if (found?.cache === undefined) return undefined;
  const whole = nodeView(graph, state, node);
  const { attempt, status } = instance === undefined ? whole : whole.instance(instance);
  if (attempt === 0 || status === 'pending') return undefined;
  if (instance === undefined && whole.count !== undefined) return undefined;
  const item = await held.service.table.get(attemptKey(held.ref, address, attempt));
  const reused = item === undefined ? undefined : attemptOf(item).report?.reused;
  if (reused !== undefined)
    return `its key was met before: taken over from ${reused.address} of run ${reused.run}`;
  const at = instance === undefined ? {} : { instance };
  const key = await keyFor(held, state, { node, address, ...at });
  if (key === undefined) return undefined;
  if ('why' in key) return `nothing is taken over, because ${key.why}`;
  if (isAnew(held, node)) return 'it was to be done anew, so nothing was looked for';
  const last = await lastOf(held, address);
  const other = last?.entry.run === held.ref.run ? last.before : last;
  if (other === undefined) return 'nothing was kept of it before';
  const changed = changedParts(other.parts, key.parts);
  const since = `since run ${other.entry.run}`;
  return changed.length === 0
    ? `what was kept ${since} is gone`
    : `changed ${since}: ${changed.join(', ')}`;
}

function changedParts(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  return names.flatMap((name) => {
    if (before[name] === now[name]) return [];
    if (before[name] === undefined) return [`${name} (new)`];
    return [now[name] === undefined ? `${name} (gone)` : name];
  });
}
