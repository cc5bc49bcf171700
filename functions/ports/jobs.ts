// Where the work of nodes is done: the runner process here, Batch and Lambda on AWS.
import type { AttemptReport, Lacking } from '#schemas/run.ts';
import type { AttemptName, WorkOrder } from '#schemas/work-order.ts';

export interface StopOrder {
  readonly name: AttemptName;
  /** Milliseconds between TERM and KILL. */
  readonly grace: number;
  readonly message: string;
}

/** Every call may be repeated. What comes of the work is told to the AttemptDesk. */
export interface Jobs {
  /**
   * Kinds of work that are done inside this very process. Nothing is offered or claimed for them: an attempt of such a node that
   * this process does not know, and that has no item, is gone with the process that had it.
   */
  readonly direct: ReadonlySet<WorkOrder['work']['kind']>;
  /**
   * Milliseconds that work of this kind may wait, after it was started, for a machine to begin it. Absent: it begins at once, or whoever
   * has it tells of the time.
   */
  readonly waits?: (kind: WorkOrder['work']['kind']) => number;
  /**
   * Submits the work; returns when it will not be forgotten by a restart of this process alone, or rejects with Transient.
   *
   * @param how.again it may have been submitted before, and be on its way still, where `adopt` does not see it
   */
  start(orders: readonly WorkOrder[], how?: { readonly again: boolean }): Promise<void>;
  /** Asks for the end of what runs under these names. Unknown ones are ignored. */
  stop(stops: readonly StopOrder[]): Promise<void>;
  /** Whether nothing new may begin of what was started for a run. Where this is not there, what was started begins. */
  pause?(run: JobRun, paused: boolean): Promise<void>;
  /** Which of these are known (waiting or running), so that only absent ones are submitted again. */
  adopt(names: readonly AttemptName[]): Promise<readonly AttemptName[]>;
}

/** What work inside this process says, for which nothing was offered or claimed. */
export interface DirectDesk {
  /** Durable when it returns, or known to count for nothing: first writer wins. */
  done(name: AttemptName, report: AttemptReport): Promise<void>;
  /** These wait for something that this process lacks, and must outlive it: from now on they are offered. Answers those that are. */
  offer(names: readonly AttemptName[]): Promise<readonly AttemptName[]>;
}

/** A run, as jobs are told of it. */
export interface JobRun {
  readonly namespace: string;
  readonly run: string;
}

/** What a runner says while it works; answered by the service. Calls come in batches and may come twice. */
export interface AttemptDesk {
  /** `offered → claimed (job)`, or claimed by this job already. Answers those that may run. */
  claim(job: string, names: readonly AttemptName[]): Promise<readonly AttemptName[]>;
  /** Durable when it returns. First writer wins; a job that does not hold the claim is ignored. */
  report(
    job: string,
    reports: readonly { name: AttemptName; report: AttemptReport }[],
  ): Promise<void>;
  notice(notice: {
    name: AttemptName;
    at: number;
    state: 'queued' | 'running';
    reason?: string;
    /** What there is too little of, where it waits for room. */
    lacks?: readonly Lacking[];
    message?: string;
    progress?: number;
  }): void;
  /**
   * A runner is gone and what it left behind was ended: attempts it had claimed and never reported are `interrupted`, what was offered to it
   * is offered again.
   */
  lost(job: string): Promise<void>;
  /** Values of the secrets that this attempt's node names. */
  secrets(
    name: AttemptName,
    names: readonly string[],
  ): Promise<{ values: Record<string, string>; missing: readonly string[] }>;
}
