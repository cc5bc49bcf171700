// The world round a service that walks one run, as a cloud would have it: a state machine that calls ticks and times them out, jobs that are
// submitted at least once, reports first-hand and second-hand, alarms, and people who cancel, pause and emit. A port of the protocol's
// model to the real code.
import { Defect } from '#errors/families.ts';
import type { Jobs } from '#ports/jobs.ts';
import type { Table } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { TickOrder } from '#schemas/walker.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { tableBells } from '#service/bell.ts';
import { cancelRun, emitEvent, pauseRun, resumeRun } from '#service/command-run.ts';
import { decideApproval } from '#service/decide-approval.ts';
import { claimAttempt } from '#service/keep-report.ts';
import type { RunRef } from '#service/keys.ts';
import { reportAttempt } from '#service/report-attempt.ts';
import { ringAlarm } from '#service/ring-alarm.ts';
import { createService, type RunMemory, type Service } from '#service/service.ts';
import { tickRun } from '#service/tick-run.ts';
import { readSigns } from '#service/walk-signs.ts';
import { beginFirstWalk, beginNextWalk, takeUpByWalks } from '#service/walks.ts';
import { type Execution, PlayedMachine } from '#support/played-machine.ts';
import type { Sketch } from '#support/sketch.ts';
import { type Decidable, Decisions, unlessDecided } from './decisions.ts';
import {
  gatedAlarms,
  gatedJobs,
  gatedObjects,
  gatedTable,
  gatedWalks,
  Process,
  Scheduler,
} from './scheduler.ts';
import { Effects, nameText, startedRun, watched } from './service-checks.ts';
import { Ledger } from './walk-ledger.ts';
import { type WorldPorts, worldPorts } from './world-ports.ts';

export interface WorldOptions {
  /** Live attempts from which on a tick waits for news. */
  readonly lingerLive?: number;
  readonly ticksPerExecution?: number;
}

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
  readonly ticks = new Map<string, Process>();
  /** Ticks that have little time left. */
  readonly hurried = new Set<Process>();
  readonly effects: Effects;
  readonly decisions: Decisions;
  readonly machine: PlayedMachine;
  readonly ref: RunRef;
  alarms: number[] = [];
  readonly #lingerLive: number;
  cancelled = false;
  paused = false;
  readonly #table: Table;
  readonly #warm: Map<string, RunMemory>[] = [];
  #processes = 0;

  private constructor(sketch: Sketch, ports: WorldPorts, ref: RunRef, how: WorldOptions) {
    this.ports = ports;
    this.#lingerLive = how.lingerLive ?? Number.POSITIVE_INFINITY;
    this.machine = new PlayedMachine({
      call: (order) => this.#call(order),
      ...(how.ticksPerExecution && { ticksPerExecution: how.ticksPerExecution }),
    });
    this.ref = ref;
    this.ledger = new Ledger(sketch);
    this.effects = new Effects(sketch, this.ledger);
    this.decisions = new Decisions(sketch, this.ledger);
    this.#table = watched(ports.table, this.ledger, (error) => this.fail(error));
  }

  static async open(
    sketch: Sketch,
    bounds: Partial<Table['bounds']>,
    how: WorldOptions = {},
  ): Promise<ServiceWorld> {
    const ports = worldPorts(bounds);
    const ref = await startedRun(sketch, ports);
    const world = new ServiceWorld(sketch, ports, ref, how);
    await beginFirstWalk(world.machine.walks, ref);
    return world;
  }

  /** Nothing walks the run any more. */
  get done(): boolean {
    return this.machine.running.length === 0;
  }

  close(): void {
    this.ports.table.close();
  }

  #service(process: Process, warm = false): Service {
    const gate = this.scheduler.gateOf(process);
    const table = gatedTable(this.#table, gate);
    const walks = gatedWalks(this.machine.walks, gate);
    const { clock } = this.ports;
    const send = async (_: RunRef, token: string): Promise<void> => {
      await walks.answer(token, { next: 'tick' });
    };
    const bells = tableBells(table, send, clock);
    const service = createService(
      {
        ...this.ports,
        table,
        bells,
        objects: gatedObjects(this.ports.objects, gate),
        jobs: gatedJobs(this.#jobsPort(), gate),
        alarms: gatedAlarms({ wake: async (_, __, at) => void this.alarms.push(at) }, gate),
      },
      undefined,
      takeUpByWalks({ table, clock, walks }),
    );
    const runs = warm ? this.#warm.pop() : undefined;
    return runs === undefined ? service : { ...service, runs };
  }

  #process(name: string): Process {
    this.#processes++;
    return new Process(`${name}.${this.#processes}`);
  }

  // The state machine

  /** Calls a tick. The one before it, if it still runs, is a zombie from now on. */
  async #call(order: TickOrder): Promise<void> {
    const { token, walk, tick, retry } = order;
    const process = this.#process(`tick${walk}.${tick}.${retry}`);
    this.ticks.set(token, process);
    process.afterCrash = async () => {
      this.ticks.delete(token);
      await this.machine.failed(token);
    };
    // One that follows another finds what that one has left in memory.
    await this.scheduler.start(() => this.#tick(process, order, retry === 0));
  }

  async #tick(process: Process, order: TickOrder, warm: boolean): Promise<void> {
    const service = this.#service(process, warm);
    const gate = this.scheduler.gateOf(process);
    const parts = {
      service,
      walks: gatedWalks(this.machine.walks, gate),
      remaining: () => (this.hurried.has(process) ? 0 : Number.POSITIVE_INFINITY),
      sleep: () => gate('waits a little', async () => {}),
      lingerLive: this.#lingerLive,
    };
    try {
      const ticked = await tickRun(parts, order);
      this.ticks.delete(order.token);
      this.#warm.push(service.runs);
      if ('error' in ticked && !this.#isNoAnswer(ticked.error)) this.fail(ticked.error);
      if (ticked.came === 'halted' || ticked.came === 'gone')
        this.fail(new Defect(`the tick says ${ticked.came}`));
    } catch (error) {
      if (!this.#isNoAnswer(error)) this.fail(error);
      await process.afterCrash?.();
    }
  }

  /** The machine takes the tick of an execution for dead. */
  async timeout(execution: Execution): Promise<void> {
    await this.machine.timeout(execution);
  }

  /** An execution is stopped, and a sweep finds that; or a sweep is wrong, and its walk is alive. */
  async takeOver(dead: boolean): Promise<void> {
    if (dead) for (const execution of this.machine.running) this.machine.abort(execution);
    await this.#startWork('sweep', async (service, process) => {
      const walks = gatedWalks(this.machine.walks, this.scheduler.gateOf(process));
      const [signs] = await readSigns(service.table, [this.ref]);
      if (signs !== undefined) await beginNextWalk({ ...service, walks }, this.ref, signs);
      // Somebody else has begun one, or died while he did: then the next sweep begins another one.
      if (this.done && this.ledger.end === undefined) await this.takeOver(false);
    });
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

  /** The message of the next alarm comes; false when there is none. */
  async alarm(): Promise<boolean> {
    const at = Math.min(...this.alarms);
    if (!Number.isFinite(at)) return false;
    this.alarms = this.alarms.filter((each) => each !== at);
    if (at > this.ports.clock.now()) this.ports.clock.set(at);
    await this.#startWork('alarm', async (service) => {
      await ringAlarm(service, { v: FORMAT, ...this.ref, at });
    });
    return true;
  }
}
