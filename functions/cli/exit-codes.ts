// What the process says when it ends.

export const EXIT = {
  /** The run completed, or the command did what was asked. */
  done: 0,
  /** The run failed, timed out or was cancelled. */
  failed: 1,
  /** Rejected, or used wrongly: somebody has to change what was asked. */
  rejected: 2,
  /** Ours. */
  defect: 3,
  /** The run is parked and goes on with `millrace resume`. */
  parked: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
