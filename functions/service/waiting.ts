// What a node waits for, in a few words: for the tree in the terminal and the report.

import type { State } from '#core/walk/state.ts';
import { nodeView, view } from '#core/walk/view.ts';
import type { PlanNode } from '#schemas/plan.ts';
import { REASONS } from '#schemas/reasons.ts';
import type { EndStatus } from '#schemas/run.ts';
import { conditionReferences } from './dependencies.ts';
import type { RunMemory } from './service.ts';

const MOST_NAMES = 5;
const ENDED: ReadonlySet<string> = new Set<EndStatus>([
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
]);

/** `extract, clean`; undefined when nothing is waited for any more. */
export function waitsFor(memory: RunMemory, state: State, node: PlanNode): string | undefined {
  const { plan, graph } = memory.linked;
  const status = (id: string): string => nodeView(graph, state, id).status;
  if (status(node.id) === 'ready') {
    const paused = view(graph, state).status === 'paused';
    return paused ? 'the paused run to be resumed' : REASONS.max_parallel;
  }
  const open = [...sourcesOf(memory, node)].filter(
    (source) => source.includes('.') || source.includes('*') || !ENDED.has(status(source)),
  );
  const prepares = (node.prepares ?? [])
    .flatMap((index) => plan.nodes[index] ?? [])
    .filter((prepare) => !ENDED.has(status(prepare.id)));
  const names = [
    ...open.map((id) => labelOf(memory, id)),
    ...prepares.map((prepare) => `the environment of ${prepare.label ?? prepare.id.slice(1)}`),
  ];
  if (names.length === 0) return undefined;
  const rest = names.length - MOST_NAMES;
  return rest > 0 ? `${names.slice(0, MOST_NAMES).join(', ')} and ${rest} more` : names.join(', ');
}

const labelOf = (memory: RunMemory, id: string): string => {
  const index = memory.linked.graph.index.get(id);
  return (index === undefined ? undefined : memory.linked.plan.nodes[index]?.label) ?? id;
};

/** Nodes, events from outside, and patterns. */
function* sourcesOf(memory: RunMemory, node: PlanNode): Generator<string> {
  const { plan } = memory.linked;
  for (const index of node.needs ?? []) yield plan.nodes[index]?.id ?? '';
  const found = conditionReferences(node.start);
  const seen = new Set<string>();
  for (const event of found?.events ?? []) {
    const outside = event.pattern.startsWith('external.') || event.pattern.includes('*');
    seen.add(outside ? event.pattern : event.pattern.slice(0, event.pattern.lastIndexOf('.')));
  }
  for (const output of found?.outputs ?? []) seen.add(output.node);
  yield* seen;
}
