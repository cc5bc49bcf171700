// The world round a service that walks one run, as a cloud would have it: a state machine that calls ticks and times them out, jobs that are
// submitted at least once, reports first-hand and second-hand, alarms, and people who cancel, pause and emit. A port of the protocol's
// model to the real code.
import { Defect } from '#errors/families.ts';
import type { Jobs } from '#ports/jobs.ts';
import type { Table } from '#ports/table.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { advanceFailed, advanceRun } from '#service/advance-run.ts';
import { tableBells } from '#service/bell.ts';
import { cancelRun, emitEvent, pauseRun, resumeRun } from '#service/command-run.ts';
import { decideApproval } from '#service/decide-approval.ts';
import type { RunRef } from '#service/keys.ts';
import { claimAttempt } from '#service/keep-report.ts';
import { reportAttempt } from '#service/report-attempt.ts';
import { createService, type RunMemory, type Service } from '#service/service.ts';
import type { Sketch } from '#support/sketch.ts';
import { type Decidable, Decisions, unlessDecided } from './decisions.ts';
import {
  gatedAlarms,
  gatedJobs,
  gatedObjects,
  gatedTable,
  Process,
  Scheduler,
} from './scheduler.ts';
import { Effects, nameText, startedRun, watched } from './service-checks.ts';
import { Ledger } from './walk-ledger.ts';
import { type WorldPorts, worldPorts } from './world-ports.ts';

interface Job {
  readonly id: string;
  readonly name: AttemptName;
  state: 'queued' | 'running' | 'over';
  stopped: boolean;
}

/** Told when a job ends otherwise than it would have if it had been left alone. */
const CANCELLED: AttemptResult = { result: 'cancelled' };

export class ServiceWorld {
  readonly scheduler = new Scheduler();
  readonly ports: WorldPorts;
  readonly ledger: Ledger;
  readonly jobs: Job[] = [];
  readonly ticks = new Map<number, Process>();
  readonly effects: Effects;
  readonly decisions: Decisions;
  /** The state machine: the tick it waits for, by number. */
  readonly machine = { tick: 0, done: false };
  readonly ref: RunRef;
  alarms: number[] = [];
  cancelled = false;
  paused = false;
  readonly #table: Table;
  readonly #warm: Map<string, RunMemory>[] = [];
  #processes = 0;

  private constructor(sketch: Sketch, ports: WorldPorts, ref: RunRef) {
    this.ports = ports;
    this.ref = ref;
    this.ledger = new Ledger(sketch);
    this.effects = new Effects(sketch, this.ledger);
    this.decisions = new Decisions(sketch, this.ledger);
    this.#table = watched(ports.table, this.ledger, (error) => this.fail(error));
  }

  static async open(sketch: Sketch, bounds: Partial<Table['bounds']>): Promise<ServiceWorld> {
    const ports = worldPorts(bounds);
    const ref = await startedRun(sketch, ports);
    const world = new ServiceWorld(sketch, ports, ref);
    await world.nextTick();
    return world;
  }

  close(): void {
    this.ports.table.close();
  }

  #service(process: Process, warm = false): Service {
    const gate = this.scheduler.gateOf(process);
    const table = gatedTable(this.#table, gate);
    const bells = tableBells(table, (_, token) => gate(`send ${token}`, () => this.#send(token)));
    const service = createService({
      ...this.ports,
      table,
      bells,
      objects: gatedObjects(this.ports.objects, gate),
      jobs: gatedJobs(this.#jobsPort(), gate),
      alarms: gatedAlarms({ wake: async (_, __, at) => void this.alarms.push(at) }, gate),
    });
    const runs = warm ? this.#warm.pop() : undefined;
    return runs === undefined ? service : { ...service, runs };
  }

  #process(name: string): Process {
    this.#processes++;
    return new Process(`${name}.${this.#processes}`);
  }

  // The state machine

  /** Wakes the machine if it still waits on that token. */
  async #send(token: string): Promise<void> {
    if (!this.machine.done && token === `t${this.machine.tick}`) await this.nextTick();
  }

  /** Calls a tick; the one before, if it still runs, is a zombie from now on. */
  async nextTick(warm = true): Promise<void> {
    this.machine.tick++;
    const gen = this.machine.tick;
    const process = this.#process(`tick${gen}`);
    this.ticks.set(gen, process);
    process.afterCrash = async () => {
      this.ticks.delete(gen);
      if (gen === this.machine.tick && !this.machine.done) await this.nextTick(false);
    };
    await this.scheduler.start(() => this.#tick(process, gen, warm));
  }

  async #tick(process: Process, gen: number, warm: boolean): Promise<void> {
    const service = this.#service(process, warm);
    try {
      const answer = await advanceRun(service, this.ref, { gen, token: `t${gen}` });
      this.ticks.delete(gen);
      this.#warm.push(service.runs);
      if (answer === 'halted' || answer === 'gone')
        this.fail(new Defect(`the advance says ${answer}`));
      if (answer === 'done' && gen === this.machine.tick) this.machine.done = true;
    } catch (error) {
      if (!this.#isNoAnswer(error)) this.fail(error);
      await advanceFailed(service, this.ref, error).catch(() => undefined);
      this.ticks.delete(gen);
      if (gen === this.machine.tick) await this.nextTick();
    }
  }

  #isNoAnswer(error: unknown): boolean {
    return error instanceof Error && error.message.endsWith('no answer');
  }

  failure: unknown;

  fail(error: unknown): void {
    this.failure ??= error;
  }

  async crash(process: Process): Promise<void> {
    this.scheduler.kill(process);
    await process.afterCrash?.();
  }

  // Jobs

  #jobsPort(): Jobs {
    return {
      direct: new Set(),
      start: async (orders) => {
        for (const order of orders) await this.submit(order.name);
      },
      stop: async (stops) => {
        for (const { name } of stops) {
          for (const job of this.jobs) {
            if (nameText(job.name) !== nameText(name)) continue;
            job.stopped = true;
            if (job.state === 'queued') job.state = 'over';
          }
        }
      },
      adopt: async (names) =>
        names.filter((name) =>
          this.jobs.some((job) => nameText(job.name) === nameText(name) && job.state !== 'over'),
        ),
    };
  }

  async submit(name: AttemptName): Promise<void> {
    const job: Job = { id: `job${this.jobs.length + 1}`, name, state: 'queued', stopped: false };
    this.jobs.push(job);
    await this.#startWork(`${job.id}(${nameText(name)})`, (service, process) =>
      this.#work(job, service, process),
    );
  }

  async #startWork(
    name: string,
    work: (service: Service, process: Process) => Promise<void>,
  ): Promise<void> {
    const process = this.#process(name);
    const service = this.#service(process);
    // Whoever dies is called again: queues, users and batch systems do.
    process.afterCrash = () => this.#startWork(name, work);
    await this.scheduler.start(async () => {
      try {
        await work(service, process);
      } catch (error) {
        // Whoever gets no answer asks again.
        if (this.#isNoAnswer(error)) await this.#startWork(name, work);
        else this.fail(error);
      }
    });
  }

  async #work(job: Job, service: Service, process: Process): Promise<void> {
    const gate = this.scheduler.gateOf(process);
    process.afterCrash = undefined;
    await gate(`${job.id} begins`, async () => {});
    if (job.state === 'over') return;
    if (!(await claimAttempt(service, job.id, job.name))) {
      job.state = 'over';
      return;
    }
    if (job.state === 'queued') {
      job.state = 'running';
      this.#effect(job.name);
    }
    await gate(`${job.id} works`, async () => {});
    const result = job.stopped ? CANCELLED : this.effects.scripted(job.name);
    const report = { result, endedAt: this.ports.clock.now() };
    job.state = 'over';
    // Whatever becomes of the report, the batch system tells of the end as well, and goes on until it was heard.
    await this.#startWork(`event of ${job.id}`, async (own) => {
      await reportAttempt(own, { job: job.id, name: job.name, report }, { secondHand: true });
    });
    if (result.result === 'interrupted') return;
    process.afterCrash = async () => {};
    await reportAttempt(service, { job: job.id, name: job.name, report });
  }

  #effect(name: AttemptName): void {
    try {
      this.effects.done(name);
    } catch (error) {
      this.fail(error);
    }
  }

  /** A report is told once more, long after or at once. */
  async repeatEvent(job: Job): Promise<void> {
    const report = { result: this.effects.scripted(job.name), endedAt: this.ports.clock.now() };
    await this.#startWork(`again ${job.id}`, async (service) => {
      await reportAttempt(service, { job: job.id, name: job.name, report }, { secondHand: true });
    });
  }

  // People and time

  async person(what: 'cancel' | 'pause' | 'resume'): Promise<void> {
    if (what === 'cancel') this.cancelled = true;
    this.paused = what === 'pause';
    const asked = { cancel: cancelRun, pause: pauseRun, resume: resumeRun }[what];
    await this.#startWork(what, (service) => this.#unlessOver(asked(service, this.ref)));
  }

  async decide(decidable: Decidable): Promise<void> {
    const { address, verdict } = decidable;
    this.decisions.made(decidable);
    await this.#startWork(`${verdict.by} decides ${address}`, (service) =>
      this.#unlessOver(unlessDecided(decideApproval(service, this.ref, address, verdict))),
    );
  }

  async emit(external: Sketch['externals'][number]): Promise<void> {
    const { name, key, payload } = external;
    const options = { ...(key === undefined ? {} : { key }), ...(payload && { payload }) };
    await this.#startWork(name, (service) =>
      this.#unlessOver(emitEvent(service, this.ref, name, options)),
    );
  }

  async ring(): Promise<void> {
    await this.#startWork('ring', (service) => service.bells.ring(this.ref));
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
    await this.#startWork('alarm', (service) => service.bells.ring(this.ref));
    return true;
  }
}
