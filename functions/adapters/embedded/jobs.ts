// Jobs on one machine: work is handed to the runner process, and what it says to the desk. An engine may die at any moment:
// the runner goes on, and the next engine finds it, or what it left.
import { availableParallelism, totalmem } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { AttemptDesk, JobRun, Jobs } from '#ports/jobs.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { type AttemptBook, createAttemptBook, keyOf } from './attempt-book.ts';
import type { DataDirectory } from './data-directory.ts';
import { createFeeder } from './feeder.ts';
import { createPump } from './pump.ts';
import { createRunnerKeeper } from './runner-keeper.ts';
import type { RunnerLink } from './runner-link.ts';
import { openOffice, type RunnerOffice } from './runner-office.ts';
import { defaultRunner, type RunnerCommand, startRunner } from './runner-program.ts';

/** What a runner kept for its engine: reports that were never acknowledged. */
export interface SpoolContent {
  readonly job: string;
  readonly reports: readonly { readonly name: AttemptName; readonly report: AttemptReport }[];
}

/** What the runner's side knows of the traces of runners in a data directory. */
export interface Remains {
  /** The spools, that of a living runner too. */
  read(dataDirectory: string): readonly SpoolContent[];
  /** Ends dead runners' programs, and a runner that lives but does not answer, by recorded id and start time; makes sure that they are gone. */
  end(dataDirectory: string): unknown;
  /** Removes the spool of that runner. */
  forget(dataDirectory: string, job: string): void;
}

export interface JobsOptions {
  readonly directory: DataDirectory;
  readonly cacheDirectory: string;
  readonly desk: AttemptDesk;
  readonly remains: Remains;
  /** Names this engine and its version to the runner. */
  readonly engine?: string;
  /** What there is to share out; all of this machine by default. Memory in bytes. */
  readonly machine?: {
    readonly cpu: number;
    readonly memory: number;
    readonly gpu: number;
    /** What the graphics processors are called; counted from 0 by default. */
    readonly gpus?: readonly string[];
    /** Bytes that built environments may take together; 0 where nothing bounds them. */
    readonly cacheBytes?: number;
  };
  readonly runner?: RunnerCommand;
  /** Told of what went wrong and is being dealt with. */
  readonly problem?: (error: unknown) => void;
  readonly heartbeat?: number;
  readonly lease?: number;
}

export interface LocalJobs extends Jobs {
  /** Finds a runner that lives and clears up after dead ones; `start`, `stop` and `adopt` do it too. */
  settle(): Promise<void>;
  /** Starts the runner ahead of its first work. */
  warm(): void;
  /** The process id of the runner, while there is one. */
  readonly pid: number | undefined;
  /**
   * Lets go. With `leave` the runner finishes what it holds alone and keeps the reports for the next engine; without, it is
   * ended with all that it runs.
   */
  close(how: { readonly leave: boolean }): Promise<void>;
}

/** Jobs that the runner of this data directory does. The caller holds the lock of the directory. */
export function createJobs(options: JobsOptions): LocalJobs {
  const { directory } = options;
  const problem = options.problem ?? (() => {});
  const book = createAttemptBook();
  const heir = createHeir({ ...options, book, problem });
  const feeder = createFeeder(book, problem);
  // Runners that this engine has lost and not yet told the desk about.
  const gone = new Set<string>();
  /** Runs of which nothing new begins, for the next runner. */
  const paused = new Map<string, JobRun>();
  let office: RunnerOffice | undefined;
  const keeper = createRunnerKeeper({
    socket: directory.runnerSocket,
    hello: {
      frame: 'hello',
      v: FORMAT,
      engine: options.engine ?? 'millrace',
      machine: options.machine ?? wholeMachine(),
    },
    start: () => startRunner(options.runner ?? defaultRunner(), directory, options.cacheDirectory),
    linked: (link, found) => {
      if (found) {
        const spools = options.remains.read(directory.path);
        takeOver(link, { book, heir, spools, again: gone.delete(link.hello.job) });
      }
      office = openOffice(link, { desk: options.desk, book, feeder, problem });
      for (const run of paused.values())
        void link.send({ frame: 'pause', ...run, paused: true }).catch(problem);
      feeder.renew(link);
    },
    unlinked: async (link) => {
      gone.add(link.hello.job);
      await office?.stop();
    },
    clear: async () => {
      await options.remains.end(directory.path);
      book.clear();
      feeder.renew(undefined);
      for (const spool of options.remains.read(directory.path)) {
        gone.delete(spool.job);
        heir.inherit(spool);
      }
      // One that ended in good order leaves no spool, but what was sent to it last it may never have seen.
      for (const job of gone) heir.inherit({ job, reports: [] });
      gone.clear();
      // Nobody else asks for a runner if nothing was lost with the one before.
      if (feeder.waiting > 0) void keeper.ensure().catch(problem);
    },
    problem,
    heartbeat: options.heartbeat ?? limits.heartbeat,
    lease: options.lease ?? limits.lease,
  });
  return {
    direct: new Set(),
    // A program waits for room, and its runner counts the time from when it begins: it ends late only with its runner, which is noticed.
    waits: () => limits.jobQueued,
    start: async (orders) => {
      const link = await keeper.ensure();
      const fresh = orders.filter(({ name }) => book.add(name));
      await feeder.add(link, fresh);
    },
    stop: async (stops) => {
      await keeper.settle();
      const given = new Set(feeder.drop(stops.map(({ name }) => name)).map(keyOf));
      const known = stops.filter(({ name }) => given.has(keyOf(name)) && book.has(name));
      if (known.length > 0) await keeper.link?.send({ frame: 'stop', stops: known });
    },
    pause: async ({ namespace, run }, isPaused) => {
      const key = `${namespace}/${run}`;
      if (isPaused) paused.set(key, { namespace, run });
      else paused.delete(key);
      await keeper.link?.send({ frame: 'pause', namespace, run, paused: isPaused });
    },
    adopt: async (names) => {
      await keeper.settle();
      return names.filter((name) => book.has(name));
    },
    settle: keeper.settle,
    warm: () => void keeper.ensure().catch(problem),
    get pid() {
      return keeper.link?.hello.pid;
    },
    close: async ({ leave }) => {
      const link = keeper.release();
      heir.stop();
      if (link !== undefined && office !== undefined) {
        await part(link, office, { leave, idle: book.size === 0 });
      }
      if (!leave) await options.remains.end(directory.path);
    },
  };
}

function wholeMachine(): NonNullable<JobsOptions['machine']> {
  return { cpu: availableParallelism(), memory: totalmem(), gpu: 0 };
}

/** A runner that is there already: what it holds is known again, and so are its reports that are on their way. */
function takeOver(
  link: RunnerLink,
  known: { book: AttemptBook; heir: Heir; spools: readonly SpoolContent[]; again: boolean },
): void {
  known.book.clear();
  for (const { name } of link.hello.holding) known.book.add(name);
  for (const spool of known.spools) {
    if (spool.job !== link.hello.job) known.heir.inherit(spool);
    else for (const { name } of spool.reports) known.book.add(name);
  }
  // Work that was on its way to it when the connection broke may be lost although the runner is not.
  if (known.again) known.heir.tell(link.hello.job);
}

interface Heir {
  inherit(spool: SpoolContent): void;
  /** Only tells the desk to look what is lost. */
  tell(job: string): void;
  stop(): void;
}

/**
 * Takes in what dead runners left: first their reports, which count as known until they are durable, then the rest is lost.
 * Nobody waits for it, because the desk may start new work in answer, and that waits for the clearing up.
 */
function createHeir(
  options: JobsOptions & { book: AttemptBook; problem: (error: unknown) => void },
): Heir {
  const { book, desk, directory } = options;
  const pump = createPump<SpoolContent & { readonly dead: boolean }>({
    handle: async (spools) => {
      for (const { job, reports, dead } of spools) {
        if (reports.length > 0) await desk.report(job, reports);
        for (const { name } of reports) book.remove(name);
        await desk.lost(job);
        if (dead) options.remains.forget(directory.path, job);
      }
    },
    problem: options.problem,
  });
  return {
    inherit: (spool) => {
      for (const { name } of spool.reports) book.add(name);
      pump.push({ ...spool, dead: true });
    },
    tell: (job) => pump.push({ job, reports: [], dead: false }),
    stop: pump.stop,
  };
}

async function part(
  link: RunnerLink,
  office: RunnerOffice,
  how: { readonly leave: boolean; readonly idle: boolean },
): Promise<void> {
  if (how.leave || how.idle) await link.send({ frame: 'leave' }).catch(() => {});
  // A desk that takes nothing any more must not keep an engine from ending: the spool has it all.
  await within(limits.runnerFarewell, office.idle());
  // One with nothing left to do ends at once; whoever comes next then finds no runner that is about to go.
  if (how.idle) await within(limits.runnerFarewell, link.closed);
  link.end();
  await within(limits.runnerFarewell, office.stop());
}

async function within(milliseconds: number, what: Promise<unknown>): Promise<void> {
  const stop = new AbortController();
  const late = pause(milliseconds, undefined, { signal: stop.signal }).catch(() => {});
  await Promise.race([what, late]);
  stop.abort();
}
