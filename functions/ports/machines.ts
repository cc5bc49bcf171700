// Where work is handed over to be done elsewhere: what the submitter needs of Batch, and of functions that nodes name.
import type { FunctionCall } from '#schemas/function-call.ts';
import type { Submission } from '#schemas/submission.ts';

/** One job, or an array of them. */
export interface JobOrder {
  readonly submission: Submission;
  /** By which the job shows what it works for. */
  readonly token: string;
}

export interface Machines {
  /**
   * Submits it, as fast as the account's share allows. Answers the job's id. Rejects with Rejected what no machine will ever take,
   * with Transient what may be taken later.
   */
  submit(order: JobOrder): Promise<string>;
  /** Whether a job of that submission waits or runs already. */
  knows(submission: Submission): Promise<boolean>;
}

export interface NodeFunctions {
  /** Begins a call whose end is told elsewhere. Rejects with Rejected when there is no such function, or it cannot be called so. */
  call(name: string, call: FunctionCall): Promise<void>;
}
