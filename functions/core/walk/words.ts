// The numbers the walk works with in place of words: statuses, truths and events, and what they are called outside.
import type { EndStatus, NodeStatus } from '#schemas/run.ts';

/** Statuses of a node or an instance, in the order of their numbers. Everything from `COMPLETED` on is an end. */
export const PENDING = 0;
export const READY = 1;
export const RUNNING = 2;
export const STOPPING = 3;
export const RETRYING = 4;
export const COMPLETED = 5;
export const FAILED = 6;
export const TIMED_OUT = 7;
export const CANCELLED = 8;
export const SKIPPED = 9;

const STATUSES: readonly NodeStatus[] = [
  'pending',
  'ready',
  'running',
  'stopping',
  'retrying',
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
];

export function statusName(status: number): NodeStatus {
  return STATUSES[status] ?? 'pending';
}

export const END_NUMBER: Readonly<Record<EndStatus, number>> = {
  completed: COMPLETED,
  failed: FAILED,
  timed_out: TIMED_OUT,
  cancelled: CANCELLED,
  skipped: SKIPPED,
};

/** Truths of gates, leaves and terms. */
export const OPEN = 0;
export const TRUE = 1;
export const NEVER = 2;
export const ERROR = 3;

export const TRUTH_NUMBER = { true: TRUE, never: NEVER, error: ERROR } as const;

/** The truth of `!x`. */
export function flipped(truth: number): number {
  if (truth === TRUE) return NEVER;
  return truth === NEVER ? TRUE : truth;
}

/** Events of a node, as bits. */
export const EVENT_BITS: { readonly [event: string]: number } = {
  completed: 1,
  failed: 2,
  timed_out: 4,
  cancelled: 8,
  skipped: 16,
  ended: 32,
  started: 64,
  retrying: 128,
  approved: 256,
  rejected: 512,
};
export const EVENT_COMPLETED = 1;
export const EVENT_FAILED = 2;
export const EVENT_TIMED_OUT = 4;
export const EVENT_ENDED = 32;
export const EVENT_STARTED = 64;
export const EVENT_RETRYING = 128;
export const EVENT_APPROVED = 256;
export const EVENT_REJECTED = 512;

const END_BITS: { readonly [status: number]: number } = {
  [COMPLETED]: 1,
  [FAILED]: 2,
  [TIMED_OUT]: 4,
  [CANCELLED]: 8,
  [SKIPPED]: 16,
};

/** The events that come with this end. */
export function endBits(status: number, rejected: boolean): number {
  return (END_BITS[status] ?? 0) | EVENT_ENDED | (rejected ? EVENT_REJECTED : 0);
}
