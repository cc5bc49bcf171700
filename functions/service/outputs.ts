// Finds the outputs of nodes that completed: in memory, in the attempt's item, in the run they were taken over from.

import { UNDECIDED } from '#core/walk/approvals.ts';
import { indexOf } from '#core/walk/graph.ts';
import type { State } from '#core/walk/state.ts';
import { nodeView } from '#core/walk/view.ts';
import { Defect } from '#errors/families.ts';
import type { Item, Key, Table } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { type AttemptItem, attemptItem } from '#schemas/run.ts';
import { type Json, type Outputs, refValue } from '#schemas/values.ts';
import { ATTEMPT, addressOf, attemptKey, type RunRef, runKey, splitAddress } from './keys.ts';
import type { Held, RunMemory, Service } from './service.ts';

/** Reads what an item of the table says of an attempt. */
export const attemptOf = (item: Item): AttemptItem => attemptItem.parse(item['attempt']);

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
  if (view.seeded !== undefined) {
    return ofLatest(service, { namespace: ref.namespace, run: view.seeded }, node);
  }
  const { forEach, executor } = memory.linked.plan.nodes[indexOf(memory.linked.graph, node)] ?? {};
  if (forEach === undefined) return ofNode(service, ref, node, view.attempt);
  const { items } = await ofLatest(service, ref, node);
  const stored = Array.isArray(items) ? items : [];
  // An approval that ends in this very walk, because nobody decided in time, is not stored yet.
  const lacking = executor?.kind === 'approval' ? UNDECIDED : null;
  const all = Array.from({ length: view.count ?? 0 }, (_, index): Json => {
    return fresh.get(addressOf(node, index)) ?? stored[index] ?? lacking;
  });
  return { items: all };
}

async function ofNode(
  service: Service,
  ref: RunRef,
  node: string,
  attempt: number,
): Promise<Outputs> {
  const item = await service.table.get(attemptKey(ref, node, attempt));
  return (item === undefined ? undefined : outputsOf(attemptOf(item))) ?? {};
}

/** What the newest attempts of a node or of its instances came to. */
async function ofLatest(service: Service, ref: RunRef, node: string): Promise<Outputs> {
  const attempts = await attemptsOf(service, ref, node);
  const items: Json[] = [];
  let own: Outputs | undefined;
  for (const attempt of attempts) {
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
  const prefixes = node === undefined ? [ATTEMPT] : [`${ATTEMPT}${node}#`, `${ATTEMPT}${node}[`];
  const attempts: AttemptItem[] = [];
  for (const prefix of prefixes) {
    let cursor: string | undefined;
    do {
      const page = await service.table.query({
        pk: runKey(ref),
        prefix,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const item of page.items) attempts.push(attemptOf(item));
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
  return attempts;
}

/** Reads a list that is kept by reference. */
export async function loadList(held: Held, ref: Json): Promise<readonly Json[]> {
  const { service, memory } = held;
  const { key } = refValue.parse(ref).$ref;
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
