// What is due by the clock: retries, backstops behind the runner's timeouts, the time of groups and of the run.
import { limits } from '#schemas/limits.ts';
import { approvalOf, UNDECIDED } from './approvals.ts';
import { nodeOf } from './graph.ts';
import type { Head, State } from './state.ts';
import { endStopped, graceOf, isForbidden, stopNode } from './stop.ts';
import { dueAfter } from './vector.ts';
import { end, mayChange, tell, type Walking } from './walking.ts';
import { RETRYING, RUNNING, STOPPING } from './words.ts';

/** Acts on every deadline that is over. */
export function keepTime(walking: Walking): void {
  const { draft, now } = walking;
  const { head } = draft;
  if (head.stopping === undefined && head.deadline !== 0 && head.deadline <= now) {
    const message = `the run took longer than ${head.timeout} ms`;
    tell(walking, { fact: 'run.stopping', at: now, reason: 'run_timeout', message });
  }
  for (const [group, at] of head.groupDeadlines) {
    if (at <= now && !draft.swept.includes(group)) sweepGroup(walking, group);
  }
  let node = draft.nodes.due(now);
  while (node >= 0) {
    if (!mayChange(walking)) {
      walking.left = true;
      return;
    }
    if (draft.record(node).each) instancesDue(walking, node);
    else nodeDue(walking, node);
    node = draft.nodes.due(now, node + 1);
  }
}

/** The time of a group is over: what runs in it is stopped, what has not started is skipped. */
function sweepGroup(walking: Walking, group: number): void {
  const { draft, graph } = walking;
  const cursor = graph.groups.from[group] ?? 0;
  const last = graph.groups.end[group] ?? 0;
  draft.swept = [...draft.swept, group];
  draft.sweeps = [...draft.sweeps, { cursor, end: last, reason: 'timeout', hidden: false }];
}

function nodeDue(walking: Walking, node: number): void {
  const { draft, now } = walking;
  switch (draft.record(node).status) {
    case RUNNING:
      if (approvalOf(walking.graph, node)) endUndecided(walking, node);
      else stopNode(walking, node, 'timeout', 'nothing was heard of it within its timeout');
      break;
    case STOPPING:
      endStopped(walking, node);
      break;
    case RETRYING:
      if (mayTryAgain(walking, node))
        tell(walking, { fact: 'ready', at: now, nodes: [node, node] });
  }
}

/** The deadline of an approval is over, and nobody has decided. */
function endUndecided(walking: Walking, node: number, instance?: number): void {
  const { draft, graph, now } = walking;
  const { attempt, deadline } = draft.live(node, instance);
  const approved = approvalOf(graph, node)?.onDeadline === 'approve';
  const message = `nobody decided before ${new Date(deadline).toISOString()}`;
  const how = approved
    ? ({ attempt, status: 'completed' } as const)
    : ({ attempt, status: 'failed', reason: 'rejected', message } as const);
  if (instance === undefined) {
    if (approved) walking.outputs.set(node, UNDECIDED);
    end(walking, node, how);
    return;
  }
  const instances: [number, number] = [instance, instance];
  tell(walking, { fact: 'ended', at: now, node: nodeOf(graph, node).id, instances, ...how });
}

/** While the run is paused the time of a retry may pass; it is made up for afterwards. */
function mayTryAgain(walking: Walking, node: number): boolean {
  return walking.draft.head.phase === 'running' && !isForbidden(walking, node);
}

function instancesDue(walking: Walking, node: number): void {
  const { draft, now } = walking;
  const instances = draft.instances(node);
  let index = instances.due(now);
  while (index >= 0) {
    if (!mayChange(walking)) {
      walking.left = true;
      return;
    }
    instanceDue(walking, node, index);
    index = instances.due(now, index + 1);
  }
}

function instanceDue(walking: Walking, node: number, index: number): void {
  const { draft, graph, now } = walking;
  const { id } = nodeOf(graph, node);
  const instances: [number, number] = [index, index];
  const { status, attempt } = draft.instance(node, index);
  if (status === STOPPING) endStopped(walking, node, index);
  else if (status === RETRYING && mayTryAgain(walking, node)) {
    if (draft.record(node).status !== RUNNING) return;
    tell(walking, { fact: 'ready', at: now, nodes: [node, node], instances });
  } else if (status === RUNNING && approvalOf(graph, node)) endUndecided(walking, node, index);
  else if (status === RUNNING) {
    const grace = graceOf(walking, node);
    const deadline = now + grace + limits.backstop;
    const message = 'nothing was heard of it within its timeout';
    const reason = 'timeout';
    tell(walking, { fact: 'stopping', at: now, node: id, instances, reason, message, deadline });
    walking.commands.push({ command: 'stop-node', node: id, instances, attempt, reason, grace });
  }
}

/** The earliest deadline after `now`: when the run must be walked again although nothing happens. */
export function nextDeadline(state: State, now: number): number | undefined {
  const { head } = state;
  if (head.phase === 'ended' || head.phase === 'pending') return undefined;
  const times = [...timesOf(head).filter((at) => at > now), dueAfter(state.nodes, now)];
  const earliest = Math.min(...times);
  return earliest === Number.POSITIVE_INFINITY ? undefined : earliest;
}

function timesOf(head: Head): readonly number[] {
  const groups = head.groupDeadlines.map(([, at]) => at);
  return head.stopping === undefined && head.deadline > 0 ? [...groups, head.deadline] : groups;
}
