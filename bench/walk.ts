// The walker alone: what one step costs in a large plan, a join of 100,000, a chain of 100,000.
import { link } from '#core/walk/graph.ts';
import { initialState, type State } from '#core/walk/state.ts';
import type { WalkContext } from '#core/walk/types.ts';
import { walk } from '#core/walk/walk.ts';
import { Defect } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { Command, WalkEvent } from '#schemas/run.ts';
import { type BenchRow, row, samples } from './row.ts';

const NODES = 100_000;
const STEPS = 2_000;

export async function rows(): Promise<BenchRow[]> {
  const small = await samples(5, () => stepOf(1_000));
  const large = await samples(5, () => stepOf(NODES));
  return [
    row('one walk step, plan of 1,000 nodes', small, { unit: 'ms', atMost: 0.1 }),
    row('one walk step, plan of 100,000 nodes', large, { unit: 'ms', atMost: 0.1 }),
    row(
      '100,000 outcomes into one join, walk alone',
      await samples(5, () => whole(joinOf(NODES))),
      {
        unit: 's',
        atMost: 2,
      },
    ),
    row('chain of 100,000, walk alone', await samples(5, () => whole(chainOf(NODES))), {
      unit: 's',
      atMost: 2,
    }),
  ];
}

function planOf(nodes: readonly PlanNode[]): Plan {
  return {
    v: 1,
    language: 1,
    dialect: 'nodes',
    id: 'bench',
    inputs: {},
    groups: [{ id: 'bench', kind: 'pipeline', parent: -1, failFast: false }],
    nodes: [...nodes],
  };
}

function nodeOf(index: number, needs: readonly number[]): PlanNode {
  return {
    id: `n${index}`,
    group: 0,
    ...(needs.length > 0 ? { needs: [...needs] } : {}),
    executor: { kind: 'command', command: 'true', environment: { kind: 'host' } },
  };
}

function joinOf(size: number): Plan {
  const sources = Array.from({ length: size }, (_, index) => index);
  return planOf([...sources.map((index) => nodeOf(index, [])), nodeOf(size, sources)]);
}

function chainOf(size: number): Plan {
  return planOf(
    Array.from({ length: size }, (_, index) => nodeOf(index, index > 0 ? [index - 1] : [])),
  );
}

const context: WalkContext = {
  now: 1,
  run: '01J00000000000000000000000',
  namespace: 'default',
  inputs: {},
  system: {},
  outputs: () => ({}),
  bounds: { starts: limits.advanceStarts, changes: limits.advanceChanges },
};

/** Milliseconds of one walk that takes one outcome and starts one node, many chains side by side. */
function stepOf(size: number): number {
  const width = Math.min(size / 2, 500);
  const nodes = Array.from({ length: size }, (_, index) =>
    nodeOf(index, index >= width ? [index - width] : []),
  );
  const graph = link(planOf(nodes));
  let state = settled(graph, initialState(graph, {}));
  const steps = Math.min(STEPS, size - width);
  const began = performance.now();
  for (let index = 0; index < steps; index++) {
    state = walk(graph, state, [outcome(`n${index}`)], context).state;
  }
  return (performance.now() - began) / steps;
}

function settled(graph: ReturnType<typeof link>, from: State): State {
  let state = from;
  for (;;) {
    const result = walk(graph, state, [], context);
    state = result.state;
    if (!result.more) return state;
  }
}

/** Seconds to walk a run in which everything completes, as many outcomes at once as an advance takes. */
function whole(plan: Plan): number {
  const graph = link(plan);
  const began = performance.now();
  let state = initialState(graph, {});
  const waiting: WalkEvent[] = [];
  let taken = 0;
  for (;;) {
    const events = waiting.slice(taken, taken + limits.advanceOutcomes);
    taken += events.length;
    const result = walk(graph, state, events, context);
    state = result.state;
    for (const command of result.commands) {
      if (command.command === 'start-node') waiting.push(completedOf(command));
    }
    if (state.head.end !== undefined) break;
    if (taken === waiting.length && !result.more) throw new Defect('the bench run is stuck');
  }
  if (state.head.end !== 'completed') throw new Defect(`the bench run ended ${state.head.end}`);
  return (performance.now() - began) / 1_000;
}

function completedOf(command: Extract<Command, { command: 'start-node' }>): WalkEvent {
  return outcome(command.node, command.attempt);
}

function outcome(node: string, attempt = 1): WalkEvent {
  return { event: 'outcome', node, attempt, result: { result: 'completed', outputs: {} } };
}
