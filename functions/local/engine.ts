// The engine on one machine: the ports of a data directory, a loop for each run, and a runner. Holds the data directory as long as it is open.
import { createAlarms } from '#embedded/alarms.ts';
import { systemClock } from '#embedded/clock.ts';
import type { DataDirectory } from '#embedded/data-directory.ts';
import { createJobs, type LocalJobs } from '#embedded/jobs.ts';
import type { Lock } from '#embedded/lock.ts';
import { createObjects } from '#embedded/objects.ts';
import { runnerAt } from '#embedded/runner-program.ts';
import { createSecrets } from '#embedded/secrets.ts';
import { openTable, type SqliteTable } from '#embedded/table.ts';
import { Defect } from '#errors/families.ts';
import type { AttemptDesk, DirectDesk } from '#ports/jobs.ts';
import { endLeftovers } from '#runner/leftovers.ts';
import { forgetSpool, readSpool } from '#runner/spool.ts';
import type { LockHolder } from '#schemas/data-directory.ts';
import type { Plan } from '#schemas/plan.ts';
import type { RunReport } from '#schemas/report.ts';
import type { AttemptReport, RunStatus } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { adoptRun } from '#service/adopt-run.ts';
import { asksSomebody } from '#service/approvals.ts';
import { memoryBells } from '#service/bell.ts';
import type { Control } from '#service/control.ts';
import { secretsToldTo } from '#service/dependencies.ts';
import { createDesk, type Notices, refOf } from '#service/desk.ts';
import { createDirectDesk } from '#service/direct.ts';
import { activeRuns } from '#service/find-run.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import { hold } from '#service/load-run.ts';
import { reportAttempt } from '#service/report-attempt.ts';
import { createService, forget, type Service } from '#service/service.ts';
import { statusOf } from '#service/status.ts';
import { createIds } from '#shared/ids.ts';
import { joinJobs } from './all-jobs.ts';
import { Configured } from './configured.ts';
import { createLocalControl } from './control.ts';
import { createFunctions, type Functions } from './functions.ts';
import { type Hold, holdDirectory } from './hold.ts';
import { logFacts, logNotice } from './line-log.ts';
import { type Machine, thisMachine } from './machine.ts';
import { NAMESPACE } from './names.ts';
import { RunLoops } from './run-loops.ts';
import { type Clients, type EngineServer, serveControl } from './serve.ts';
import { cacheDirectory } from './settings.ts';
import { VERSION } from './version.ts';
import { Watchers } from './watchers.ts';

export interface EngineOptions {
  readonly dataDir: string;
  /** Mirrors of code and built environments, shared by all projects of a user. */
  readonly cacheDir?: string;
  readonly namespace?: string;
  /** `all`: goes on with every unfinished run. */
  readonly adopt?: 'all' | 'none';
  /** Answer clients on the data directory's socket. */
  readonly serve?: boolean;
  /** Keep what is known of runs in memory: nothing of it outlives the engine. What is too large for that lies in `dataDir`. */
  readonly forget?: boolean;
  /** Start the runner with the first program that there is to run, not ahead of it. */
  readonly lazy?: boolean;
  /** The runner's program; the one beside this engine by default. */
  readonly runner?: string;
  /** What may be given to programs at once; this machine's by default. */
  readonly machine?: Machine;
  /** The data directory, where it was taken already. */
  readonly hold?: Hold;
}

export interface Engine {
  readonly control: Control;
  readonly dataDir: string;
  /** Durable commits so far. */
  readonly commits: number;
  /** Goes on with a run that another engine left. */
  adopt(run: string): Promise<void>;
  /** Whether a run, by its id, is walked here: started or taken up, and not over. */
  walks(run: string): boolean;
  /** Resolves with the report when the run has ended or is halted. */
  wait(run: string): Promise<RunReport>;
  /** Registers a handler for `function` nodes; what waits for it starts at once. Answers how to take it back. */
  readonly register: Functions['register'];
  /** Rejects when nothing can be saved any more. */
  readonly failed: Promise<never>;
  /** Runs that are walked here and are not over; halted ones, which wait for a person, are left out. */
  unfinished(): Promise<readonly string[]>;
  /** Connections of clients, none where the engine does not serve. */
  readonly clients: Clients;
  /**
   * `park`: programs that run go on alone, and their results are taken in by the next engine. Without it they must have ended.
   * `handOver`: another engine comes at once, so clients wait for it. Answers the runs that are left unfinished.
   */
  close(how: { park: boolean; handOver?: boolean }): Promise<readonly string[]>;
}

const NOTICES_BEFORE_SWEEP = 1_000;

const UNFINISHED: ReadonlySet<RunStatus> = new Set(['pending', 'running', 'paused']);

interface Parts {
  readonly table: SqliteTable;
  readonly service: Service;
  readonly loops: RunLoops;
  readonly jobs: LocalJobs;
  readonly functions: Functions;
  readonly watchers: Watchers;
  readonly notices: Notices;
  readonly configured: Configured;
  /** Resolves when somebody is waited for: a client will come. */
  readonly asking: Promise<void>;
  readonly fatal: Promise<never>;
  readonly closeAlarms: () => void;
}

/**
 * Opens the engine of a data directory.
 *
 * @throws Transient `busy` when another one holds it; Rejected `read_only`, `newer_format`
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { directory, lock, holder } = options.hold ?? holdDirectory(options);
  const namespace = options.namespace ?? NAMESPACE;
  let parts: Parts | undefined;
  let server: EngineServer | undefined;
  try {
    const made = createParts(directory, options);
    parts = made;
    // What an earlier runner still does is known before anything is started.
    await made.jobs.settle();
    // The runner comes up while the rest is made ready.
    if (options.lazy !== true) made.jobs.warm();
    const own = made.service.takeUp;
    const control = createLocalControl({
      service: made.service,
      namespace,
      directory,
      watchers: made.watchers,
      notices: made.notices,
      own,
      configured: made.configured,
    });
    if (options.serve !== false) {
      server = await serveControl(directory.engineSocket, control, namespace);
      lock.describe({ ...holder, socket: directory.engineSocket });
      void made.asking.then(server.expect);
    }
    if (options.adopt === 'all') {
      for (const ref of await activeRuns(made.service, namespace)) await own(ref, 'adopt');
    }
    return {
      control,
      dataDir: directory.path,
      get commits() {
        return made.table.commits;
      },
      adopt: async (run) => own({ namespace, run: await control.find(run) }, 'adopt'),
      walks: (run) => made.loops.owns({ namespace, run }),
      wait: async (run) => {
        const ref = { namespace, run: await control.find(run) };
        await made.watchers.rest(ref, made.service);
        return control.report(ref.run);
      },
      register: (name, handler, how) => made.functions.register(name, handler, how),
      failed: made.fatal,
      unfinished: () => unfinished(made),
      get clients() {
        return server?.clients ?? { open: 0, last: holder.since };
      },
      close: async (how) => {
        // Said first: clients that lose their connection look here for the reason.
        if (how.park) sayLeaving(lock, holder, how.handOver === true);
        const left = await closeParts(made, server, how);
        // Nothing is handed over, so nobody comes for whom clients should wait.
        if (how.handOver === true && left.length === 0) lock.describe(holder);
        lock.release();
        return left;
      },
    };
  } catch (error) {
    if (parts !== undefined) await closeParts(parts, server, { park: true });
    lock.release();
    throw error;
  }
}

function sayLeaving(lock: Lock, holder: LockHolder, handOver: boolean): void {
  try {
    lock.describe({ ...holder, leaving: handOver ? 'handed_over' : 'parked' });
  } catch {
    // A full disk keeps nobody from ending; clients then take this for an engine that was killed.
  }
}

async function unfinished({ loops, service }: Parts): Promise<string[]> {
  // Sub-runs go on with the run that they belong to, unless they were taken up without it.
  const refs = loops.refs.filter((ref) => {
    const parent = parentOf(service, ref);
    return parent === undefined || !loops.owns(parent);
  });
  const known = await Promise.all(
    refs.map(async (ref) => ({ run: ref.run, status: await statusOf(service, ref) })),
  );
  return known.filter(({ status }) => UNFINISHED.has(status)).map(({ run }) => run);
}

async function closeParts(
  parts: Parts,
  server: EngineServer | undefined,
  how: { park: boolean },
): Promise<readonly string[]> {
  parts.watchers.close();
  await server?.close();
  await parts.functions.close();
  await parts.loops.close();
  // Only now: until the last connection was closed a client may have started one.
  const left = await unfinished(parts).catch(() => []);
  await parts.jobs.close({ leave: how.park });
  parts.closeAlarms();
  parts.table.close();
  return left;
}

function createParts(directory: DataDirectory, options: EngineOptions): Parts {
  const { promise: fatal, reject: fail } = Promise.withResolvers<never>();
  // Whoever does not ask is told by the commands that fail.
  fatal.catch(() => {});
  const asking = Promise.withResolvers<void>();
  const watchers = new Watchers();
  const notices: Notices = new Map();
  const loops = new RunLoops({
    rested: (ref, how) => {
      watchers.rested(ref, how);
      if (how === 'done' || how === 'gone') {
        loops.forget(ref);
        alarms.forget(ref.namespace, ref.run);
        // Few ask again, and they read it anew: an engine lives longer than its runs.
        forget(theService(), ref);
      }
    },
    fatal: fail,
  });
  const table = openTable(options.forget === true ? ':memory:' : directory.database);
  const alarms = createAlarms({
    clock: systemClock,
    ring: (namespace, run) => loops.wake({ namespace, run }),
  });
  const late: { service?: Service } = {};
  const theService = (): Service => {
    if (late.service === undefined) throw new Defect('the engine is not open yet');
    return late.service;
  };
  const configured = new Configured();
  const desk = lateDesk(theService, { loops, notices, watchers, configured });
  const functions = createFunctions({
    dataDir: directory.path,
    desk,
    now: systemClock.now,
    // What is not reported is found by the engine that adopts the run.
    problem: () => {},
  });
  const jobs = createJobs({
    directory,
    cacheDirectory: options.cacheDir ?? cacheDirectory(),
    desk,
    remains: { read: readSpool, end: endLeftovers, forget: forgetSpool },
    engine: `millrace ${VERSION} (${process.pid})`,
    machine: options.machine ?? thisMachine(),
    ...(options.runner === undefined ? {} : { runner: runnerAt(options.runner) }),
  });
  const service = createService(
    {
      table,
      objects: createObjects(directory.objects),
      jobs: joinJobs(jobs, functions),
      alarms,
      secrets: createSecrets({ file: directory.secrets, keyFile: directory.secretKey }),
      clock: systemClock,
      ids: createIds({ clock: systemClock }),
      bells: memoryBells(table, (ref) => loops.wake(ref)),
    },
    (ref, _sequence, facts) => {
      logFacts(theService(), ref, facts);
      if (asksSomebody(theService(), ref, facts)) asking.resolve();
      // Who follows a run hears of the runs below it as well.
      for (let at: RunRef | undefined = ref; at !== undefined; at = parentOf(theService(), at))
        watchers.committed(at);
    },
    takingUp(loops, theService),
  );
  late.service = service;
  loops.attach(service);
  return {
    table,
    service,
    loops,
    jobs,
    functions,
    watchers,
    notices,
    configured,
    asking: asking.promise,
    fatal,
    closeAlarms: () => alarms.close(),
  };
}

/** Takes runs up: new ones are walked at once, what another engine left is settled first. */
function takingUp(loops: RunLoops, service: () => Service): Service['takeUp'] {
  return async (ref, how) => {
    const known = loops.own(ref, { asleep: how === 'adopt' });
    if (how === 'new' || known) {
      loops.wake(ref);
      return;
    }
    // Until then nothing may be started: what the other engine did itself must be known to be lost first.
    await adoptRun(service(), ref).catch((error: unknown) => {
      loops.forget(ref);
      throw error;
    });
    loops.rouse(ref);
  };
}

/** The run that a sub-run belongs to, as this process remembers it. */
function parentOf(service: Service, ref: RunRef): RunRef | undefined {
  const parent = service.runs.get(runKey(ref))?.start.parent;
  return parent === undefined ? undefined : { ...ref, run: parent.run };
}

/** Notices of attempts that were never reported, in runs that are over, go whenever there are twice as many as were left. */
function sweeping({ loops, notices }: { loops: RunLoops; notices: Notices }): () => void {
  let most = NOTICES_BEFORE_SWEEP;
  return () => {
    if (notices.size <= most) return;
    for (const id of notices.keys()) {
      const [namespace = '', run = ''] = id.split('/', 2);
      if (!loops.owns({ namespace, run })) notices.delete(id);
    }
    most = Math.max(NOTICES_BEFORE_SWEEP, 2 * notices.size);
  };
}

/** The secrets that attempts of a plan may ask for. */
function toldIn(plan: Plan): ReadonlySet<string> {
  return new Set(plan.nodes.flatMap((node) => secretsToldTo(plan, node)));
}

type Desk = AttemptDesk & DirectDesk;

function lateDesk(
  service: () => Service,
  parts: { loops: RunLoops; notices: Notices; watchers: Watchers; configured: Configured },
): Desk {
  let desk: Desk | undefined;
  const sweep = sweeping(parts);
  const submit = (
    job: string | undefined,
    name: AttemptName,
    report: AttemptReport,
  ): Promise<void> => {
    if (parts.loops.owns(refOf(name))) return parts.loops.submit(job, name, report);
    // A run that nobody asked to go on is only told: the engine that takes it up will walk it.
    return reportAttempt(service(), { job, name, report }).then(() => {});
  };
  const made = (): Desk => {
    desk ??= {
      ...createDesk(service(), {
        submit,
        notices: parts.notices,
        noticed: (notice) => {
          sweep();
          const queued = parts.watchers.noticed(refOf(notice.name), notice);
          if (queued !== undefined) logNotice(service(), refOf(notice.name), queued);
        },
        lost: async () => {
          for (const ref of parts.loops.refs) await adoptRun(service(), ref, 'runner');
        },
        allowedSecrets: async (name) =>
          toldIn((await hold(service(), refOf(name))).memory.linked.plan),
      }),
      ...createDirectDesk(service(), { submit: (name, report) => submit(undefined, name, report) }),
    };
    return desk;
  };
  return {
    claim: (job, names) => made().claim(job, names),
    report: (job, reports) => made().report(job, reports),
    notice: (notice) => made().notice(notice),
    lost: (job) => made().lost(job),
    secrets: (name, names) =>
      parts.configured.secrets({ service: service(), desk: made() }, name, names),
    done: (name, report) => made().done(name, report),
    offer: (names) => made().offer(names),
  };
}
