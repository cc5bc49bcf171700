// Finds the outputs of nodes that completed: in memory, in the attempt's item, in the run they were taken over from.

import { digester } from '#core/digest.ts';
import { UNDECIDED } from '#core/walk/approvals.ts';
import { indexOf } from '#core/walk/graph.ts';
import type { State } from '#core/walk/state.ts';
import { nodeView } from '#core/walk/view.ts';
import { Defect, Rejected } from '#errors/families.ts';
import type { Item, Key, Table } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptItem } from '#schemas/run.ts';
import { type Json, type Outputs, refValue } from '#schemas/values.ts';
import { attemptOf, wholeAttempt } from './bulk.ts';
import { inParallel } from './in-parallel.ts';
import { ATTEMPT, addressOf, attemptKey, type RunRef, runKey, splitAddress } from './keys.ts';
import type { Held, RunMemory, Service } from './service.ts';

/** Outputs of a completed attempt; undefined of any other. */
export function outputsOf(attempt: AttemptItem | undefined): Outputs | undefined {
  const result = attempt?.report?.result;
  return result?.result === 'completed' ? result.outputs : undefined;
}

/**
 * Puts the outputs of a completed node into memory; those of a forEach node as `{ items }`, in the order of its instances.
 * A join, and a node without results, has none.
 */
export async function loadOutputs(held: Held, state: State, node: string): Promise<Outputs> {
  const known = held.memory.outputs.get(node);
  if (known !== undefined) return known;
  const found = await readOutputs(held, state, node, new Map());
  held.memory.outputs.set(node, found);
  if (isLongList(found)) await noteItems(held, node, found);
  return found;
}

/**
 * Outputs of a node as they are stored.
 *
 * @param fresh outputs of instances that have come and are not stored yet, by address
 */
export async function readOutputs(
  held: Held,
  state: State,
  node: string,
  fresh: ReadonlyMap<string, Outputs>,
): Promise<Outputs> {
  const { service, ref, memory } = held;
  const view = nodeView(memory.linked.graph, state, node);
  const { forEach, executor } = memory.linked.plan.nodes[indexOf(memory.linked.graph, node)] ?? {};
  const each = forEach !== undefined;
  if (view.seeded !== undefined) {
    const found = await ofLatest(service, { namespace: ref.namespace, run: view.seeded }, node);
    return each && Array.isArray(found['items']) ? keepItems(held, found['items']) : found;
  }
  if (!each) return ofNode(service, ref, node, view.attempt);
  const whole = await ofNode(service, ref, node, 0);
  if (whole['items'] !== undefined) return whole;
  const { items } = await ofLatest(service, ref, node);
  const stored = Array.isArray(items) ? items : [];
  // An approval that ends in this very walk, because nobody decided in time, is not stored yet.
  const lacking = executor?.kind === 'approval' ? UNDECIDED : null;
  const all = Array.from({ length: view.count ?? 0 }, (_, index): Json => {
    return fresh.get(addressOf(node, index)) ?? stored[index] ?? lacking;
  });
  return keepItems(held, all);
}

/** Results of many instances are one object, like any other large value: they are named as a whole and read at most once. */
async function keepItems({ service, ref, memory }: Held, items: readonly Json[]): Promise<Outputs> {
  const text = JSON.stringify(items);
  if (text.length <= limits.inlineValueBytes) return { items };
  const digest = digester();
  digest.add(text);
  // Named by what it holds: whoever makes it again makes the same.
  const key = `NS/${ref.namespace}/values/${ref.run}/items/${digest.hex()}.json`;
  const kept = await unlessReadOnly(service.objects.put(key, new TextEncoder().encode(text)));
  if (kept === undefined) return { items };
  memory.lists.set(key, items);
  const { size, sha256 } = kept;
  const count = items.length;
  return { items: { $ref: { key, size, sha256, mediaType: 'application/json', count } } };
}

const isLongList = ({ items }: Outputs): boolean => refValue.safeParse(items).success;

/** The whole of a node that has completed stands in an item of its own, so that nobody reads all its instances for it again. */
async function noteItems(
  { service, ref, memory }: Held,
  node: string,
  outputs: Outputs,
): Promise<void> {
  if (memory.linked.plan.nodes[indexOf(memory.linked.graph, node)]?.forEach === undefined) return;
  const report = {
    result: { result: 'completed', outputs },
    endedAt: service.clock.now(),
  } as const;
  const attempt: AttemptItem = { v: FORMAT, address: node, attempt: 0, status: 'reported', report };
  const item = { ...attemptKey(ref, node, 0), v: FORMAT, status: 'reported', attempt };
  await unlessReadOnly(service.table.putIfAbsent(item));
}

/** Who only reads a run has no need to keep what it made. */
async function unlessReadOnly<T>(kept: Promise<T>): Promise<T | undefined> {
  try {
    return await kept;
  } catch (error) {
    if (error instanceof Rejected && error.code === 'read_only') return undefined;
    throw error;
  }
}

async function ofNode(
  service: Service,
  ref: RunRef,
  node: string,
  attempt: number,
): Promise<Outputs> {
  const item = await service.table.get(attemptKey(ref, node, attempt));
  return (item === undefined ? undefined : outputsOf(await wholeAttempt(service, item))) ?? {};
}

/** What the newest attempts of a node or of its instances came to. */
async function ofLatest(service: Service, ref: RunRef, node: string): Promise<Outputs> {
  const items: Json[] = [];
  let own: Outputs | undefined;
  for await (const item of itemsOf(service, ref, node)) {
    const attempt = await wholeAttempt(service, item);
    const result = outputsOf(attempt);
    if (result === undefined) continue;
    const { instance } = splitAddress(attempt.address);
    if (instance === undefined) own = result;
    else items[instance] = result;
  }
  if (own !== undefined) return own;
  for (let index = 0; index < items.length; index += 1) items[index] ??= null;
  return items.length > 0 ? { items } : {};
}

/** All attempts of a node and of its instances, oldest first of each address. */
export async function attemptsOf(
  service: Service,
  ref: RunRef,
  node?: string,
): Promise<readonly AttemptItem[]> {
  const items: Item[] = [];
  for await (const item of itemsOf(service, ref, node)) items.push(item);
  const attempts = await inParallel(items, limits.callsAtOnce, (item) =>
    wholeAttempt(service, item),
  );
  return attempts.filter(({ attempt }) => attempt > 0);
}

/** The same for those who want to know neither outputs nor steps: nothing but the table is asked. */
export async function attemptsSeen(
  service: Service,
  ref: RunRef,
  node?: string,
): Promise<readonly AttemptItem[]> {
  const attempts: AttemptItem[] = [];
  for await (const item of itemsOf(service, ref, node)) {
    const attempt = attemptOf(item);
    if (attempt.attempt > 0) attempts.push(attempt);
  }
  return attempts;
}

/** Attempts, and the whole results of forEach nodes, which stand as attempt 0; a page of them in memory at a time. */
async function* itemsOf(
  service: Service,
  ref: RunRef,
  node: string | undefined,
): AsyncGenerator<Item> {
  const prefixes = node === undefined ? [ATTEMPT] : [`${ATTEMPT}${node}#`, `${ATTEMPT}${node}[`];
  for (const prefix of prefixes) {
    let cursor: string | undefined;
    do {
      const page = await service.table.query({
        pk: runKey(ref),
        prefix,
        ...(cursor === undefined ? {} : { cursor }),
      });
      yield* page.items;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

/** A list that is kept by reference, and not too large to be looked at. */
export function isReadableList(value: Json): boolean {
  const parsed = refValue.safeParse(value);
  return (
    parsed.success &&
    parsed.data.$ref.count !== undefined &&
    parsed.data.$ref.size <= limits.listBytes
  );
}

/** Reads a list that is kept by reference. */
export async function loadList(held: Held, ref: Json): Promise<readonly Json[]> {
  const { service, memory } = held;
  const { key } = refValue.parse(ref).$ref;
  // What a program or a caller made up must not open another namespace.
  if (!key.startsWith(`NS/${held.ref.namespace}/`))
    throw new Rejected('invalid', `the value ${key} is none of run ${held.ref.run}`);
  const known = memory.lists.get(key);
  if (known !== undefined) return known;
  const bytes = await service.objects.get(key);
  if (bytes === undefined) throw new Defect(`the value ${key} is gone`);
  const list: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!Array.isArray(list)) throw new Defect(`the value ${key} is no list`);
  memory.lists.set(key, list);
  return list;
}

/** A list by reference, if it is in memory. */
export function rememberedList(memory: RunMemory, ref: Json): readonly Json[] | undefined {
  const parsed = refValue.safeParse(ref);
  return parsed.success ? memory.lists.get(parsed.data.$ref.key) : undefined;
}

/** Addresses a command names: the node, or each of its instances. */
export function addressesOf(command: {
  node: string;
  instances?: readonly [number, number] | undefined;
}): { address: string; instance?: number }[] {
  if (command.instances === undefined) return [{ address: command.node }];
  const [from, to] = command.instances;
  return Array.from({ length: to - from + 1 }, (_, offset) => ({
    address: addressOf(command.node, from + offset),
    instance: from + offset,
  }));
}

/** Items by key, however many. */
export async function getAll(table: Table, keys: readonly Key[]): Promise<(Item | undefined)[]> {
  const items: (Item | undefined)[] = [];
  for (let from = 0; from < keys.length; from += limits.page) {
    items.push(...(await table.getMany(keys.slice(from, from + limits.page))));
  }
  return items;
}
