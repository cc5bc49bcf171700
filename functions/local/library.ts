// The package's main export: an engine inside another program. Small on purpose: what does the work is loaded when an engine is
// created, and an old Node gets as far as saying which one is wanted.

import type { Judged } from '#core/expression/judge-text.ts';
import { Rejected } from '#errors/families.ts';
import type { Problem } from '#schemas/problems.ts';
import type { EventLine, NodeExplanation, RunReport, RunSummary } from '#schemas/report.ts';
import type { RunStatus } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import type { LogEntry, Variables } from '#service/control.ts';
import type { HandlerOptions } from './functions.ts';
import type { Handler, HandlerCall } from './handler-call.ts';
import type { HandlerLog } from './handler-log.ts';

// biome-ignore lint/performance/noBarrelFile: this is what users of the package import
export {
  Conflict,
  Defect,
  HasProblems,
  MillraceError,
  NotFound,
  Rejected,
  Transient,
} from '#errors/families.ts';
export type {
  EventLine,
  Handler,
  HandlerCall,
  HandlerLog,
  HandlerOptions,
  Json,
  Judged,
  LogEntry,
  NodeExplanation,
  Problem,
  RunReport,
  RunStatus,
  RunSummary,
  Variables,
};

/** Signals that may park the runs of an engine. */
export type ParkSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

/** Where runs live: in a data directory, which outlives the process however it ends, or in memory, which does not. */
export type EngineStorage =
  | { readonly dataDir: string; readonly memory?: false }
  | { readonly memory: true; readonly dataDir?: undefined };

export interface SharedOptions {
  /** The isolation boundary that runs belong to; `default` by default, which is what the command line asks for. */
  readonly namespace?: string;
  /** Go on with every unfinished run of the data directory. Without it they wait for `resume` or `adopt`. */
  readonly adopt?: boolean;
  /** Answer `millrace` commands that name the same data directory; true by default. Never in memory, where none could find it. */
  readonly serve?: boolean;
  /** Mirrors of code and built environments; the user's cache folder by default. */
  readonly cacheDir?: string;
  /** Park the runs at these signals, and then let the program end as it would: `true` is SIGTERM and SIGINT. See `parkOn`. */
  readonly parkOnSignal?: boolean | readonly ParkSignal[];
}

export type CreateEngineOptions = EngineStorage & SharedOptions;

/**
 * A pipeline: a file; its text, or the same as an object, with the folder that relative paths start from (the working
 * directory by default); or the plan that `validate` gave.
 */
export type Source =
  | { readonly file: string }
  | { readonly source: string | object; readonly folder?: string }
  | { readonly plan: Json; readonly plans?: readonly Json[]; readonly folder?: string };

export interface SubmitOptions {
  /** Values of the pipeline's inputs. Files are given by their path. */
  readonly inputs?: { readonly [name: string]: Json };
  /** Working trees in place of operators: operator → folder. */
  readonly with?: { readonly [operator: string]: string };
  /** Variables of this process that programs may see, besides the few that they always do. */
  readonly allowEnv?: readonly string[];
  /** Fetch nothing from the network. */
  readonly offline?: boolean;
  /** False: takes no results over from earlier runs, although nodes are cached. */
  readonly cache?: boolean;
  /** Milliseconds after which the run ends `timed_out`; what the pipeline says by default. */
  readonly timeout?: number;
}

/** What `validate` found. A valid one can be submitted as it is. */
export type Validated =
  | {
      readonly ok: true;
      /** The pipeline's id. */
      readonly pipeline: string;
      /** SHA-256 of the plan: the same for every way of writing it. */
      readonly digest: string;
      readonly plan: Json;
      /** Plans of the pipelines that its nodes run. */
      readonly plans: readonly Json[];
      readonly folder: string;
      /** Warnings. */
      readonly problems: readonly Problem[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Things that come one after the other. Ends by itself; `break` ends it early. */
export interface Stream<T> extends AsyncIterable<T> {
  /** Behind what has been read in full; give it as `after` to go on there, in another process too. */
  readonly cursor: string;
}

export interface EventOptions {
  /** A `cursor` of an earlier stream. */
  readonly after?: string;
  /** The events of runs inside this one as well. */
  readonly children?: boolean;
  /** Ends the stream by throwing its reason. */
  readonly signal?: AbortSignal;
}

export interface LogOptions {
  /** One node, or one of its instances: `per_region[3]`. */
  readonly node?: string;
  readonly after?: string;
  /** Go on until the run has ended. Without it the stream ends with what there is now. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

export interface Decision {
  /** Who decides; it is kept with the run. */
  readonly by: string;
  readonly comment?: string;
}

/** Secrets that pipelines name as `{{ secret.NAME }}`: sealed on the disk, masked wherever they might be shown. */
export interface SecretStore {
  set(name: string, value: string): Promise<void>;
  /** Names only; values are given to programs and nobody else. */
  list(): Promise<readonly string[]>;
  /** False when there was none of that name. */
  remove(name: string): Promise<boolean>;
}

/**
 * An engine in this process. RUN is always a run's id, a unique beginning of it, or `latest`.
 *
 * What goes wrong is one of four families: `Rejected` (the caller must act; `HasProblems` for a pipeline with mistakes, all of
 * them at once; `NotFound`), `Conflict`, `Transient` (again later) and `Defect`. Commands are answered when they are durable.
 */
export interface Engine {
  /** The absolute path of the data directory; in memory, of a temporary folder that goes away with the engine. */
  readonly dataDir: string;
  /** Rejects when nothing can be saved any more, a full disk say: close the engine and create it anew. */
  readonly failed: Promise<never>;
  /**
   * Registers what does the work of `function` nodes of that name. What waits for it starts at once.
   *
   * @returns takes it back: later calls wait until one is registered again
   * @throws Rejected `invalid` for a name that is taken
   */
  register(name: string, handler: Handler, options?: HandlerOptions): () => void;
  /**
   * Starts a run; it goes on by itself.
   *
   * @throws HasProblems with everything that is wrong with the pipeline, its inputs, secrets and operators; nothing has happened then
   */
  submit(source: Source, options?: SubmitOptions): Promise<{ readonly run: string }>;
  /** What is wrong with a pipeline, as data. Starts nothing. */
  validate(source: Source): Promise<Validated>;
  /**
   * Resolves with the report when the run has ended, however it ended, or is halted and waits for a person.
   *
   * @throws Rejected `wrong_state` for an unfinished run that an earlier engine left and nobody has taken up; Transient
   *   `unavailable` when the engine is closed meanwhile; the signal's reason
   */
  wait(run: string, options?: { readonly signal?: AbortSignal }): Promise<RunReport>;
  /** The events of a run from its first one, as they happen. Ends with the run. */
  events(run: string, options?: EventOptions): Stream<EventLine>;
  /** What its programs and handlers print. */
  logs(run: string, options?: LogOptions): Stream<LogEntry>;
  /** Newest first. */
  runs(query?: {
    readonly limit?: number;
    readonly pipeline?: string;
    readonly status?: RunStatus;
    /** Runs inside runs as well. */
    readonly all?: boolean;
  }): Promise<readonly RunSummary[]>;
  /** How a run stands. */
  report(run: string): Promise<RunReport>;
  /** The full id of a run. */
  find(run: string): Promise<string>;
  variables(run: string): Promise<Variables>;
  /** Why a node has started, has not, or was skipped. */
  explain(run: string, node: string): Promise<NodeExplanation>;
  /** Nothing more starts; what works goes on. */
  pause(run: string): Promise<void>;
  /** Goes on with a run that is paused or halted, or that an earlier engine left. */
  resume(run: string): Promise<void>;
  /** Takes up a run that an earlier engine left as it is: a paused one stays paused. */
  adopt(run: string): Promise<void>;
  /** Gracefully; with `force` at once. */
  cancel(run: string, options?: { readonly force?: boolean }): Promise<void>;
  /** A new run: what failed and what hangs on it again, or everything from one node on. */
  retry(run: string, options?: { readonly from?: string }): Promise<{ readonly run: string }>;
  /** Tells a run of an event from outside; its name begins with `external.`. The same key twice is one event. */
  emit(
    run: string,
    event: string,
    options?: { readonly payload?: Json; readonly key?: string },
  ): Promise<void>;
  /** Says yes to an approval that waits: a node, or one of its instances (`review[3]`). The first decision stands. */
  approve(run: string, node: string, decision: Decision): Promise<void>;
  /** Says no. */
  reject(run: string, node: string, decision: Decision): Promise<void>;
  readonly secrets: SecretStore;
  /** Tries a text of the expression language: a condition, a template or an expression, with values in place of a run. */
  evaluate(text: string, values?: { readonly [name: string]: Json }): Promise<Judged>;
  /**
   * Parks the runs at these signals, then lets the program end as it would: if nobody else listens to the signal, it is
   * raised again. Unless it is asked to, the engine listens to no signal.
   *
   * @returns stops listening
   */
  parkOn(...signals: readonly ParkSignal[]): () => void;
  /**
   * Ends the engine. Handlers are asked to end, by their signal, and given a moment.
   *
   * @param how.park true by default: programs that run go on alone, and the next engine of the data directory takes in their
   *   results. False: they are ended, and count as interrupted. In memory they always are, and nothing is left.
   * @returns the runs that are left unfinished
   */
  close(how?: { readonly park?: boolean }): Promise<readonly string[]>;
}

const WANTED = [24, 12] as const;

function refuseOldNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1])) return;
  const refusal = new Rejected(
    'invalid',
    `millrace wants Node ${WANTED.join('.')} or newer; this is ${version}`,
  );
  // As the command line does, but only in a program that cannot do without.
  process.once('uncaughtExceptionMonitor', (error) => {
    if (error !== refusal) return;
    process.once('exit', () => {
      process.exitCode = 2;
    });
  });
  throw refusal;
}

refuseOldNode(process.versions.node);

/**
 * Creates an engine: `const engine = await createEngine({ dataDir: '.millrace' })`.
 *
 * One engine has a data directory at a time; `millrace` commands that name the same one are its clients.
 *
 * @throws Transient `busy` when another engine has the data directory; Rejected `read_only`, `newer_format`, `invalid`
 */
export async function createEngine(options: CreateEngineOptions): Promise<Engine> {
  const { embed } = await import('./library-engine.ts');
  return embed(options);
}
