// Runs inside runs, walked by the real service, with the order of every call of a port left to chance. As a cloud has it: a walker for
// each run, which dies and is called again, and zombies of walkers. As one machine has it: an engine that walks all of them, dies as a
// whole, and adopts what it left.
import { Defect } from '#errors/families.ts';
import type { Jobs } from '#ports/jobs.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { adoptRun } from '#service/adopt-run.ts';
import { advanceFailed, advanceRun } from '#service/advance-run.ts';
import { type Bells, memoryBells, tableBells } from '#service/bell.ts';
import { claimAttempt } from '#service/keep-report.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import { reportAttempt } from '#service/report-attempt.ts';
import { createService, type Service } from '#service/service.ts';
import { startRun } from '#service/start-run.ts';
import { Dice } from '#support/dice.ts';
import { requestOf, type Texts } from '#support/sub-pipelines.ts';
import {
  gatedAlarms,
  gatedJobs,
  gatedObjects,
  gatedTable,
  Process,
  Scheduler,
} from './scheduler.ts';
import { IDLE_JOBS, NO_ALARMS } from './service-checks.ts';
import { type WorldPorts, worldPorts } from './world-ports.ts';

export type Place = 'cloud' | 'engine';

interface Job {
  readonly id: string;
  readonly name: AttemptName;
  stopped: boolean;
  over: boolean;
  worked: boolean;
}

interface Machine {
  readonly ref: RunRef;
  tick: number;
  done: boolean;
  process: Process | undefined;
}

/** One life of the engine. */
interface Life {
  readonly process: Process;
  readonly service: Service;
  readonly owned: Map<string, { readonly ref: RunRef; rung: boolean; working: boolean }>;
}

export class SubRunWorld {
  readonly scheduler = new Scheduler();
  readonly ports: WorldPorts;
  readonly jobs: Job[] = [];
  readonly machines = new Map<string, Machine>();
  readonly main: RunRef;
  readonly place: Place;
  alarms: { ref: RunRef; at: number }[] = [];
  wanted: 'run' | 'pause' | 'cancel' = 'run';
  failure: unknown;
  readonly #seed: number;
  readonly #effects = new Set<string>();
  #life: Life | undefined;
  #gen = 0;
  #processes = 0;

  private constructor(place: Place, seed: number, ports: WorldPorts, main: RunRef) {
    this.place = place;
    this.#seed = seed;
    this.ports = ports;
    this.main = main;
  }

  static async open(place: Place, seed: number, texts: Texts): Promise<SubRunWorld> {
    const transactItems = place === 'cloud' ? limits.transactItems : 5_000;
    const ports = worldPorts({ transactItems });
    const bells = tableBells(ports.table, async () => {});
    const quiet = createService({ ...ports, bells, jobs: IDLE_JOBS, alarms: NO_ALARMS });
    const request = { ...requestOf(texts), inputs: {}, sources: {} };
    const main = await startRun(quiet, 'default', request);
    const world = new SubRunWorld(place, seed, ports, main);
    if (place === 'cloud') await world.#machine(main);
    else await world.#begin();
    return world;
  }

  close(): void {
    this.ports.table.close();
  }

  get isOver(): boolean {
    const cloud = [...this.machines.values()].every(({ done }) => done);
    return this.place === 'cloud' ? cloud : this.#life?.owned.size === 0;
  }

  fail(error: unknown): void {
    this.failure ??= error;
  }

  #service(process: Process, bellsOver?: (table: Service['table']) => Bells): Service {
    const gate = this.scheduler.gateOf(process);
    const table = gatedTable(this.ports.table, gate);
    const bells =
      bellsOver?.(table) ??
      tableBells(table, (ref, token) => gate(`send ${token}`, () => this.#send(ref, token)));
    const alarms = gatedAlarms(
      {
        wake: async (namespace, run, at) => void this.alarms.push({ ref: { namespace, run }, at }),
      },
      gate,
    );
    const ports = { ...this.ports, table, bells, alarms };
    return createService(
      {
        ...ports,
        objects: gatedObjects(this.ports.objects, gate),
        jobs: gatedJobs(this.#jobsPort(), gate),
      },
      undefined,
      (ref, how) =>
        this.place === 'cloud'
          ? gate('take up', () => this.#machine(ref))
          : this.#takeUp(process, ref, how),
    );
  }

  #process(name: string): Process {
    this.#processes += 1;
    return new Process(`${name}.${this.#processes}`);
  }

  #isNoAnswer(error: unknown): boolean {
    return error instanceof Error && error.message.endsWith('no answer');
  }

  // A cloud: a state machine for each run

  async #machine(ref: RunRef): Promise<void> {
    if (this.machines.has(ref.run)) return;
    const machine: Machine = { ref, tick: 0, done: false, process: undefined };
    this.machines.set(ref.run, machine);
    await this.nextTick(machine);
  }

  async #send(ref: RunRef, token: string): Promise<void> {
    const machine = this.machines.get(ref.run);
    if (machine !== undefined && !machine.done && token === `t${machine.tick}`)
      await this.nextTick(machine);
  }

  /** Calls a tick; the one before, if it still runs, is a zombie from now on. */
  async nextTick(machine: Machine): Promise<void> {
    machine.tick += 1;
    const gen = machine.tick;
    const process = this.#process(`tick ${machine.ref.run.slice(-3)} ${gen}`);
    machine.process = process;
    process.afterCrash = async () => {
      if (gen === machine.tick && !machine.done) await this.nextTick(machine);
    };
    await this.scheduler.start(() => this.#tick(process, machine, gen));
  }

  async #tick(process: Process, machine: Machine, gen: number): Promise<void> {
    const service = this.#service(process);
    try {
      const answer = await advanceRun(service, machine.ref, { gen, token: `t${gen}` });
      if (answer === 'halted' || answer === 'gone') this.fail(new Defect(`an advance: ${answer}`));
      if (answer === 'done' && gen === machine.tick) machine.done = true;
    } catch (error) {
      if (!this.#isNoAnswer(error)) this.fail(error);
      await advanceFailed(service, machine.ref, error).catch(() => undefined);
      if (gen === machine.tick) await this.nextTick(machine);
    }
  }

  // One machine: an engine

  async #begin(): Promise<void> {
    const process = this.#process('engine');
    const owned: Life['owned'] = new Map();
    const service = this.#service(process, (table) => memoryBells(table, (ref) => this.#wake(ref)));
    this.#life = { process, service, owned };
    process.afterCrash = () => this.#begin();
    await this.scheduler.start(async () => {
      // The runner is asked first what it still has.
      for (const job of this.jobs) if (!job.over) void this.#drive(job);
      await this.#takeUp(process, this.main, 'adopt').catch((error: unknown) => this.fail(error));
    });
  }

  async #takeUp(process: Process, ref: RunRef, how: 'new' | 'adopt'): Promise<void> {
    const life = this.#life;
    if (life?.process !== process) return;
    const known = life.owned.has(runKey(ref));
    if (!known) life.owned.set(runKey(ref), { ref, rung: false, working: false });
    if (how === 'adopt' && !known) await adoptRun(life.service, ref);
    this.#wake(ref);
  }

  #wake(ref: RunRef): void {
    const life = this.#life;
    const loop = life?.owned.get(runKey(ref));
    if (life === undefined || loop === undefined) return;
    loop.rung = true;
    if (!loop.working) void this.#walk(life, loop);
  }

  async #walk(
    life: Life,
    loop: { readonly ref: RunRef; rung: boolean; working: boolean },
  ): Promise<void> {
    loop.working = true;
    while (loop.rung && life.process.alive) {
      loop.rung = false;
      this.#gen += 1;
      try {
        const options = { gen: this.#gen, token: 'here' };
        const answer = await advanceRun(life.service, loop.ref, options);
        if (answer === 'done') life.owned.delete(runKey(loop.ref));
      } catch (error) {
        this.fail(error);
      }
    }
    loop.working = false;
  }

  // Jobs

  #jobsPort(): Jobs {
    const same = (one: AttemptName, other: AttemptName): boolean => textOf(one) === textOf(other);
    return {
      direct: new Set(),
      start: async (orders) => {
        for (const { name } of orders) {
          const id = `job${this.jobs.length + 1}`;
          const job: Job = { id, name, stopped: false, over: false, worked: false };
          this.jobs.push(job);
          void this.#drive(job);
        }
      },
      stop: async (stops) => {
        for (const { name } of stops)
          for (const job of this.jobs) if (same(job.name, name)) job.stopped = true;
      },
      adopt: async (names) =>
        names.filter((name) => this.jobs.some((job) => same(job.name, name) && !job.over)),
    };
  }

  /** Claims, works, reports; whoever hears it may die, and it is told again. */
  async #drive(job: Job): Promise<void> {
    const life = this.#life;
    const process =
      this.place === 'engine' && life !== undefined ? life.process : this.#process(job.id);
    const service =
      this.place === 'engine' && life !== undefined ? life.service : this.#service(process);
    if (this.place === 'cloud') process.afterCrash = () => this.#drive(job);
    await this.scheduler.start(async () => {
      try {
        await this.scheduler.gateOf(process)(`${job.id} begins`, async () => {});
        if (!job.worked && !(await claimAttempt(service, job.id, job.name))) {
          job.over = true;
          return;
        }
        if (!job.worked) this.#effect(job);
        const report = { result: this.#resultOf(job), endedAt: this.ports.clock.now() };
        await reportAttempt(service, { job: job.id, name: job.name, report });
        job.over = true;
      } catch (error) {
        if (!this.#isNoAnswer(error)) this.fail(error);
        else await this.#drive(job);
      }
    });
  }

  #effect(job: Job): void {
    job.worked = true;
    const text = textOf(job.name);
    if (this.#effects.has(text)) this.fail(new Defect(`${text} was done twice`));
    this.#effects.add(text);
  }

  /** The same for the same attempt of the same seed. */
  #resultOf({ name, stopped }: Job): AttemptResult {
    if (stopped) return { result: 'cancelled' };
    let hash = this.#seed;
    for (const letter of `${name.run.slice(-6)}${name.address}${name.attempt}`)
      hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
    if (new Dice(hash).chance(0.2))
      return { result: 'failed', reason: 'exit', message: 'exit code 1', exitCode: 1 };
    return { result: 'completed', outputs: { rows: 1 } };
  }

  // People and time

  async person(work: (service: Service) => Promise<void>, name: string): Promise<void> {
    if (this.place === 'engine') {
      const life = this.#life;
      if (life === undefined) return;
      const again = life.process.afterCrash;
      // Whoever asked and heard nothing asks the next engine.
      let answered = false;
      life.process.afterCrash = async () => {
        await again?.();
        if (!answered) await this.person(work, name);
      };
      await this.scheduler.start(async () => {
        await work(life.service).catch((error: unknown) => this.#unlessOver(error));
        answered = true;
      });
      return;
    }
    const process = this.#process(name);
    process.afterCrash = () => this.person(work, name);
    await this.scheduler.start(() =>
      work(this.#service(process)).catch((error: unknown) =>
        this.#isNoAnswer(error) ? this.person(work, name) : this.#unlessOver(error),
      ),
    );
  }

  #unlessOver(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'wrong_state') this.fail(error);
  }

  /** The next alarm goes off, if it comes soon; false when there is none. */
  async alarm(): Promise<boolean> {
    const next = this.alarms.reduce<{ ref: RunRef; at: number } | undefined>(
      (least, each) => (least === undefined || each.at < least.at ? each : least),
      undefined,
    );
    if (next === undefined || next.at - this.ports.clock.now() > limits.backstop) return false;
    this.alarms = this.alarms.filter((each) => each !== next);
    if (next.at > this.ports.clock.now()) this.ports.clock.set(next.at);
    const life = this.#life;
    if (life !== undefined)
      await this.scheduler.start(() => life.service.bells.ring(next.ref).catch(() => undefined));
    else await this.person((service) => service.bells.ring(next.ref), 'alarm');
    return true;
  }

  async crash(process: Process): Promise<void> {
    const { afterCrash } = process;
    this.scheduler.kill(process);
    await afterCrash?.();
  }
}

const textOf = ({ run, address, attempt }: AttemptName): string => `${run}/${address}#${attempt}`;
