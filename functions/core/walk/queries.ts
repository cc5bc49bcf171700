// Questions about a whole state: what is live, what came from outside, what a wildcard stands for.
import type { Json } from '#schemas/values.ts';
import { type Graph, indexOf, leafKey, nodeOf } from './graph.ts';
import type { State } from './state.ts';
import { recordAt } from './vector.ts';
import { RUNNING, STOPPING } from './words.ts';

/** An attempt that was started and has no outcome yet. */
export interface LiveAttempt {
  readonly node: string;
  readonly instance?: number;
  readonly attempt: number;
  readonly stopping: boolean;
}

/** All live attempts, in plan order. A forEach node has none itself; its instances have. */
export function liveAttempts(graph: Graph, state: State): readonly LiveAttempt[] {
  const live: LiveAttempt[] = [];
  for (const [index, node] of graph.plan.nodes.entries()) {
    const record = recordAt(state.nodes, index);
    if (record === undefined) continue;
    const { each } = record;
    if (each === undefined) {
      const { status, attempt } = record;
      if (status === RUNNING || status === STOPPING)
        live.push({ node: node.id, attempt, stopping: status === STOPPING });
      continue;
    }
    for (let instance = 0; instance < each.next; instance += 1) {
      const { status, attempt = 0 } = recordAt(each.records, instance) ?? {};
      if (status !== RUNNING && status !== STOPPING) continue;
      live.push({ node: node.id, instance, attempt, stopping: status === STOPPING });
    }
  }
  return live;
}

/** What the first external event of that name carried; undefined when it has not come, or nothing of the plan asks for it. */
export function externalPayload(state: State, name: string): Json | undefined {
  return Object.hasOwn(state.head.externals, name) ? state.head.externals[name] : undefined;
}

/** The nodes that a wildcard of a node's conditions stands for, those that wait for the asker left out. */
export function wildcardSources(graph: Graph, asker: string, pattern: string): readonly string[] {
  const hub = graph.hubOf.get(leafKey({ asker: indexOf(graph, asker), pattern })) ?? -1;
  return (graph.hubs[hub]?.sources ?? []).map((source) => nodeOf(graph, source).id);
}
