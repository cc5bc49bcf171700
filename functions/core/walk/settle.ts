// Decides what follows from what happened, until nothing more follows or the bounds of the walk are reached: events passed on to
// conditions, conditions that were decided, stops that are due, ends of forEach nodes, fail-fast.
import { limits } from '#schemas/limits.ts';
import { nodeOf } from './graph.ts';
import { endedInstances, type NodeRecord } from './records.ts';
import { errorOf } from './start.ts';
import type { Draft } from './state.ts';
import { endInstances, endSeeded, isForbidden, stopInstances, stopNode, sweepOn } from './stop.ts';
import { MARK_A } from './vector.ts';
import { end, mayChange, tell, verdictsAfter, type Walking } from './walking.ts';
import {
  COMPLETED,
  ERROR,
  NEVER,
  OPEN,
  PENDING,
  READY,
  RETRYING,
  RUNNING,
  STOPPING,
  statusName,
  TRUE,
} from './words.ts';

export function settle(walking: Walking): void {
  while (mayChange(walking) && settleOne(walking)) {
    // One at a time: what is decided may make the next one pointless.
  }
}

/** Whether something that is due was left because of the bounds. */
export function isUnsettled({ draft, left }: Walking): boolean {
  const { head } = draft;
  return (
    left ||
    hasSeeds(draft) ||
    head.spreading.length > 0 ||
    draft.nodes.next(MARK_A) >= 0 ||
    draft.sweeps.length > 0 ||
    (head.stopping === undefined && head.roots < draft.before.roots.length)
  );
}

/** Seeds count as completed before anything starts: what starts may name any of them. */
export function hasSeeds(draft: Draft): boolean {
  return draft.head.stopping === undefined && draft.nextSeed() >= 0;
}

function settleOne(walking: Walking): boolean {
  const { draft, now } = walking;
  if (hasSeeds(draft)) {
    endSeeded(walking, draft.nextSeed());
    return true;
  }
  const [passing] = draft.head.spreading;
  if (passing) {
    const [source, from] = passing;
    const verdicts = verdictsAfter(walking, { source, from });
    const some = verdicts.length > 0 ? { verdicts } : {};
    tell(walking, { fact: 'spread', at: now, source, from, ...some });
    return true;
  }
  const due = draft.nodes.next(MARK_A);
  if (due >= 0) {
    settleNode(walking, due);
    return true;
  }
  if (draft.sweeps.length > 0) {
    sweepOn(walking);
    return true;
  }
  const root = draft.before.roots[draft.head.roots];
  if (!root || draft.head.stopping !== undefined) return false;
  tell(walking, { fact: 'ready', at: now, nodes: [root[0], root[1]] });
  return true;
}

function settleNode(walking: Walking, node: number): void {
  const { draft } = walking;
  const record = draft.record(node);
  switch (record.status) {
    case PENDING:
      settlePending(walking, node, record);
      break;
    case READY:
    case RETRYING:
      endWaiting(walking, node, record);
      break;
    case RUNNING:
      settleRunning(walking, node, record);
      break;
    case STOPPING:
      if (isOver(record)) endInstances(walking, node);
      else if (record.each) stopInstances(walking, node);
      break;
    default:
      failGroups(walking, node, record);
  }
  // It was marked in case something was due, and nothing was.
  if (draft.record(node) === record) draft.nodes.unmark(node);
}

function isOver({ each }: NodeRecord): boolean {
  return each !== undefined && endedInstances(each) === each.count;
}

function settlePending(walking: Walking, node: number, record: NodeRecord): void {
  if (record.start === NEVER) {
    const message = whyNever(walking, node, record);
    const why = message === undefined ? {} : { message };
    end(walking, node, { attempt: 0, status: 'skipped', reason: 'condition_never', ...why });
    return;
  }
  // What may not start any more is skipped by the sweep that is under way.
  if (isForbidden(walking, node)) return;
  if (record.start === ERROR) {
    const message = errorOf(walking, node, 'startWhen').slice(0, limits.messageLength);
    end(walking, node, { attempt: 0, status: 'failed', reason: 'expression_error', message });
  } else makeReady(walking, node);
}

/** One fact for the longest range of nodes that have become ready. */
function makeReady(walking: Walking, first: number): void {
  const { draft } = walking;
  let last = first;
  while (last - first < limits.factEdges && becomesReady(walking, last + 1)) last++;
  tell(walking, { fact: 'ready', at: walking.now, nodes: [first, last] });
  if (draft.record(first).status !== READY) draft.nodes.unmark(first);
}

function becomesReady(walking: Walking, node: number): boolean {
  if (node >= walking.graph.size) return false;
  const record = walking.draft.nodes.get(node);
  if (record?.status !== PENDING || record.start !== TRUE || record.prepares > 0) return false;
  return !isForbidden(walking, node);
}

function whyNever(walking: Walking, node: number, record: NodeRecord): string | undefined {
  const { graph, draft } = walking;
  const { because } = record;
  const term = decidingTerm(walking, node, record);
  if (term !== undefined) return term;
  if (because < 0 || because >= graph.run) return undefined;
  if (because >= graph.size) {
    const { pattern } = graph.hubs[because - graph.size] ?? { pattern: '' };
    const came = draft.record(because).start === TRUE;
    return came ? `event:${pattern} has happened` : `event:${pattern} can no longer happen`;
  }
  const { status } = draft.record(because);
  return `"${nodeOf(graph, because).id}" ended ${statusName(status)}`;
}

/** The term that a source decided which did all that was asked of it: what it gave was not what was wanted. */
function decidingTerm(walking: Walking, node: number, record: NodeRecord): string | undefined {
  const { graph, draft } = walking;
  const { because, slots } = record;
  if (because >= 0 && because < graph.size && draft.record(because).status !== COMPLETED) {
    return undefined;
  }
  for (let at = graph.termStart[node] ?? 0; at < (graph.termStart[node + 1] ?? 0); at++) {
    const term = graph.terms[at];
    if (term?.where !== 'startWhen') continue;
    const truth = slots?.[term.slot];
    // Another part of the same condition may be what it was asked to be.
    if (truth !== (term.negated ? TRUE : NEVER)) continue;
    const named = term.sources.includes(because) || because >= graph.run || because < 0;
    if (named) return `{{ ${term.text} }} is ${term.wholeNegated ? 'true' : 'false'}`;
  }
  return undefined;
}

/** Between two attempts, and its stop condition is decided: there is nothing to stop. */
function endWaiting(walking: Walking, node: number, record: NodeRecord): void {
  const { attempt, stop } = record;
  if (stop === TRUE) end(walking, node, { attempt, status: 'cancelled', reason: 'stop_when' });
  if (stop !== ERROR) return;
  const message = errorOf(walking, node, 'stopWhen');
  end(walking, node, { attempt, status: 'failed', reason: 'expression_error', message });
}

function settleRunning(walking: Walking, node: number, record: NodeRecord): void {
  if (isOver(record)) endInstances(walking, node);
  else if (record.stop === TRUE) stopNode(walking, node, 'stop_when');
  else if (record.stop === ERROR) {
    stopNode(walking, node, 'expression_error', errorOf(walking, node, 'stopWhen'));
  } else if (record.stop === OPEN || record.stop === NEVER) {
    const { failFast } = walking.graph.plan.groups[nodeOf(walking.graph, node).group] ?? {};
    if (failFast === true && (record.each?.failed ?? 0) > 0) {
      stopNode(walking, node, 'instance_failed');
    }
  }
}

/** A failure that nothing can handle any more makes the groups round it fail that fail fast. */
function failGroups(walking: Walking, node: number, record: NodeRecord): void {
  if (walking.draft.head.stopping !== undefined) return;
  const because = nodeOf(walking.graph, node).id;
  for (const group of walking.draft.failsGroups(node, record)) {
    tell(walking, { fact: 'group.failed', at: walking.now, group, because });
  }
}
