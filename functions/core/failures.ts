// How the work of a node fails before or after its program: with a reason, and a message for people.
import { MillraceError, Rejected } from '#errors/families.ts';
import type { Reason } from '#schemas/reasons.ts';

/** Ends the step or the call it is thrown in; never leaves the attempt. */
export class StepFailure extends MillraceError {
  override readonly name = 'StepFailure';
  override readonly family = 'rejected' as const;
  readonly reason: Reason;
  constructor(reason: Reason, message: string) {
    super('invalid', message);
    this.reason = reason;
  }
}

/** What was handed in as outputs is none. */
export class MalformedOutputs extends Rejected {
  override readonly name = 'MalformedOutputs';
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('malformed_outputs', message, details);
  }
}

export class OutputsTooLarge extends Rejected {
  override readonly name = 'OutputsTooLarge';
  constructor(message: string) {
    super('too_large', message);
  }
}

/** Bytes for people. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let rest = value;
  let unit = 0;
  // What would be rounded to 1024 is one of the next unit.
  while (Math.round(Math.abs(rest)) >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${Number(rest.toFixed(rest < 10 ? 1 : 0))} ${units[unit]}`;
}
