// What attempts came to. An outcome counts only for the attempt that is live (W3, W4); `completed` wins even over a stop.
import { limits } from '#schemas/limits.ts';
import type { WalkEvent } from '#schemas/run.ts';
import { nodeOf } from './graph.ts';
import { isLive } from './records.ts';
import { type Failure, isRetried, retryDelay } from './retry.ts';
import { isForbidden, stoppedAs } from './stop.ts';
import { end, given, tell, type Walking } from './walking.ts';
import { STOPPING } from './words.ts';

export type Outcome = Extract<WalkEvent, { event: 'outcome' }>;

interface Attempt {
  readonly node: number;
  readonly instance: number | undefined;
  readonly attempt: number;
}

/** Takes outcomes in, in plan order. Instances beside each other that completed are one fact. */
export function takeOutcomes(walking: Walking, events: readonly WalkEvent[]): void {
  const outcomes = inPlanOrder(walking, events);
  for (let at = 0; at < outcomes.length; at++) {
    const outcome = outcomes[at];
    if (!outcome) continue;
    const together = completedTogether(walking, outcomes, at);
    if (together > 1) {
      const { node, attempt, instance: first = 0 } = outcome;
      const instances: [number, number] = [first, first + together - 1];
      tell(walking, {
        fact: 'ended',
        at: walking.now,
        node,
        instances,
        attempt,
        status: 'completed',
      });
      at += together - 1;
    } else takeOutcome(walking, outcome);
  }
}

/** How many outcomes from here on are of instances beside each other that completed in the same attempt. */
function completedTogether(walking: Walking, outcomes: readonly Outcome[], from: number): number {
  const first = outcomes[from];
  if (first?.instance === undefined) return 0;
  let count = 0;
  for (let next: Outcome | undefined = first; next; next = outcomes[from + count]) {
    const beside = next.node === first.node && next.instance === first.instance + count;
    if (!beside || next.attempt !== first.attempt || next.result.result !== 'completed') break;
    const attempt = attemptOf(walking, next);
    if (!attempt || !isTaken(walking, attempt)) break;
    count++;
  }
  return count;
}

/** Outcomes of this batch in plan order. */
function inPlanOrder(walking: Walking, events: readonly WalkEvent[]): readonly Outcome[] {
  const place = (outcome: Outcome) => walking.graph.index.get(outcome.node) ?? -1;
  return events
    .filter((event) => event.event === 'outcome')
    .toSorted(
      (one, other) => place(one) - place(other) || (one.instance ?? -1) - (other.instance ?? -1),
    );
}

/** An outcome of another attempt than the live one changes nothing (W3). */
function isTaken({ draft }: Walking, { node, instance, attempt }: Attempt): boolean {
  const live = draft.live(node, instance);
  return isLive(live.status) && live.attempt === attempt;
}

function takeOutcome(walking: Walking, outcome: Outcome): void {
  const attempt = attemptOf(walking, outcome);
  if (!attempt || !isTaken(walking, attempt)) return;
  const { node, instance } = attempt;
  const { result } = outcome;
  const live = walking.draft.live(node, instance);
  if (result.result === 'completed') {
    if (instance === undefined) walking.outputs.set(node, result.outputs);
    finish(walking, attempt, { status: 'completed' });
  } else if (live.status === STOPPING) {
    const why = given({ reason: live.reason, message: live.message ?? result.message });
    finish(walking, attempt, { status: stoppedAs(live.reason), ...why });
  } else if (result.result === 'cancelled') {
    const why = given({ message: result.message });
    finish(walking, attempt, { status: 'cancelled', reason: 'cancelled', ...why });
  } else if (mayRetry(walking, attempt, result, live.interruptions)) {
    retryLater(walking, attempt, result);
  } else finish(walking, attempt, failed(result));
}

/** Which attempt the outcome is of; undefined when no such thing can be under way. */
function attemptOf(
  walking: Walking,
  { node: id, instance, attempt }: Outcome,
): Attempt | undefined {
  const node = walking.graph.index.get(id);
  const record = node === undefined ? undefined : walking.draft.nodes.get(node);
  if (node === undefined || !record) return undefined;
  if (!record.each) return instance === undefined ? { node, instance, attempt } : undefined;
  if (instance === undefined || instance >= record.each.count) return undefined;
  return { node, instance, attempt };
}

function mayRetry(
  walking: Walking,
  attempt: Attempt,
  failure: Failure,
  interruptions: number,
): boolean {
  if (isForbidden(walking, attempt.node)) return false;
  // An instance of a node that is stopping, or that fails fast and has failed, is not tried again.
  const record = walking.draft.record(attempt.node);
  if (record.each && record.status === STOPPING) return false;
  const node = nodeOf(walking.graph, attempt.node);
  return isRetried(node, failure, { attempt: attempt.attempt, interruptions });
}

function retryLater(
  walking: Walking,
  { node, instance, attempt }: Attempt,
  failure: Failure,
): void {
  const { graph, now, context } = walking;
  const plan = nodeOf(graph, node);
  const address = instance === undefined ? plan.id : `${plan.id}[${instance}]`;
  const id = `${context.run}/${address}/${attempt}/retry`;
  tell(walking, {
    fact: 'retrying',
    at: now,
    node: plan.id,
    ...(instance === undefined ? {} : { instance }),
    attempt,
    result: failure.result,
    reason: reasonOf(failure),
    message: failure.message.slice(0, limits.messageLength),
    next: now + retryDelay(plan, failure, attempt, id),
  });
}

function reasonOf(failure: Failure) {
  if (failure.result === 'failed') return failure.reason;
  return failure.result === 'timed_out' ? 'timeout' : 'interrupted';
}

type How = Omit<Parameters<typeof end>[2], 'attempt'>;

function failed(failure: Failure): How {
  return {
    status: failure.result === 'timed_out' ? 'timed_out' : 'failed',
    reason: reasonOf(failure),
    message: failure.message.slice(0, limits.messageLength),
    ...given({
      exitCode: failure.result === 'failed' ? failure.exitCode : undefined,
      goesOn: failure.result === 'interrupted' ? undefined : failure.goesOn,
    }),
  };
}

function finish(walking: Walking, { node, instance, attempt }: Attempt, how: How): void {
  if (instance === undefined) {
    end(walking, node, { attempt, ...how });
    return;
  }
  tell(walking, {
    fact: 'ended',
    at: walking.now,
    node: nodeOf(walking.graph, node).id,
    instances: [instance, instance],
    attempt,
    ...how,
  });
}
