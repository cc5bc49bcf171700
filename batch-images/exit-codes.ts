// How a container ends. What came of the work is in its report; these say what came of the job.

export const exitCodes = {
  /** The attempt was reported, whatever it came to, or it was not this job's to do. */
  done: 0,
  /** A defect, or settings that cannot be read. */
  defect: 70,
  /** Those it works for could not be reached, or refused it; the attempt is found out to be gone. */
  unreachable: 75,
} as const;
