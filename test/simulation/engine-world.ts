// The world of one machine: an engine with its loops that may be killed at any call and opened again on the same table, and a runner that
// outlives it, may be killed itself, and keeps in a spool what was not acknowledged. The counterpart of service-world.ts.
import { Defect } from '#errors/families.ts';
import { joinJobs } from '#local/all-jobs.ts';
import { RunLoops } from '#local/run-loops.ts';
import type { AttemptDesk, DirectDesk, Jobs } from '#ports/jobs.ts';
import type { Table } from '#ports/table.ts';
import type { AttemptReport, AttemptResult } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { adoptRun } from '#service/adopt-run.ts';
import { memoryBells, tableBells } from '#service/bell.ts';
import { cancelRun, emitEvent, pauseRun, resumeRun } from '#service/command-run.ts';
import { decideApproval } from '#service/decide-approval.ts';
import { createDesk, refOf } from '#service/desk.ts';
import { createDirectDesk } from '#service/direct.ts';
import type { RunRef } from '#service/keys.ts';
import { reportAttempt } from '#service/report-attempt.ts';
import { createService, type Service } from '#service/service.ts';
import type { Sketch } from '#support/sketch.ts';
import { type Decidable, Decisions, unlessDecided } from './decisions.ts';
import { DirectWork } from './direct-work.ts';
import {
  gatedAlarms,
  gatedJobs,
  gatedObjects,
  gatedTable,
  Process,
  Scheduler,
} from './scheduler.ts';
import { Effects, IDLE_JOBS, NO_ALARMS, nameText, startedRun, watched } from './service-checks.ts';
import { Ledger } from './walk-ledger.ts';
import { type WorldPorts, worldPorts } from './world-ports.ts';

interface Held {
  readonly name: AttemptName;
  claimed: boolean;
  stopped: boolean;
}

interface Spooled {
  readonly job: string;
  readonly name: AttemptName;
  readonly report: AttemptReport;
}

interface Runner {
  readonly job: string;
  readonly process: Process;
  readonly held: Map<string, Held>;
}

interface Engine {
  /** Done when dead runners are cleared up after: until then nothing is asked of a runner. */
  clearing: Promise<void>;
  /** Takes in what dead runners left, one after the other; nobody waits for it. */
  heir: Promise<void>;
  readonly process: Process;
  readonly service: Service;
  readonly loops: RunLoops;
  readonly direct: DirectWork;
  readonly desk: AttemptDesk & DirectDesk;
}

/** Something asked of whatever engine there is, and asked again of the next one until it is answered. */
interface Asked {
  readonly by: Process | undefined;
  readonly what: 'claim' | 'report' | 'wish';
  readonly send: (engine: Engine) => Promise<void>;
  /** Being answered by the engine there is. */
  going: Promise<void>;
}

function afterClearing(jobs: Jobs, clearing: () => Promise<void>): Jobs {
  return {
    direct: jobs.direct,
    start: async (orders) => {
      await clearing();
      await jobs.start(orders);
    },
    stop: async (stops) => {
      await clearing();
      await jobs.stop(stops);
    },
    adopt: async (names) => {
      await clearing();
      return jobs.adopt(names);
    },
  };
}

export type Wish = 'cancel' | 'pause' | 'resume';

export class EngineWorld {
  readonly scheduler = new Scheduler();
  readonly ports: WorldPorts;
  readonly ref: RunRef;
  readonly ledger: Ledger;
  readonly effects: Effects;
  readonly decisions: Decisions;
  engine: Engine | undefined;
  runner: Runner;
  alarms: number[] = [];
  done = false;
  paused = false;
  cancelled = false;
  failure: unknown;
  engines = 0;
  runners = 0;
  /** Whether the program has registered its handlers; it does so again in every engine. */
  registered = true;
  readonly #table: Table;
  readonly #asked = new Set<Asked>();
  #spool: Spooled[] = [];
  /** Runners that died, until a desk was told of it. */
  readonly #gone = new Set<string>();

  private constructor(sketch: Sketch, ports: WorldPorts, ref: RunRef) {
    this.ports = ports;
    this.ref = ref;
    this.ledger = new Ledger(sketch);
    this.effects = new Effects(sketch, this.ledger);
    this.decisions = new Decisions(sketch, this.ledger);
    this.#table = watched(ports.table, this.ledger, (error) => this.fail(error));
    this.runner = this.#newRunner();
  }

  static async open(sketch: Sketch, bounds: Partial<Table['bounds']>): Promise<EngineWorld> {
    const ports = worldPorts(bounds);
    return new EngineWorld(sketch, ports, await startedRun(sketch, ports));
  }

  close(): void {
    this.ports.table.close();
  }

  fail(error: unknown): void {
    this.failure ??= error;
  }

  // The engine

  /** Opens an engine as the program does: takes in what a dead runner left, then adopts the run. */
  async openEngine(): Promise<void> {
    this.engines++;
    const process = new Process(`engine${this.engines}`);
    const engine = this.#engine(process);
    this.engine = engine;
    await this.scheduler.start(async () => {
      try {
        for (const job of this.#gone) this.#inherit(engine, job);
        engine.loops.own(this.ref, { asleep: true });
        await adoptRun(engine.service, this.ref);
        engine.loops.rouse(this.ref);
      } catch (error) {
        this.fail(error);
      }
    });
    for (const asked of [...this.#asked]) await this.#send(asked);
  }

  #engine(process: Process): Engine {
    const gate = this.scheduler.gateOf(process);
    const table = gatedTable(this.#table, gate);
    const loops = new RunLoops({
      rested: (_, how) => {
        if (how === 'done') this.done = true;
        else if (how !== 'parked') this.fail(new Defect(`the advance says ${how}`));
        if (how === 'done') loops.forget(this.ref);
      },
      fatal: (error) => this.fail(error),
    });
    const direct = new DirectWork({
      job: process.name,
      gate,
      scheduler: this.scheduler,
      effects: this.effects,
      desk: () => made.desk,
      now: () => this.ports.clock.now(),
      ready: () => this.registered,
      fail: (error) => this.fail(error),
    });
    const service = createService({
      ...this.ports,
      table,
      bells: memoryBells(table, (ref) => loops.wake(ref)),
      objects: gatedObjects(this.ports.objects, gate),
      jobs: joinJobs(
        afterClearing(gatedJobs(this.#jobs(), gate), () => made.clearing),
        direct,
      ),
      alarms: gatedAlarms({ wake: async (_, __, at) => void this.alarms.push(at) }, gate),
    });
    loops.attach(service);
    const clearing = Promise.resolve();
    const desk = this.#desk(service, loops);
    const heir = Promise.resolve();
    const made: Engine = { process, service, loops, direct, desk, clearing, heir };
    return made;
  }

  #desk(service: Service, loops: RunLoops): AttemptDesk & DirectDesk {
    const desk = createDesk(service, {
      submit: async (job, name, report) => {
        if (loops.owns(refOf(name))) await loops.submit(job, name, report);
        else await reportAttempt(service, { job, name, report });
      },
      notices: new Map(),
      noticed: () => {},
      lost: async () => {
        for (const ref of loops.refs) await adoptRun(service, ref, 'runner');
      },
      allowedSecrets: async () => new Set(),
    });
    const done: DirectDesk['done'] = (name, report) => loops.submit(undefined, name, report);
    return { ...desk, ...createDirectDesk(service, { submit: done }) };
  }

  /** What a runner that is gone left behind: first its reports, then the rest is lost. */
  #inherit(engine: Engine, job: string): void {
    engine.heir = engine.heir.then(async () => {
      for (const spooled of this.#spool.filter((each) => each.job === job)) {
        await engine.desk.report(job, [spooled]);
        this.#spool = this.#spool.filter((each) => each !== spooled);
      }
      await engine.desk.lost(job);
      this.#gone.delete(job);
    });
    engine.heir.catch((error: unknown) => this.fail(error));
  }

  /** The program registers its handlers: what waited for them starts. */
  async register(): Promise<void> {
    this.registered = true;
    await this.scheduler.start(async () => this.engine?.direct.register());
  }

  /** Its timers and whatever it was about to do are gone with it. */
  killEngine(): void {
    if (this.engine !== undefined) this.scheduler.kill(this.engine.process);
    this.engine = undefined;
    this.alarms = [];
  }

  // What is asked of engines

  async #ask(about: Pick<Asked, 'by' | 'what' | 'send'>): Promise<void> {
    const asked: Asked = { ...about, going: Promise.resolve() };
    this.#asked.add(asked);
    await this.#send(asked);
  }

  async #send(asked: Asked): Promise<void> {
    const { engine } = this;
    if (engine === undefined) return;
    const answer = async (): Promise<void> => {
      try {
        await asked.send(engine);
        this.#asked.delete(asked);
      } catch (error) {
        this.fail(error);
      }
    };
    await this.scheduler.start(() => {
      asked.going = answer();
      return asked.going;
    });
  }

  async person(what: Wish): Promise<void> {
    if (what === 'cancel') this.cancelled = true;
    this.paused = what === 'pause';
    const wish = { cancel: cancelRun, pause: pauseRun, resume: resumeRun }[what];
    await this.#ask({
      by: undefined,
      what: 'wish',
      send: ({ service }) => this.#unlessOver(wish(service, this.ref)),
    });
  }

  /** Asks the engine; where there is none, writes the decision where the next one finds it. */
  async decide(decidable: Decidable): Promise<void> {
    const { address, verdict } = decidable;
    this.decisions.made(decidable);
    const decide = (service: Service): Promise<void> =>
      this.#unlessOver(unlessDecided(decideApproval(service, this.ref, address, verdict)));
    if (this.engine === undefined) {
      const bells = tableBells(this.#table, async () => {});
      const idle = { jobs: IDLE_JOBS, alarms: NO_ALARMS };
      await decide(createService({ ...this.ports, ...idle, table: this.#table, bells }));
    } else await this.#ask({ by: undefined, what: 'wish', send: ({ service }) => decide(service) });
  }

  async emit({ name, key, payload }: Sketch['externals'][number]): Promise<void> {
    const options = { ...(key === undefined ? {} : { key }), ...(payload && { payload }) };
    await this.#ask({
      by: undefined,
      what: 'wish',
      send: ({ service }) => this.#unlessOver(emitEvent(service, this.ref, name, options)),
    });
  }

  async #unlessOver(asked: Promise<void>): Promise<void> {
    await asked.catch((error: unknown) => {
      if (this.ledger.end === undefined) throw error;
    });
  }

  /** The next alarm goes off; false when there is none. */
  async alarm(): Promise<boolean> {
    const at = Math.min(...this.alarms);
    if (!Number.isFinite(at)) return false;
    this.alarms = this.alarms.filter((each) => each !== at);
    if (at > this.ports.clock.now()) this.ports.clock.set(at);
    await this.scheduler.start(async () => this.engine?.loops.wake(this.ref));
    return true;
  }

  // The runner

  #newRunner(): Runner {
    this.runners++;
    const job = `runner-${this.runners}`;
    return { job, process: new Process(job), held: new Map() };
  }

  /** The runner dies with all that it runs; what it had written into its spool stays. The engine starts another one. */
  async killRunner(): Promise<void> {
    const gone = this.runner;
    this.scheduler.kill(gone.process);
    const own = [...this.#asked].filter((asked) => asked.by === gone.process);
    for (const asked of own) this.#asked.delete(asked);
    this.#gone.add(gone.job);
    this.runner = this.#newRunner();
    const { engine } = this;
    if (engine === undefined) return;
    await this.scheduler.start(async () => {
      const claims = own.filter((asked) => asked.what === 'claim').map((asked) => asked.going);
      engine.clearing = Promise.all([engine.clearing, ...claims]).then(() => {
        this.#inherit(engine, gone.job);
      });
      await engine.clearing;
    });
  }

  #jobs(): Jobs {
    return {
      direct: new Set(),
      start: async (orders) => {
        for (const { name } of orders) await this.#take(this.runner, name);
      },
      stop: async (stops) => {
        for (const { name } of stops) {
          const held = this.runner.held.get(nameText(name));
          if (held !== undefined) held.stopped = true;
        }
      },
      // What lies in the spool of a dead runner counts as known until it is durable.
      adopt: async (names) =>
        names.filter(
          (name) =>
            this.runner.held.has(nameText(name)) ||
            this.#spool.some((spooled) => nameText(spooled.name) === nameText(name)),
        ),
    };
  }

  async #take(runner: Runner, name: AttemptName): Promise<void> {
    if (runner.held.has(nameText(name))) return;
    const held: Held = { name, claimed: false, stopped: false };
    runner.held.set(nameText(name), held);
    await this.scheduler.start(() => this.#work(runner, held));
  }

  async #work(runner: Runner, held: Held): Promise<void> {
    const { name } = held;
    const gate = this.scheduler.gateOf(runner.process);
    const tell = <T>(what: Asked['what'], ask: (desk: AttemptDesk) => Promise<T>): Promise<T> =>
      new Promise((resolve) => {
        const send = async ({ desk }: Engine): Promise<void> => resolve(await ask(desk));
        void this.#ask({ by: runner.process, what, send });
      });
    await gate(`${nameText(name)} begins`, async () => {});
    const granted = await tell('claim', (desk) => desk.claim(runner.job, [name]));
    if (!runner.process.alive) return;
    if (granted.length === 0) {
      runner.held.delete(nameText(name));
      return;
    }
    held.claimed = true;
    await gate(`${nameText(name)} works`, async () => this.#effect(name));
    const result: AttemptResult = held.stopped
      ? { result: 'cancelled' }
      : this.effects.scripted(name);
    const report = { result, endedAt: this.ports.clock.now() };
    const spooled = { job: runner.job, name, report };
    await gate(`${nameText(name)} spools`, async () => void this.#spool.push(spooled));
    await tell('report', (desk) => desk.report(runner.job, [spooled]));
    if (!runner.process.alive) return;
    this.#spool = this.#spool.filter((each) => each !== spooled);
    runner.held.delete(nameText(name));
  }

  #effect(name: AttemptName): void {
    try {
      this.effects.done(name);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Attempts that somebody still works on. */
  get work(): readonly string[] {
    return [...this.runner.held.keys()];
  }
}
