// Everything one can do with runs, in one interface: the engine implements it in its own process, the client over the engine's socket.
import type { Problem } from '#schemas/problems.ts';
import type {
  EventLine,
  Explanation,
  NodeExplanation,
  RunReport,
  RunSummary,
} from '#schemas/report.ts';
import type { RunStatus } from '#schemas/run.ts';
import type { RunStart } from '#schemas/run-start.ts';
import type { LogLine } from '#schemas/runner-protocol.ts';
import type { FileValue, Json } from '#schemas/values.ts';
import type { WorkDir } from '#schemas/work-dir.ts';

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
  /** Of a production line; on one machine only. */
  readonly workDir?: WorkDir;
  /** The same of lines that its nodes run, and of those below, by their files. */
  readonly workDirs?: { readonly [file: string]: WorkDir };
  /** What was found when it was prepared, and does not keep it from being run. */
  readonly warnings?: readonly string[];
  /** Nothing is taken over from earlier runs, although nodes are cached. */
  readonly anew?: true;
  readonly timeout?: number;
  /** The id it shall have, chosen by whoever asks: asked twice because an answer was lost, it is still one run. */
  readonly run?: string;
  /** Values that the configurations of plans hold encoded, by the plan's digest and the name that it knows them by. Never stored. */
  readonly decoded?: DecodedByPlan;
}

/** Plan's digest → name → value. */
export type DecodedByPlan = { readonly [plan: string]: { readonly [name: string]: string } };

/** The text of a pipeline, as it stands in its file. */
export interface Source {
  readonly source: string;
  /** What it is called in messages; `pipeline.yaml` when nothing is said. */
  readonly name?: string;
  /** The files of the pipelines that it runs, by their paths from where it lies. */
  readonly files?: { readonly [path: string]: string };
}

interface Start {
  readonly inputs?: { readonly [name: string]: Json };
  readonly anew?: true;
  readonly timeout?: number;
  readonly run?: string;
}

/** A pipeline that is yet to be compiled and checked. */
export interface SourceRequest extends Source, Start {}

/** A pipeline that was stored: its latest version, or the one that is named. */
export interface StoredRequest extends Start {
  readonly pipeline: string;
  readonly version?: number;
}

export type StartRequest = RunRequest | SourceRequest | StoredRequest;

/** What a pipeline comes to: all that is wrong, warnings included, and its plan's digest where nothing is. */
export interface Validation {
  readonly problems: readonly Problem[];
  readonly pipeline?: string;
  readonly plan?: string;
}

/** A version of a pipeline, as it was compiled when it was stored. */
export interface StoredPipeline {
  readonly id: string;
  /** From 1. */
  readonly version: number;
  /** Of its plan. */
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A file that runs shall be given. */
export interface GivenFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly mediaType?: string;
}

/** The value to give to runs; `put` says how to bring the content, where it is not there already. */
export interface FilePlace {
  readonly file: FileValue;
  readonly put?: {
    readonly method: 'GET' | 'PUT';
    readonly url: string;
    readonly headers: { readonly [name: string]: string };
  };
}

/** What an expression comes to now, in one run. `tree` tells of a condition how. */
export type Evaluation =
  | { readonly is: 'value'; readonly value: Json; readonly tree?: Explanation }
  | {
      readonly is: 'open';
      readonly truth: 'never' | 'not_yet';
      readonly because?: string;
      readonly tree?: Explanation;
    }
  | {
      readonly is: 'wrong';
      readonly message: string;
      /** The character it is about, from 0. */
      readonly at?: number;
      readonly suggestion?: string;
      readonly tree?: Explanation;
    };

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
  /** Rejects with HasProblems and all that is wrong with a pipeline that is yet to be compiled, or with its inputs. */
  start(request: StartRequest): Promise<{ run: string }>;
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
  /** What an expression, a template or a condition comes to now. */
  evaluate(run: string, expression: string): Promise<Evaluation>;
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
   * a second one and for a node that waits for nobody. Answers who has decided: where callers are known that is who asked, whatever `by` says.
   */
  decide(
    run: string,
    node: string,
    decision: { approve: boolean; by?: string; comment?: string },
  ): Promise<{ by: string }>;
  /** `event` begins with `external.`. The same key twice is one event. */
  emit(run: string, event: string, options?: { payload?: Json; key?: string }): Promise<void>;
  validate(source: Source): Promise<Validation>;
  /** Keeps a version of a pipeline. What is the latest version already is that version. Rejects with HasProblems. */
  store(source: Source): Promise<StoredPipeline>;
  /** The latest version of each, by id. */
  pipelines(query?: { limit?: number; after?: string }): Promise<readonly StoredPipeline[]>;
  pipeline(id: string, version?: number): Promise<StoredPipeline & { readonly plan: Json }>;
  /** Where the content of a file is to be brought that runs shall be given. Rejects where files stay where they are. */
  file(file: GivenFile): Promise<FilePlace>;
}

/** What `plan` and a rejected start tell. */
export interface Refusal {
  readonly problems: readonly Problem[];
}
