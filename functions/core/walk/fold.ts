// The state that a log leads to (S2). Evaluates nothing: facts carry everything that was decided.
import type { Fact } from '#schemas/run.ts';
import { apply } from './apply.ts';
import type { Graph } from './graph.ts';
import { Draft, type State } from './state.ts';

/** The state after these facts. */
export function fold(graph: Graph, state: State, facts: readonly Fact[]): State {
  const draft = new Draft(graph, state);
  for (const fact of facts) apply(draft, fact);
  return draft.finish();
}
