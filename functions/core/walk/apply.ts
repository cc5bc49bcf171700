// Turns facts into state; the only place that changes one (S1). The walk applies the facts it decides through here, and
// `fold` applies those of a log, so the log and the state cannot disagree (S2). Nothing is evaluated here.
import { assertNever } from '#errors/families.ts';
import type { Fact } from '#schemas/run.ts';
import { applyInstances, expand } from './apply-instances.ts';
import { keptKey } from './external-keys.ts';
import { later, settleTerms, spread } from './gates.ts';
import { indexOf } from './graph.ts';
import { takePlaces } from './places.ts';
import {
  FLAG_GOES_ON,
  FLAG_HANDLED,
  FLAG_RETRIED,
  FLAG_SEEDED,
  isLive,
  type NodeRecord,
} from './records.ts';
import { type Draft, isEnd } from './state.ts';
import {
  COMPLETED,
  END_NUMBER,
  endBits,
  FAILED,
  READY,
  RETRYING,
  RUNNING,
  STOPPING,
  TIMED_OUT,
} from './words.ts';

export type FactOf<K extends Fact['fact']> = Extract<Fact, { fact: K }>;

/** Characters of a message that the state keeps; the log has all of it. */
const KEPT = 1_000;

export function apply(draft: Draft, fact: Fact): void {
  const { head } = draft;
  draft.touched++;
  if (fact.at > head.now) head.now = fact.at;
  switch (fact.fact) {
    case 'run.started':
      head.phase = 'running';
      head.deadline = fact.deadline ?? 0;
      later(draft, draft.graph.run);
      settleTerms(draft, fact.verdicts);
      break;
    case 'spread':
      applySpread(draft, fact);
      break;
    case 'expanded':
      expand(draft, indexOf(draft.graph, fact.node), fact.count);
      break;
    case 'ready':
      applyReady(draft, fact);
      break;
    case 'started':
      applyStarted(draft, fact);
      break;
    case 'retrying':
      applyRetrying(draft, fact);
      break;
    case 'stopping':
      applyStopping(draft, fact);
      break;
    case 'ended':
      applyEnded(draft, fact);
      break;
    case 'external':
      applyExternal(draft, fact);
      break;
    case 'group.failed':
      applyGroupFailed(draft, fact);
      break;
    case 'run.paused':
      head.phase = 'paused';
      break;
    case 'run.resumed':
      head.phase = 'running';
      break;
    case 'run.stopping':
      applyRunStopping(draft, fact);
      break;
    case 'run.ended':
      head.phase = 'ended';
      head.end = fact.status;
      head.reason = fact.reason;
      head.message = fact.message;
      break;
    default:
      assertNever(fact, 'fact');
  }
}

function applySpread(draft: Draft, fact: FactOf<'spread'>): void {
  draft.head.spreading = draft.head.spreading.slice(1);
  spread(draft, fact.source, fact.from);
  settleTerms(draft, fact.verdicts);
}

function applyReady(draft: Draft, fact: FactOf<'ready'>): void {
  const [first, last] = fact.nodes;
  const { head, before, graph } = draft;
  if (fact.instances) {
    applyInstances(draft, first, fact);
    return;
  }
  const root = before.roots[head.roots];
  if (root && root[0] === first && root[1] === last) {
    head.roots++;
    for (let node = first; node <= last; node++) {
      // One that has a record already was skipped with its group.
      if (!draft.nodes.get(node)) draft.ready.set(graph.groups.rankOf[node] ?? 0, true);
    }
    return;
  }
  for (let node = first; node <= last; node++) {
    draft.put(node, { ...draft.record(node), status: READY, deadline: 0 });
  }
}

function applyStarted(draft: Draft, fact: FactOf<'started'>): void {
  const node = indexOf(draft.graph, fact.node);
  if (fact.instances) {
    applyInstances(draft, node, fact);
    return;
  }
  const record = draft.record(node);
  const each = record.each;
  if (!each) takePlaces(draft, node, 1);
  draft.put(node, {
    ...record,
    status: RUNNING,
    attempt: fact.attempt,
    deadline: fact.deadline ?? 0,
    reason: undefined,
    message: undefined,
  });
  startGroups(draft, node, fact.at);
  if (fact.attempt === 1) raise(draft, draft.graph.starting.get(node));
}

function raise(draft: Draft, source: number | undefined): void {
  if (source !== undefined) later(draft, source);
}

/** The time of a group runs from its first start. */
function startGroups(draft: Draft, node: number, at: number): void {
  const { plan, groups } = draft.graph;
  for (const group of groups.timed[plan.nodes[node]?.group ?? 0] ?? []) {
    if (draft.head.groupDeadlines.some(([known]) => known === group)) continue;
    const deadline = at + (plan.groups[group]?.timeout ?? 0);
    draft.head.groupDeadlines = [...draft.head.groupDeadlines, [group, deadline]];
  }
}

function applyRetrying(draft: Draft, fact: FactOf<'retrying'>): void {
  const node = indexOf(draft.graph, fact.node);
  if (fact.instance !== undefined) {
    applyInstances(draft, node, fact);
    return;
  }
  const record = draft.record(node);
  takePlaces(draft, node, -1);
  draft.put(node, {
    ...record,
    status: RETRYING,
    deadline: fact.next,
    flags: record.flags | FLAG_RETRIED,
    interruptions: record.interruptions + (fact.result === 'interrupted' ? 1 : 0),
    reason: fact.reason,
    message: fact.message?.slice(0, KEPT),
  });
  if ((record.flags & FLAG_RETRIED) === 0) raise(draft, draft.graph.retrying.get(node));
}

function applyStopping(draft: Draft, fact: FactOf<'stopping'>): void {
  const node = indexOf(draft.graph, fact.node);
  if (fact.instances) {
    applyInstances(draft, node, fact);
    return;
  }
  const record = draft.record(node);
  draft.put(node, {
    ...record,
    status: STOPPING,
    deadline: record.each ? record.deadline : fact.deadline,
    reason: fact.reason,
    message: fact.message?.slice(0, KEPT),
  });
}

function applyEnded(draft: Draft, fact: FactOf<'ended'>): void {
  const node = indexOf(draft.graph, fact.node);
  if (fact.instances) {
    applyInstances(draft, node, fact);
    return;
  }
  const { head, graph } = draft;
  const before = draft.record(node);
  if (!before.each && isLive(before.status)) takePlaces(draft, node, -1);
  const visible = graph.visible[node] === 1;
  if (visible) head.unfinished--;
  else head.hidden--;
  if (visible && fact.reason === 'cancelled') head.cancelled++;
  draft.ready.set(graph.groups.rankOf[node] ?? 0, false);
  const record = endedRecord(before, fact);
  draft.put(node, visible ? weighFailure(draft, node, record) : record);
  if (visible) tellHandled(draft, node, record.status === COMPLETED);
  spread(draft, node, 0);
  settleTerms(draft, fact.verdicts);
}

function endedFlags({ flags }: NodeRecord, { seeded, goesOn }: FactOf<'ended'>): number {
  const taken = seeded === undefined ? 0 : FLAG_SEEDED;
  return (flags & FLAG_RETRIED) | taken | (goesOn === true ? FLAG_GOES_ON : 0);
}

function endedRecord(before: NodeRecord, fact: FactOf<'ended'>): NodeRecord {
  return {
    ...before,
    status: END_NUMBER[fact.status],
    attempt: fact.attempt,
    deadline: 0,
    start: 0,
    stop: 0,
    because: -1,
    slots: undefined,
    errors: undefined,
    prepares: 0,
    interruptions: 0,
    flags: endedFlags(before, fact),
    reason: fact.reason,
    message: fact.message?.slice(0, KEPT),
    exitCode: fact.exitCode,
  };
}

/** Events of this end that a handler may name. */
function failureMask(record: NodeRecord): number {
  if (record.status !== FAILED && record.status !== TIMED_OUT) return 0;
  return endBits(record.status, record.reason === 'rejected');
}

/** Counts a failure, unless a handler of it completed already, and the handlers that still may. */
function weighFailure(draft: Draft, node: number, record: NodeRecord): NodeRecord {
  const mask = failureMask(record);
  if (mask === 0) return record;
  let handlers = 0;
  for (const handler of draft.graph.handlersOf.get(node) ?? []) {
    if ((handler.mask & mask) === 0) continue;
    const { status } = draft.record(handler.node);
    if (status === COMPLETED) return { ...record, flags: record.flags | FLAG_HANDLED };
    if (!isEnd(status)) handlers++;
  }
  draft.head.unhandled++;
  return { ...record, handlers };
}

/** A handler ended: what it handles is handled, or has one handler less that may come. */
function tellHandled(draft: Draft, handler: number, completed: boolean): void {
  for (const { node, mask } of draft.graph.handledBy.get(handler) ?? []) {
    const record = draft.record(node);
    if ((failureMask(record) & mask) === 0 || (record.flags & FLAG_HANDLED) !== 0) continue;
    if (completed) {
      draft.head.unhandled--;
      draft.put(node, { ...record, flags: record.flags | FLAG_HANDLED, handlers: 0 });
    } else draft.put(node, { ...record, handlers: record.handlers - 1 });
  }
}

function applyExternal(draft: Draft, fact: FactOf<'external'>): void {
  const { head, graph } = draft;
  if (fact.key !== undefined) head.keys = [...head.keys, keptKey(fact.key)];
  if (Object.hasOwn(head.externals, fact.name)) return;
  const happened = Object.keys(head.externals);
  let named = false;
  for (const { source, matches } of graph.externals) {
    if (!matches(fact.name)) continue;
    if (happened.some(matches)) continue;
    named = true;
    later(draft, source);
  }
  const payload = graph.payloads.get(fact.name);
  if (payload !== undefined) later(draft, payload);
  const kept = graph.payloadNames.has(fact.name);
  if (named || kept) {
    const value = kept ? (fact.payload ?? null) : null;
    head.externals = { ...head.externals, [fact.name]: value };
  }
  settleTerms(draft, fact.verdicts);
}

function applyGroupFailed(draft: Draft, fact: FactOf<'group.failed'>): void {
  const { from, end } = draft.graph.groups;
  draft.head.failedGroups = [...draft.head.failedGroups, fact.group];
  draft.sweeps = [
    ...draft.sweeps,
    {
      cursor: from[fact.group] ?? 0,
      end: end[fact.group] ?? 0,
      reason: 'fail_fast',
      hidden: false,
    },
  ];
  const because = indexOf(draft.graph, fact.because);
  draft.put(because, draft.record(because));
}

function applyRunStopping(draft: Draft, fact: FactOf<'run.stopping'>): void {
  const { head } = draft;
  head.phase = 'running';
  head.stopping = fact.reason;
  head.message = fact.message;
  const all = { cursor: 0, end: draft.graph.size, reason: fact.reason, hidden: true };
  draft.sweeps = [...draft.sweeps, all];
}
