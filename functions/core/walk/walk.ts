// Decides what happens next: a pure function of a graph, a state, new events and the time (W1). Facts are applied to the state
// through the same `apply` that folds a log, one by one as they are decided (S2). What a walk costs depends on what it
// touches, never on the size of the plan, and it is bounded (W8).
import { limits } from '#schemas/limits.ts';
import type { RunEnd, WalkEvent } from '#schemas/run.ts';
import { isKnown } from './external-keys.ts';
import { nodeOf } from './graph.ts';
import { takeOutcomes } from './outcomes.ts';
import { FLAG_HANDLED } from './records.ts';
import { hasSeeds, isUnsettled, settle } from './settle.ts';
import { startReady } from './start.ts';
import { Draft, type State } from './state.ts';
import { keepTime, nextDeadline } from './timers.ts';
import type { Walk, WalkContext, WalkResult } from './types.ts';
import { given, mayChange, tell, type Walking } from './walking.ts';
import { FAILED, TIMED_OUT } from './words.ts';

/**
 * One walk. Order: outcomes in plan order, then external events, then what is wanted, then the clock, then starts in plan
 * order. When `missing` is not empty, nothing was decided: load what it names and walk again with the same arguments.
 */
export const walk: Walk = (graph, state, events, context) => {
  const walking: Walking = {
    graph,
    draft: new Draft(graph, state),
    context,
    now: Math.max(context.now, state.head.now),
    facts: [],
    commands: [],
    missing: new Map(),
    outputs: new Map(),
    lists: new Map(),
    started: 0,
    left: false,
  };
  if (state.head.phase === 'ended') return nothing(state);
  if (state.head.phase === 'pending') beginRun(walking);
  takeEvents(walking, events);
  keepTime(walking);
  decide(walking);
  if (walking.missing.size > 0)
    return { ...nothing(state), missing: [...walking.missing.values()] };
  const more = !endRun(walking) && isUnsettled(walking);
  const after = walking.draft.finish();
  wake(walking, state, after, context);
  const { facts, commands } = walking;
  return { state: after, facts, commands, more, changed: walking.draft.changed(), missing: [] };
};

function nothing(state: State): WalkResult {
  return { state, facts: [], commands: [], more: false, changed: [], missing: [] };
}

function beginRun(walking: Walking): void {
  const { timeout } = walking.draft.head;
  const deadline = timeout > 0 ? { deadline: walking.now + timeout } : {};
  tell(walking, { fact: 'run.started', at: walking.now, ...deadline });
}

function takeEvents(walking: Walking, events: readonly WalkEvent[]): void {
  takeOutcomes(walking, events);
  for (const event of events) if (event.event === 'external') takeExternal(walking, event);
  for (const event of events) if (event.event === 'wanted') takeWanted(walking, event.wanted);
}

function takeExternal(
  walking: Walking,
  { name, key, payload }: Extract<WalkEvent, { event: 'external' }>,
): void {
  const { keys } = walking.draft.head;
  if (key !== undefined && (isKnown(keys, key) || keys.length >= limits.externalEvents)) return;
  tell(walking, {
    fact: 'external',
    at: walking.now,
    name,
    ...given({ key, payload }),
  });
}

function takeWanted(walking: Walking, wanted: 'run' | 'pause' | 'cancel'): void {
  const { head } = walking.draft;
  const at = walking.now;
  if (head.stopping !== undefined) return;
  if (wanted === 'cancel') tell(walking, { fact: 'run.stopping', at, reason: 'cancelled' });
  else if (wanted === 'pause' && head.phase === 'running') {
    tell(walking, { fact: 'run.paused', at });
    tellRuns(walking, 'pause');
  } else if (wanted === 'run' && head.phase === 'paused') {
    tell(walking, { fact: 'run.resumed', at });
    tellRuns(walking, 'run');
  }
}

/** What is asked of a run goes down to the runs that its nodes wait for, and to those who work on several steps for it. */
function tellRuns({ graph, draft, commands }: Walking, wanted: 'run' | 'pause'): void {
  // Who was told to pause is told to go on, though all that ran has ended meanwhile.
  if (wanted === 'pause' && draft.head.live === 0) return;
  if (
    graph.plan.nodes.some(
      ({ executor }) => executor.kind === 'pipeline' || executor.kind === 'steps',
    )
  )
    commands.push({ command: 'tell-runs', wanted });
}

/** Settles and starts by turns: what starts may end at once, and what ends may let others start. */
function decide(walking: Walking): void {
  for (;;) {
    settle(walking);
    sweepHidden(walking);
    // Conditions must know all that happened, and seeds be there, before anything starts.
    if (walking.draft.head.spreading.length > 0 || hasSeeds(walking.draft)) return;
    if (startReady(walking) === 0) return;
    if (!mayChange(walking)) return;
  }
}

/** When every visible node has ended nobody needs what is still being prepared. */
function sweepHidden(walking: Walking): void {
  const { draft, graph } = walking;
  const { head } = draft;
  if (head.unfinished > 0 || head.hidden === 0 || head.stopping !== undefined) return;
  draft.sweeps = [
    ...draft.sweeps,
    { cursor: 0, end: graph.size, reason: 'cancelled', hidden: true },
  ];
  settle(walking);
}

/** Ends the run when no node is unfinished (W6). */
function endRun(walking: Walking): boolean {
  const { head } = walking.draft;
  if (head.unfinished > 0 || head.hidden > 0 || head.spreading.length > 0) return false;
  const status = runStatus(walking);
  const why = status === 'completed' ? {} : whyEnded(walking, status);
  tell(walking, { fact: 'run.ended', at: walking.now, status, ...why });
  walking.commands.push({ command: 'finish-run', status });
  return true;
}

function runStatus({ draft }: Walking): RunEnd {
  const { head } = draft;
  if (head.stopping === 'run_timeout') return 'timed_out';
  if (head.stopping !== undefined && head.cancelled > 0) return 'cancelled';
  return head.unhandled > 0 ? 'failed' : 'completed';
}

function whyEnded(walking: Walking, status: RunEnd) {
  const { head } = walking.draft;
  if (status === 'failed') {
    return { reason: 'node_failed' as const, message: firstFailure(walking) };
  }
  const { stopping, message } = head;
  return {
    ...(stopping === undefined ? {} : { reason: stopping }),
    ...(message === undefined ? {} : { message }),
  };
}

/** Once per run, when it ends: the first failed node in plan order that nothing handled. */
function firstFailure({ draft, graph }: Walking): string {
  for (let node = 0; node < graph.size; node++) {
    const record = draft.nodes.get(node);
    if (record?.status !== FAILED && record?.status !== TIMED_OUT) continue;
    if (graph.visible[node] !== 1 || (record.flags & FLAG_HANDLED) !== 0) continue;
    const { id } = nodeOf(graph, node);
    const others = draft.head.unhandled > 1 ? ` (and ${draft.head.unhandled - 1} more)` : '';
    return `"${id}" failed: ${record.message ?? record.reason ?? 'without a message'}${others}`;
  }
  return 'a node failed';
}

/** The run has one alarm: its earliest deadline. It is set anew when that has changed. */
function wake(walking: Walking, before: State, after: State, context: WalkContext): void {
  const earliest = nextDeadline(after, Math.max(context.now, walking.now));
  if (earliest === undefined || earliest === nextDeadline(before, before.head.now)) return;
  walking.commands.push({ command: 'wake-at', at: earliest });
}
