import type { RunStatus } from '#schemas/run.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

export function hasEnded(status: RunStatus): boolean {
  return exitCodeOf(status) !== EXIT.parked;
}

/** What a run that is watched comes to. One that has not ended is parked: it goes on another time. */
export function exitCodeOf(status: RunStatus): ExitCode {
  switch (status) {
    case 'completed':
      return EXIT.done;
    case 'failed':
    case 'timed_out':
    case 'cancelled':
      return EXIT.failed;
    case 'pending':
    case 'running':
    case 'paused':
    case 'halted':
      return EXIT.parked;
  }
}
