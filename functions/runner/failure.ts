// How an attempt or a step fails on the way, apart from what a program does: with a reason and a message for people.
import { MalformedOutputs, OutputsTooLarge, StepFailure } from '#core/failures.ts';
import { MillraceError } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Reason } from '#schemas/reasons.ts';

/** What any error of the way comes to. */
export function reasonOf(error: unknown): { reason: Reason; message: string } {
  if (error instanceof StepFailure) return { reason: error.reason, message: error.message };
  if (error instanceof MalformedOutputs)
    return { reason: 'malformed_outputs', message: error.message };
  if (error instanceof OutputsTooLarge)
    return { reason: 'outputs_too_large', message: error.message };
  if (error instanceof MillraceError && error.code === 'environment_failed')
    return { reason: 'environment_failed', message: error.message };
  return {
    reason: 'start_failed',
    message: error instanceof Error ? error.message : String(error),
  };
}

/** A message within its bound: the beginning is what matters. */
export function bounded(message: string): string {
  if (message.length <= limits.messageLength) return message;
  return `${message.slice(0, limits.messageLength - 1)}…`;
}
