// Whether a failed attempt is followed by another, and when.
import { limits } from '#schemas/limits.ts';
import type { PlanNode } from '#schemas/plan.ts';
import type { AttemptResult } from '#schemas/run.ts';

export type Failure = Extract<AttemptResult, { result: 'failed' | 'timed_out' | 'interrupted' }>;

export interface Tries {
  /** The attempt that ended. */
  readonly attempt: number;
  /** Those before it that were interrupted. */
  readonly interruptions: number;
}

/** Failures that would come again however often one tries. */
const FINAL: readonly string[] = ['expression_error', 'secret_missing', 'rejected', 'cancelled'];

/**
 * Whether another attempt follows. Interrupted attempts are counted by themselves, up to `limits.interruptions`, also
 * without `retry`, and not against `maxAttempts`; a `retry.on` without `interrupted` turns that off.
 */
export function isRetried(node: PlanNode, failure: Failure, tries: Tries): boolean {
  const { retry } = node;
  if (failure.result === 'interrupted') {
    if (retry && !retry.on.includes('interrupted')) return false;
    return tries.interruptions < limits.interruptions;
  }
  if (!retry || tries.attempt - tries.interruptions >= retry.maxAttempts) return false;
  return retry.on.some((each) => matches(each, failure));
}

function matches(each: string, failure: Failure): boolean {
  if (failure.result === 'timed_out') return each === 'timed_out';
  if (failure.result !== 'failed' || FINAL.includes(failure.reason)) return false;
  if (failure.reason === 'out_of_memory') return each === 'out_of_memory';
  if (each === 'failed') return true;
  const codes = /^exit:(\d+)(?:-(\d+))?$/.exec(each);
  if (!codes || failure.exitCode === undefined) return false;
  const low = Number(codes[1]);
  return failure.exitCode >= low && failure.exitCode <= Number(codes[2] ?? low);
}

/**
 * Milliseconds to the next attempt: exponential with full jitter, or fixed. `id` is the command's; the jitter is a hash of
 * it, so that the same walk gives the same delay. An interruption of a node without `retry` is made good at once.
 */
export function retryDelay(node: PlanNode, failure: Failure, attempt: number, id: string): number {
  const { retry } = node;
  if (!retry) return failure.result === 'interrupted' ? 0 : limits.retryDelay;
  if (retry.backoff === 'fixed') return Math.min(retry.delay, retry.maxDelay);
  // 2 ** 40 milliseconds are more than any delay may be.
  const grown = retry.delay * 2 ** Math.min(attempt - 1, 40);
  const delay = Math.round(Math.min(grown, retry.maxDelay) * fraction(id));
  return Math.max(delay, retry.least ?? 0);
}

/** A number from 0 to below 1 that depends on the text alone (FNV-1a, its bits mixed at the end). */
export function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
