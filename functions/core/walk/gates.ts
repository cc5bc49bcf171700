// Follows edges from what happened to the gates that wait for it. A leaf and a gate change at most once (W5), so a run
// costs the number of edges. One fact follows a bounded number of edges; the rest wait in `head.spreading` (W8).
import { limits } from '#schemas/limits.ts';
import type { Verdict } from '#schemas/run.ts';
import { endEvents } from './approvals.ts';
import { ROOT_START, ROOT_STOP, TO_GATE, TO_NODE, TO_PREPARED } from './conditions.ts';
import { type Graph, indexOf } from './graph.ts';
import { FLAG_RETRIED, FLAG_SEEDED, FLAG_UNPREPARED, type NodeRecord } from './records.ts';
import { type Draft, isEnd } from './state.ts';
import {
  COMPLETED,
  ERROR,
  EVENT_RETRYING,
  EVENT_STARTED,
  flipped,
  NEVER,
  OPEN,
  PENDING,
  TRUE,
  TRUTH_NUMBER,
} from './words.ts';

/** Edges that one fact follows. */
export const SPREAD = limits.factEdges;

/** Follows the edges of a source from `from` on, and puts what is left of them, or of hubs that fire, into the queue. */
export function spread(draft: Draft, source: number, from: number): void {
  const { edges, size } = draft.graph;
  const first = (edges.start[source] ?? 0) + from;
  const end = edges.start[source + 1] ?? 0;
  const last = Math.min(end, first + SPREAD);
  const raised = source < size ? raisedBy(draft.graph, source, draft.record(source)) : undefined;
  const truth = source >= size && source < draft.graph.run ? draft.record(source).start : TRUE;
  for (let edge = first; edge < last; edge++) {
    const info = edges.info[edge] ?? 0;
    follow(draft, { source, target: edges.target[edge] ?? 0, info }, raised ?? truth);
  }
  if (last < end) later(draft, source, from + SPREAD);
}

interface Edge {
  readonly source: number;
  readonly target: number;
  readonly info: number;
}

/** `what`: the events of a node that ended, or the truth that a source has by now. */
function follow(draft: Draft, edge: Edge, what: Raised | number): void {
  const { source, target, info } = edge;
  const kind = info >> 11;
  if (kind === TO_GATE) {
    const truth = typeof what === 'number' ? what : leafTruth(what, info);
    if (truth !== OPEN) fire(draft, target, { truth: signed(truth, info), source });
  } else if (kind === TO_PREPARED) prepared(draft, target, source);
  else if (kind === TO_NODE) touch(draft, target);
}

/** Puts a source into the queue if it has edges. */
export function later(draft: Draft, source: number, from = 0): void {
  const { start } = draft.graph.edges;
  if ((start[source] ?? 0) + from >= (start[source + 1] ?? 0)) return;
  draft.head.spreading = [...draft.head.spreading, [source, from]];
}

/** Applies the verdicts that a fact carries. */
export function settleTerms(draft: Draft, verdicts: readonly Verdict[] | undefined): void {
  for (const { node, term, truth, message } of verdicts ?? []) {
    const owner = indexOf(draft.graph, node);
    const at = (draft.graph.termStart[owner] ?? 0) + term;
    const found = draft.graph.terms[at];
    const record = draft.record(owner);
    const slots = record.slots ?? initialSlots(draft.graph, owner);
    if (!found || isEnd(record.status) || draft.isSeed(owner) || slots[found.slot] !== 0) continue;
    const number = TRUTH_NUMBER[truth];
    const changed = slots.slice();
    changed[found.slot] = number;
    const errors =
      truth === 'error'
        ? [...(record.errors ?? []), [term, (message ?? '').slice(0, KEPT)] as const]
        : record.errors;
    draft.put(owner, { ...record, slots: changed, errors });
    const source = found.sources[0] ?? -1;
    fire(draft, found.gate, { truth: found.sign === 1 ? flipped(number) : number, source });
  }
}

/** Characters of a term's message that the state keeps until its condition is decided. */
const KEPT = 300;

/** Whether a term is still open, and somebody still wants to know. */
export function isOpenTerm(draft: Draft, at: number): boolean {
  const term = draft.graph.terms[at];
  if (!term || draft.isSeed(term.owner)) return false;
  const record = draft.nodes.get(term.owner);
  if (!record) return true;
  if (isEnd(record.status)) return false;
  const wanted = record.status === PENDING && record.start === OPEN;
  if (term.where === 'startWhen' && !wanted) return false;
  return record.slots === undefined || record.slots[term.slot] === 0;
}

interface Raised {
  /** Events that came with the end, and those that came before it. */
  readonly now: number;
  readonly before: number;
}

function raisedBy(graph: Graph, node: number, record: NodeRecord): Raised {
  const seeded = (record.flags & FLAG_SEEDED) !== 0;
  const started = record.attempt > 0 || seeded ? EVENT_STARTED : 0;
  const retried = (record.flags & FLAG_RETRIED) === 0 ? 0 : EVENT_RETRYING;
  return {
    now: endEvents(graph, node, record),
    before: started | retried,
  };
}

/** What the end of a node means for a leaf; open when the leaf has been true before. */
function leafTruth(raised: Raised, info: number): number {
  if ((info & raised.before) !== 0) return OPEN;
  return (info & raised.now) === 0 ? NEVER : TRUE;
}

function signed(truth: number, info: number): number {
  return (info & (1 << 10)) === 0 ? truth : flipped(truth);
}

function touch(draft: Draft, node: number): void {
  if (!draft.isSeed(node)) draft.put(node, draft.record(node));
}

function prepared(draft: Draft, node: number, prepare: number): void {
  const record = draft.record(node);
  if (isEnd(record.status) || draft.isSeed(node)) return;
  const done = draft.record(prepare).status === COMPLETED;
  const flags = done ? record.flags : record.flags | FLAG_UNPREPARED;
  draft.put(node, { ...record, prepares: record.prepares - 1, flags });
}

interface Signal {
  readonly truth: number;
  readonly source: number;
}

/** Gives a gate one of its inputs, and its decision to the gate above it, up to the condition as a whole. */
function fire(draft: Draft, first: number, signal: Signal): void {
  const { gates } = draft.graph;
  const owner = gates.owner[first] ?? 0;
  const record = draft.record(owner);
  if (isEnd(record.status) || (owner < draft.graph.size && draft.isSeed(owner))) return;
  const slots = (record.slots ?? initialSlots(draft.graph, owner)).slice();
  let gate = first;
  let truth = signal.truth;
  for (;;) {
    const slot = gates.slot[gate] ?? 0;
    const counted = slots[slot] ?? 0;
    if (counted < 0) return;
    const decided = count(counted, truth);
    // A decision is kept as its negative, a counter as it is.
    slots[slot] = -decided;
    if (decided < 0) {
      draft.put(owner, { ...record, slots });
      return;
    }
    const sign = gates.parentSign[gate] ?? 0;
    truth = sign === 1 ? flipped(decided) : decided;
    const parent = gates.parent[gate] ?? ROOT_START;
    if (parent < 0) {
      decide(draft, owner, { ...record, slots }, { root: parent, truth, source: signal.source });
      return;
    }
    gate = parent;
  }
}

/** An AND with one more input: its decision when positive, else minus its counter. */
function count(counted: number, truth: number): number {
  if (truth === NEVER) return NEVER;
  const left = counted - 2;
  if (left > 1) return -(truth === ERROR ? left | 1 : left);
  return truth === ERROR || left === 1 ? ERROR : TRUE;
}

function decide(
  draft: Draft,
  owner: number,
  record: NodeRecord,
  what: { readonly root: number; readonly truth: number; readonly source: number },
): void {
  if (what.root === ROOT_STOP) {
    draft.put(owner, { ...record, stop: what.truth });
    return;
  }
  const because = what.truth === NEVER ? what.source : -1;
  draft.put(owner, { ...record, start: what.truth, because });
  if (what.root !== ROOT_START) later(draft, owner);
}

export function initialSlots(graph: Graph, owner: number): readonly number[] {
  const { start, initial } = graph.slots;
  return Array.from(initial.subarray(start[owner] ?? 0, start[owner + 1] ?? 0));
}
