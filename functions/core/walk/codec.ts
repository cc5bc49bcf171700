// The stored form of a state: a head and chunks of 64 entries, each with a format version. A chunk that is absent is all
// pending (S3). Entries are lists without their trailing defaults, so that a chunk of completed nodes is a few hundred bytes.
import { Defect, Rejected } from '#errors/families.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { decodeInstance, decodeNode, encodeInstance, encodeNode } from './codec-entries.ts';
import { decodeHead, encodeHead } from './codec-head.ts';
import type { Graph } from './graph.ts';
import type { NodeRecord } from './records.ts';
import { Draft, type State, stateOf } from './state.ts';
import { chunkAt, chunkNumbers, emptyVector, recordAt, VectorDraft } from './vector.ts';

/** The head as it is stored. Chunks are encoded one by one, by key. */
export function encode(state: State): { readonly head: Json } {
  return { head: { v: FORMAT, ...encodeHead(state.head) } };
}

/** One chunk as it is stored: `n<k>` holds nodes, then hubs; `i<node>.<k>` instances of one node. */
export function encodeChunk(state: State, key: string): Json {
  const { node, chunk } = readKey(key);
  if (node === undefined) {
    return { v: FORMAT, e: entries(chunkAt(state.nodes, chunk), encodeNode) };
  }
  const each = recordAt(state.nodes, node)?.each;
  return { v: FORMAT, e: entries(each && chunkAt(each.records, chunk), encodeInstance) };
}

/** Keys of all chunks that are not absent. */
export function chunkKeys(state: State): readonly string[] {
  const nodes = chunkNumbers(state.nodes);
  const keys = nodes.map((chunk) => `n${chunk}`);
  for (const chunk of nodes) {
    for (const [at, record] of (chunkAt(state.nodes, chunk) ?? []).entries()) {
      if (!record?.each) continue;
      const node = chunk * limits.chunkEntries + at;
      keys.push(...chunkNumbers(record.each.records).map((each) => `i${node}.${each}`));
    }
  }
  return keys;
}

/**
 * The state that was stored.
 *
 * @throws Rejected `newer_format` when something was written by a newer version: nothing of it must be touched.
 * @throws Defect when what is stored is not what `encode` wrote.
 */
export function decode(graph: Graph, head: Json, chunks: ReadonlyMap<string, Json>): State {
  const read = decodeHead(members(head, 'the head of a run'));
  const nodes = new VectorDraft<NodeRecord>(emptyVector());
  const instances: { node: number; chunk: number; entries: readonly Json[] }[] = [];
  for (const [key, stored] of chunks) {
    const { node, chunk } = readKey(key);
    const list = entriesOf(stored, key);
    if (node !== undefined) instances.push({ node, chunk, entries: list });
    else {
      for (const [at, entry] of list.entries()) {
        if (entry !== null) nodes.set(chunk * limits.chunkEntries + at, decodeNode(entry, key), 0);
      }
    }
  }
  const draft = new Draft(graph, stateOf(graph, read, nodes.finish()));
  remark(draft);
  for (const { node, chunk, entries: list } of instances) {
    for (const [at, entry] of list.entries()) {
      if (entry === null) continue;
      const record = decodeInstance(entry, `i${node}.${chunk}`);
      draft.putInstance(node, chunk * limits.chunkEntries + at, record);
    }
  }
  return draft.finish();
}

/** Marks and the ready queue are not stored: they follow from the records. */
function remark(draft: Draft): void {
  const { graph, before } = draft;
  for (const [first, last] of before.roots.slice(0, before.head.roots)) {
    for (let node = first; node <= last; node++) {
      draft.ready.set(graph.groups.rankOf[node] ?? 0, true);
    }
  }
  for (const chunk of chunkNumbers(before.nodes)) {
    for (const [at, record] of (chunkAt(before.nodes, chunk) ?? []).entries()) {
      if (record) draft.put(chunk * limits.chunkEntries + at, record);
    }
  }
}

function entries<R>(
  records: readonly (R | undefined)[] | undefined,
  encodeOne: (record: R) => Json,
): Json {
  const list = (records ?? []).map((record) => (record === undefined ? null : encodeOne(record)));
  while (list.length > 0 && list.at(-1) === null) list.pop();
  return list;
}

function readKey(key: string): { readonly node?: number; readonly chunk: number } {
  const [, of, chunk, instances] = /^(?:n|i(\d+)\.)(\d+)()$/.exec(key) ?? [];
  if (instances === undefined) throw new Defect(`"${key}" is no key of a chunk`);
  return of === undefined ? { chunk: Number(chunk) } : { node: Number(of), chunk: Number(chunk) };
}

function entriesOf(stored: Json, key: string): readonly Json[] {
  const { e } = members(stored, `chunk ${key}`);
  if (!isList(e)) throw new Defect(`chunk ${key} of a run holds no list of entries`);
  return e;
}

function members(stored: Json, what: string): { readonly [name: string]: Json } {
  if (typeof stored !== 'object' || stored === null || isList(stored)) {
    throw new Defect(`${what} is no object`);
  }
  const { v } = stored;
  if (typeof v === 'number' && v > FORMAT) {
    throw new Rejected(
      'newer_format',
      `${what} was written in format ${v}; this version reads up to ${FORMAT}`,
    );
  }
  if (v !== FORMAT) throw new Defect(`${what} has format ${JSON.stringify(v)}, wanted ${FORMAT}`);
  return stored;
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
