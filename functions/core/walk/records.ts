// What the state keeps of each node, hub and instance.
import type { Reason } from '#schemas/reasons.ts';
import type { Vector } from './vector.ts';
import { OPEN, PENDING, READY, RETRYING, RUNNING, STOPPING } from './words.ts';

/** Counters of a forEach node's instances, and the instances themselves. */
export interface Instances {
  readonly count: number;
  /** The first that never started. */
  readonly next: number;
  /** From here on they were skipped without ever starting; `count` when none was. */
  readonly cut: number;
  readonly running: number;
  readonly stopping: number;
  /** Between two attempts; and those whose time has come and that wait for a place. */
  readonly retrying: number;
  readonly ready: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** The first that failed, or -1. */
  readonly first: number;
  /** The highest attempt. */
  readonly top: number;
  readonly records: Vector<InstanceRecord>;
}

export interface InstanceRecord {
  readonly status: number;
  readonly attempt: number;
  readonly deadline: number;
  readonly interruptions: number;
  readonly reason: Reason | undefined;
  readonly message: string | undefined;
  readonly exitCode: number | undefined;
}

/** The node took over its result from an earlier run. */
export const FLAG_SEEDED = 1;
/** The event `retrying` has happened. */
export const FLAG_RETRIED = 2;
/** A handler of its failure completed. */
export const FLAG_HANDLED = 4;
/** A prepare node that it needs did not complete. */
export const FLAG_UNPREPARED = 8;
/** Its failure makes no group fail fast, as its attempt told. */
export const FLAG_GOES_ON = 16;

/** Of a node; of a hub only `start` and `slots` mean something. */
export interface NodeRecord {
  readonly status: number;
  /** The latest attempt; 0 when there was none. */
  readonly attempt: number;
  /** When the walker must act: backstop of a running one, next attempt of a retrying one. 0 for never. */
  readonly deadline: number;
  /** Truths of the start and stop condition. */
  readonly start: number;
  readonly stop: number;
  /** The source that made the start condition never; -1 when none did. */
  readonly because: number;
  /** Counters of gates and verdicts of terms; undefined as long as they are as at the beginning, and after the end. */
  readonly slots: readonly number[] | undefined;
  /** Prepare nodes that have not ended. */
  readonly prepares: number;
  /** Of a failed node: handlers that may still complete. */
  readonly handlers: number;
  readonly interruptions: number;
  readonly flags: number;
  readonly reason: Reason | undefined;
  readonly message: string | undefined;
  readonly exitCode: number | undefined;
  /** Messages of terms that came to an error. */
  readonly errors: readonly (readonly [term: number, message: string])[] | undefined;
  readonly each: Instances | undefined;
}

export const FRESH: NodeRecord = {
  status: PENDING,
  attempt: 0,
  deadline: 0,
  start: OPEN,
  stop: OPEN,
  because: -1,
  slots: undefined,
  prepares: 0,
  handlers: 0,
  interruptions: 0,
  flags: 0,
  reason: undefined,
  message: undefined,
  exitCode: undefined,
  errors: undefined,
  each: undefined,
};

export const FRESH_INSTANCE: InstanceRecord = {
  status: PENDING,
  attempt: 0,
  deadline: 0,
  interruptions: 0,
  reason: undefined,
  message: undefined,
  exitCode: undefined,
};

/** Whether an attempt is under way: it holds a place until it ends. */
export function isLive(status: number): boolean {
  return status === RUNNING || status === STOPPING;
}

/** Whether stopping the node means something for this instance. */
export function isActive(status: number): boolean {
  return status === RUNNING || status === RETRYING || status === READY;
}

export function endedInstances(each: Instances): number {
  return each.completed + each.failed + each.cancelled + (each.count - each.cut);
}
