// Ends what must not go on: a node's own stop condition or timeout, fail-fast, cancel, the time of a group or run. What runs is
// told to stop and stays `stopping` until its outcome or its deadline; what never started is skipped.
import { limits } from '#schemas/limits.ts';
import type { Reason } from '#schemas/reasons.ts';
import type { EndStatus } from '#schemas/run.ts';
import { approvalOf } from './approvals.ts';
import { nodeOf } from './graph.ts';
import { endedInstances, type Instances, isLive, type NodeRecord } from './records.ts';
import type { Sweep } from './state.ts';
import { MARK_B } from './vector.ts';
import { end, mayChange, tell, type Walking } from './walking.ts';
import { COMPLETED, PENDING, READY, RETRYING, RUNNING } from './words.ts';

/** What becomes of a live attempt that was stopped for this reason. */
export function stoppedAs(reason: Reason | undefined): EndStatus {
  if (reason === 'timeout') return 'timed_out';
  return reason === 'expression_error' ? 'failed' : 'cancelled';
}

export function graceOf(walking: Walking, node: number): number {
  return nodeOf(walking.graph, node).grace ?? limits.stopGrace;
}

/** Tells a running node to stop, an approval ends at once; a forEach node's instances are told one range after the other. */
export function stopNode(walking: Walking, node: number, reason: Reason, message?: string): void {
  const record = walking.draft.record(node);
  const { id } = nodeOf(walking.graph, node);
  const why = message === undefined ? { reason } : { reason, message };
  if (!record.each && approvalOf(walking.graph, node)) {
    end(walking, node, { attempt: record.attempt, status: stoppedAs(reason), ...why });
    return;
  }
  const grace = graceOf(walking, node);
  const deadline = walking.now + grace + limits.backstop;
  tell(walking, { fact: 'stopping', at: walking.now, node: id, ...why, deadline });
  if (record.each) return;
  const { attempt } = record;
  walking.commands.push({ command: 'stop-node', node: id, attempt, reason, grace });
}

/** Why an instance of a stopping node ends. */
export function instanceReason(record: NodeRecord): Reason {
  return record.reason === 'instance_failed' || record.reason === undefined
    ? 'fail_fast'
    : record.reason;
}

/** Stops instances of a stopping forEach node, as many as this walk may. */
export function stopInstances(walking: Walking, node: number): void {
  const { draft, graph, now } = walking;
  const { id } = nodeOf(graph, node);
  const reason = instanceReason(draft.record(node));
  const each = draft.record(node).each;
  if (each && each.next < each.cut) {
    const instances: [number, number] = [each.next, each.cut - 1];
    const how = { attempt: 0, status: 'skipped', reason } as const;
    tell(walking, { fact: 'ended', at: now, node: id, instances, ...how });
  }
  let at = draft.instances(node).next(MARK_B);
  while (at >= 0 && mayChange(walking)) {
    const last = stopRange(walking, node, { first: at, reason });
    at = draft.instances(node).next(MARK_B, last + 1);
  }
}

/** Stops the longest range from `first` on that is in the same attempt and state, and answers its last index. */
function stopRange(
  walking: Walking,
  node: number,
  from: { readonly first: number; readonly reason: Reason },
): number {
  const { draft, graph, now } = walking;
  const { id } = nodeOf(graph, node);
  const { status, attempt } = draft.instance(node, from.first);
  let last = from.first;
  for (; last - from.first < limits.factEdges; last++) {
    const next = draft.instance(node, last + 1);
    if (next.status !== status || next.attempt !== attempt) break;
  }
  const instances: [number, number] = [from.first, last];
  const { reason } = from;
  if (status === RUNNING && !approvalOf(graph, node)) {
    const grace = graceOf(walking, node);
    const deadline = now + grace + limits.backstop;
    tell(walking, { fact: 'stopping', at: now, node: id, instances, reason, deadline });
    walking.commands.push({ command: 'stop-node', node: id, instances, attempt, reason, grace });
  } else {
    tell(walking, {
      fact: 'ended',
      at: now,
      node: id,
      instances,
      attempt,
      status: stoppedAs(reason),
      reason,
    });
  }
  return last;
}

/** Ends a forEach node all of whose instances have ended. */
export function endInstances(walking: Walking, node: number): void {
  const record = walking.draft.record(node);
  const { each } = record;
  if (!each || endedInstances(each) !== each.count) return;
  const attempt = Math.max(1, each.top);
  if (each.completed === each.count) {
    end(walking, node, { attempt, status: 'completed' });
    return;
  }
  const { reason, message } = record;
  const own = record.status !== RUNNING && reason !== undefined && reason !== 'instance_failed';
  if (own && (each.failed === 0 || stoppedAs(reason) !== 'cancelled')) {
    const why = message === undefined ? { reason } : { reason, message };
    end(walking, node, { attempt, status: stoppedAs(reason), ...why });
    return;
  }
  end(walking, node, { attempt, status: 'failed', ...firstFailure(walking, node, each) });
}

function firstFailure(walking: Walking, node: number, each: Instances) {
  const { id } = nodeOf(walking.graph, node);
  if (each.failed === 0)
    return { reason: 'instance_failed', message: 'no instance failed' } as const;
  const { message, reason } = walking.draft.instance(node, each.first);
  const others = each.failed > 1 ? ` (and ${each.failed - 1} more)` : '';
  return {
    // A person said no: that is what the node ends with, too.
    reason: reason === 'rejected' ? 'rejected' : 'instance_failed',
    message: `${id}[${each.first}] failed: ${message ?? reason ?? 'without a message'}${others}`,
  } as const;
}

/** Carries the first sweep on as far as this walk may. */
export function sweepOn(walking: Walking): void {
  const { draft, graph } = walking;
  const [sweep, ...others] = draft.sweeps;
  if (!sweep) return;
  let { cursor } = sweep;
  for (; cursor < sweep.end && mayChange(walking); cursor++) {
    const node = graph.groups.nodeAt[cursor] ?? 0;
    if (sweep.hidden || graph.visible[node] === 1) sweepNode(walking, node, sweep);
  }
  // What was decided meanwhile may have begun another sweep.
  const begun = draft.sweeps.slice(1 + others.length);
  const rest = cursor < sweep.end ? [{ ...sweep, cursor }] : [];
  draft.sweeps = [...rest, ...others, ...begun];
}

function sweepNode(walking: Walking, node: number, { reason }: Sweep): void {
  const { draft } = walking;
  const { status, attempt } = draft.record(node);
  if (status >= COMPLETED) return;
  if (status === RUNNING) stopNode(walking, node, reason);
  else if (status === PENDING || (status === READY && attempt === 0)) {
    if (reason === 'fail_fast' && draft.isSeed(node)) endSeeded(walking, node);
    else end(walking, node, { attempt: 0, status: 'skipped', reason });
  } else if (status === RETRYING || status === READY) {
    end(walking, node, { attempt, status: stoppedAs(reason), reason });
  }
}

/** Takes a node over from an earlier run. */
export function endSeeded(walking: Walking, node: number): void {
  const seeded = walking.draft.seededFrom(node);
  const from = seeded === undefined ? {} : { seeded };
  end(walking, node, { attempt: 0, status: 'completed', ...from });
}

/** The walker ends an attempt alone: it was told to stop and nothing was heard of it in time. */
export function endStopped(walking: Walking, node: number, instance?: number): void {
  const { draft, graph, now } = walking;
  const { attempt, status, reason, message } =
    instance === undefined ? draft.record(node) : draft.instance(node, instance);
  if (!isLive(status)) return;
  const why = {
    ...(reason === undefined ? {} : { reason }),
    message: message ?? 'it did not answer within its grace period',
  };
  const how = { attempt, status: stoppedAs(reason), ...why };
  if (instance === undefined) end(walking, node, how);
  else {
    const instances: [number, number] = [instance, instance];
    tell(walking, { fact: 'ended', at: now, node: nodeOf(graph, node).id, instances, ...how });
  }
}

/** Whether a failed group or the end of the run forbids that the node starts or tries again. */
export function isForbidden(walking: Walking, node: number): boolean {
  return isForbiddenIn(walking, walking.graph.plan.nodes[node]?.group ?? 0);
}

/** The same of every node of a group. */
export function isForbiddenIn(walking: Walking, group: number): boolean {
  const { stopping, failedGroups, groupDeadlines } = walking.draft.head;
  if (stopping !== undefined) return true;
  const { failFast, timed } = walking.graph.groups;
  const over = groupDeadlines.filter(([, at]) => at <= walking.now).map(([each]) => each);
  return (
    (failFast[group] ?? []).some((each) => failedGroups.includes(each)) ||
    (timed[group] ?? []).some((each) => over.includes(each))
  );
}
