// Questions about a whole state: what is live, what came from outside, what a wildcard stands for.
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { type Graph, indexOf, leafKey, nodeOf } from './graph.ts';
import { type InstanceRecord, isLive, type NodeRecord } from './records.ts';
import type { State } from './state.ts';
import { chunkAt, chunkNumbers, type Vector } from './vector.ts';
import { STOPPING } from './words.ts';

/** An attempt that was started and has no outcome yet. */
export interface LiveAttempt {
  readonly node: string;
  readonly instance?: number;
  readonly attempt: number;
  readonly stopping: boolean;
}

/** All live attempts, in plan order. A forEach node has none itself; its instances have. Looks at every record there is. */
export function liveAttempts(graph: Graph, state: State): readonly LiveAttempt[] {
  const found: LiveAttempt[] = [];
  const add = (node: string, record: NodeRecord | InstanceRecord, instance?: number) => {
    if (!isLive(record.status)) return;
    const { attempt, status } = record;
    const of = instance === undefined ? { node } : { node, instance };
    found.push({ ...of, attempt, stopping: status === STOPPING });
  };
  if (state.head.live === 0) return found;
  for (const [index, record] of recordsOf(state.nodes)) {
    if (index >= graph.size) break;
    const { id } = nodeOf(graph, index);
    if (!record.each) add(id, record);
    else if (record.each.running + record.each.stopping > 0) {
      for (const [instance, each] of recordsOf(record.each.records)) add(id, each, instance);
    }
  }
  return found;
}

function* recordsOf<R>(vector: Vector<R>): Generator<readonly [number, R]> {
  for (const chunk of chunkNumbers(vector)) {
    for (const [at, record] of (chunkAt(vector, chunk) ?? []).entries()) {
      if (record !== undefined) yield [chunk * limits.chunkEntries + at, record];
    }
  }
}

/** What the first external event of this name carried; undefined when none came, or nothing in the plan reads it. */
export function externalPayload(state: State, name: string): Json | undefined {
  const { externals } = state.head;
  return Object.hasOwn(externals, name) ? externals[name] : undefined;
}

/** Ids of the nodes that a wildcard of this node's conditions may match, those that wait for it left out. */
export function wildcardSources(graph: Graph, asker: string, pattern: string): readonly string[] {
  const hub = graph.hubOf.get(leafKey({ asker: indexOf(graph, asker), pattern })) ?? -1;
  return (graph.hubs[hub]?.sources ?? []).map((source) => nodeOf(graph, source).id);
}
