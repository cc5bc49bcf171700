// What goes into a walk and what comes out. The state's inside belongs to this folder; others carry it and store what `encode` gives.
import type { Executor } from '#schemas/plan.ts';
import type { Command, Fact, RunEnd, RunStatus, WalkEvent } from '#schemas/run.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import type { Graph } from './graph.ts';
import type { State } from './state.ts';

/** What a walk may know besides plan, state and events; all of it fixed for the run but `now` and `outputs`. */
export interface WalkContext {
  /** Milliseconds. An earlier one than the state's counts as the state's (W1). */
  readonly now: number;
  /** Makes jitter repeatable. */
  readonly run: string;
  readonly namespace: string;
  /** Resolved inputs of the run. */
  readonly inputs: { readonly [name: string]: Json };
  /** `run_id`, `namespace`, `started_at`, `scheduled_for`. */
  readonly system: { readonly [name: string]: Json };
  /** Outputs of a node that completed (of a forEach node `{ items }`); undefined when they are not at hand, which makes the walk answer `missing`. */
  outputs(node: string): Outputs | undefined;
  /** A list by reference as it was snapshotted; undefined as above. */
  list?(ref: Json): readonly Json[] | undefined;
  /** Milliseconds that this kind of work may wait for a machine after it was started, before its own time begins. None where it is not said. */
  readonly waits?: (kind: Executor['kind']) => number;
  /** Bounds of one walk (W8). */
  readonly bounds: { readonly starts: number; readonly changes: number };
}

export interface WalkResult {
  readonly state: State;
  readonly facts: readonly Fact[];
  readonly commands: readonly Command[];
  /** Something that could be decided now was left because of the bounds: walk again without events. */
  readonly more: boolean;
  /** Keys of the chunks that changed, as `encode` names them. */
  readonly changed: readonly string[];
  /** Nodes whose outputs (`node`) or lists (`ref`) are needed first. When not empty, everything else here is as it was: load, and walk again. */
  readonly missing: readonly ({ readonly node: string } | { readonly ref: Json })[];
}

export type Walk = (
  graph: Graph,
  state: State,
  events: readonly WalkEvent[],
  context: WalkContext,
) => WalkResult;

/** What a run begins with besides its plan. */
export interface Beginning {
  /** Milliseconds the run may take. */
  readonly timeout?: number;
  /** Nodes that count as completed, with the run that holds their results. */
  readonly seeds?: readonly { readonly node: string; readonly run: string }[];
}

/** What readers want of a state without knowing its inside. */
export interface StateView {
  readonly status: RunStatus;
  readonly end?: RunEnd;
  /** Nodes that have not ended, of `total`; those the compiler added do not count. */
  readonly unfinished: number;
  readonly total: number;
  readonly now: number;
}
