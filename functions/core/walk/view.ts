// What readers see of a state without knowing its inside.

import type { Reason } from '#schemas/reasons.ts';
import type { NodeStatus } from '#schemas/run.ts';
import { type Graph, indexOf } from './graph.ts';
import {
  FLAG_HANDLED,
  FLAG_RETRIED,
  type InstanceRecord,
  type Instances,
  type NodeRecord,
} from './records.ts';
import { freshRecord, type State } from './state.ts';
import type { StateView } from './types.ts';
import { recordAt } from './vector.ts';
import { ERROR, NEVER, PENDING, RETRYING, SKIPPED, statusName, TRUE } from './words.ts';

/** The run as a whole. */
export function view(graph: Graph, { head }: State): StateView {
  const { phase, end, unfinished, now } = head;
  const status = phase === 'ended' ? (end ?? 'completed') : phase;
  const total = graph.visibleCount;
  return { status, unfinished, total, now, ...(end === undefined ? {} : { end }) };
}

export interface AttemptView {
  readonly status: NodeStatus;
  /** The latest attempt; 0 when there was none. */
  readonly attempt: number;
  readonly reason?: Reason;
  readonly message?: string;
  readonly exitCode?: number;
  /** When the walker acts by itself. */
  readonly deadline?: number;
  /** When the next attempt starts. */
  readonly next?: number;
}

export interface NodeView extends AttemptView {
  /** The event `retrying` has happened. */
  readonly retried: boolean;
  /** It failed, and a node that handles this has completed. */
  readonly handled: boolean;
  /** Which run it was taken over from. */
  readonly seeded?: string;
  /** Truths of its conditions, as far as they are decided. */
  readonly start: 'not_yet' | 'true' | 'never' | 'error';
  readonly stop: 'not_yet' | 'true' | 'never' | 'error';
  /** Prepare nodes it still waits for. */
  readonly prepares: number;
  /** Of a forEach node that was given its instances. */
  readonly count?: number;
  readonly counts?: Readonly<Record<'running' | 'completed' | 'failed' | 'waiting', number>>;
  instance(index: number): AttemptView;
}

/** One node, or one instance of it. Answers for every node of the plan, whether it was touched yet or not. */
export function nodeView(graph: Graph, state: State, id: string, instance?: number): NodeView {
  const index = indexOf(graph, id);
  const record = recordAt(state.nodes, index) ?? freshRecord(graph, index);
  const whole = wholeView(state, index, record);
  if (instance === undefined) return whole;
  const { start, stop, prepares, instance: other } = whole;
  return {
    ...other(instance),
    retried: false,
    handled: false,
    start,
    stop,
    prepares,
    instance: other,
  };
}

/** The latest attempt of a node or an instance; 0 when there was none. For those who ask of many. */
export function attemptAt(graph: Graph, state: State, id: string, instance?: number): number {
  const record = recordAt(state.nodes, indexOf(graph, id));
  if (instance === undefined) return record?.attempt ?? 0;
  return (record?.each && recordAt(record.each.records, instance)?.attempt) ?? 0;
}

function wholeView(state: State, index: number, record: NodeRecord): NodeView {
  const { each } = record;
  const seeded = state.seeded.runs[(state.seeded.from[index] ?? 0) - 1];
  return {
    ...attemptView(record),
    status: statusOf(state, index, record),
    retried: (record.flags & FLAG_RETRIED) !== 0,
    handled: (record.flags & FLAG_HANDLED) !== 0,
    ...(seeded === undefined ? {} : { seeded }),
    start: truthName(record.start),
    stop: truthName(record.stop),
    prepares: record.prepares,
    ...(each ? { count: each.count, counts: countsOf(each) } : {}),
    instance: (at) => instanceView(record, at),
  };
}

function attemptView(record: NodeRecord | InstanceRecord): AttemptView {
  const { status, attempt, reason, message, exitCode, deadline } = record;
  return {
    status: statusName(status),
    attempt,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(deadline > 0 && status !== RETRYING ? { deadline } : {}),
    ...(status === RETRYING ? { next: deadline } : {}),
  };
}

/** A node that nothing holds back has no record before it starts: it is ready once its range was. */
function statusOf(state: State, index: number, record: NodeRecord): NodeStatus {
  if (record.status !== PENDING) return statusName(record.status);
  const last = state.roots[state.head.roots - 1];
  if (!last || index > last[1]) return 'pending';
  return inRanges(state.roots, index) ? 'ready' : 'pending';
}

function inRanges(ranges: State['roots'], index: number): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last] = ranges[middle] ?? [0, 0];
    if (index < first) high = middle - 1;
    else if (index > last) low = middle + 1;
    else return true;
  }
  return false;
}

function instanceView(record: NodeRecord, index: number): AttemptView {
  const { each } = record;
  const known = each && recordAt(each.records, index);
  if (known) return attemptView(known);
  if (each && index >= each.cut) return { status: statusName(SKIPPED), attempt: 0 };
  return { status: 'pending', attempt: 0 };
}

function countsOf(each: Instances) {
  return {
    running: each.running + each.stopping,
    completed: each.completed,
    failed: each.failed,
    waiting: each.cut - each.next + each.ready + each.retrying,
  };
}

function truthName(truth: number): NodeView['start'] {
  if (truth === TRUE) return 'true';
  if (truth === NEVER) return 'never';
  return truth === ERROR ? 'error' : 'not_yet';
}
