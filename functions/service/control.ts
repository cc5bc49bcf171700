// Everything one can do with runs, in one interface: the engine implements it in its own process, the client over the engine's socket.
import type { Problem } from '#schemas/problems.ts';
import type { EventLine, NodeExplanation, RunReport, RunSummary } from '#schemas/report.ts';
import type { RunStart, RunStatus } from '#schemas/run.ts';
import type { LogLine } from '#schemas/runner-protocol.ts';
import type { Json } from '#schemas/values.ts';

/** A pipeline that was compiled and whose inputs, tags and folders were resolved: ready to become a run. */
export interface RunRequest {
  /** The plan's JSON; its digest is checked. */
  readonly plan: Json;
  /** Plans of the pipelines that its nodes run, and of those that these run. */
  readonly plans?: readonly Json[];
  readonly inputs: { readonly [name: string]: Json };
  readonly sources: RunStart['sources'];
  readonly with?: { readonly [operator: string]: string };
  readonly folder?: string;
  readonly file?: string;
  readonly allowEnv?: readonly string[];
  readonly offline?: boolean;
  /** Nothing is taken over from earlier runs, although nodes are cached. */
  readonly anew?: true;
  readonly timeout?: number;
  /** The id it shall have, chosen by whoever asks: asked twice because an answer was lost, it is still one run. */
  readonly run?: string;
}

/** A place in a run's stream of events; give it back to go on behind it. Empty for the beginning. */
export type Cursor = string;

export interface EventPage {
  readonly events: readonly EventLine[];
  readonly cursor: Cursor;
  /** The run has ended and nothing follows. */
  readonly last: boolean;
}

/** Lines of several attempts, each with where it belongs. */
export type LogEntry = LogLine & { readonly node: string; readonly attempt: number };
export interface LogPage {
  readonly lines: readonly LogEntry[];
  readonly cursor: Cursor;
  readonly last: boolean;
}

export interface Variables {
  readonly 'pipeline.input': { readonly [name: string]: Json };
  readonly system: { readonly [name: string]: Json };
  /** Outputs of completed nodes. */
  readonly nodes: { readonly [node: string]: { readonly [name: string]: Json } };
}

/**
 * RUN is a run id, a unique prefix of one (at least four characters), or `latest`. Unknown: NotFound; ambiguous: Rejected `ambiguous`.
 * Commands are answered only when they are durable.
 */
export interface Control {
  start(request: RunRequest): Promise<{ run: string }>;
  /** Newest first. */
  runs(query?: {
    limit?: number;
    pipeline?: string;
    status?: RunStatus;
    /** Sub-runs as well. */
    all?: boolean;
  }): Promise<readonly RunSummary[]>;
  find(run: string): Promise<string>;
  report(run: string): Promise<RunReport>;
  /**
   * With `wait` (milliseconds, at most 30,000) it answers as soon as there is something, else when that is over, or when `signal`
   * says that nobody wants to know any more.
   */
  /** With `children` those of all runs below it as well, in the order of their times. */
  events(
    run: string,
    options?: {
      after?: Cursor;
      limit?: number;
      children?: boolean;
      wait?: number;
      signal?: AbortSignal;
    },
  ): Promise<EventPage>;
  logs(
    run: string,
    options?: {
      node?: string;
      after?: Cursor;
      limit?: number;
      wait?: number;
      signal?: AbortSignal;
    },
  ): Promise<LogPage>;
  variables(run: string): Promise<Variables>;
  explain(run: string, node: string): Promise<NodeExplanation>;
  pause(run: string): Promise<void>;
  /** Goes on with a paused or halted run; `resume` of one that runs is no error, of a finished one is Rejected `wrong_state`. */
  resume(run: string): Promise<void>;
  /** Walks an unfinished run that another engine left, as it is: a paused one stays paused. No error for one that is walked already, or over. */
  adopt(run: string): Promise<void>;
  /** Gracefully; again with `force` without a grace period. */
  cancel(run: string, options?: { force?: boolean }): Promise<void>;
  /** A new run: failed nodes and what hangs on them again, or everything from one node on. */
  retry(run: string, options?: { from?: string }): Promise<{ run: string }>;
  /**
   * Decides an approval that waits: a node, or one of its instances (`review[3]`). The first decision stands: Rejected `wrong_state` for
   * a second one and for a node that waits for nobody.
   */
  decide(
    run: string,
    node: string,
    decision: { approve: boolean; by: string; comment?: string },
  ): Promise<void>;
  /** `event` begins with `external.`. The same key twice is one event. */
  emit(run: string, event: string, options?: { payload?: Json; key?: string }): Promise<void>;
}

/** What `plan` and a rejected start tell. */
export interface Refusal {
  readonly problems: readonly Problem[];
}
