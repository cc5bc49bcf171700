// Runs walked as on AWS, but in this process: bells and inbox are on the table, every outcome is reported by itself, and a played machine
// calls the ticks and hears their answers. A test says what the work comes to, what comes while a tick waits for news, and what time it is.
import { compile } from '#core/compile/compile.ts';
import { Defect } from '#errors/families.ts';
import type { Alarms } from '#ports/small.ts';
import type { Table } from '#ports/table.ts';
import { type AlarmMessage, alarmMessage } from '#schemas/alarm-message.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import type { TickOrder } from '#schemas/walker.ts';
import { tableBells } from '#service/bell.ts';
import { createDesk } from '#service/desk.ts';
import type { RunRef } from '#service/keys.ts';
import { reportAttempt } from '#service/report-attempt.ts';
import { type AlarmStep, ringAlarm } from '#service/ring-alarm.ts';
import { createService, type Service } from '#service/service.ts';
import { startRun } from '#service/start-run.ts';
import { type Swept, sweep } from '#service/sweep.ts';
import { type Ticked, tickRun } from '#service/tick-run.ts';
import { takeUpByWalks } from '#service/walks.ts';
import { PlayedMachine } from './played-machine.ts';
import { type TestPorts, testPorts } from './ports.ts';

export interface WalkedRunsOptions {
  readonly ticksPerExecution?: number;
  /** The table; one in memory with the bounds of DynamoDB when nothing is said. */
  readonly table?: (ports: TestPorts) => Table;
}

/** A message that sleeps in the queue of alarms. */
interface Sleeping {
  readonly alarm: AlarmMessage;
  readonly until: number;
}

export class WalkedRuns {
  readonly service: Service;
  readonly ports: TestPorts;
  readonly machine: PlayedMachine;
  /** What happens while a tick waits for news, which takes no time here. */
  meanwhile: (milliseconds: number) => Promise<void> = async () => {};
  /** Milliseconds that a tick has left. */
  remaining = 60_000;
  readonly ticked: Ticked[] = [];
  /** Runs that sweeps halted. */
  readonly halted: RunRef[] = [];
  /** What became of messages of alarms. */
  readonly rung: AlarmStep[] = [];
  sleeping: Sleeping[] = [];
  readonly #called: TickOrder[] = [];

  constructor({ ticksPerExecution, table: tableOf }: WalkedRunsOptions = {}) {
    this.machine = new PlayedMachine({
      call: async (order) => void this.#called.push(order),
      ...(ticksPerExecution === undefined ? {} : { ticksPerExecution }),
    });
    const { transactItems, advanceOutcomes, advanceStarts } = limits;
    this.ports = testPorts({ bounds: { transactItems, advanceOutcomes, advanceStarts } });
    const { clock } = this.ports;
    const { walks } = this.machine;
    const table = tableOf?.(this.ports) ?? this.ports.table;
    const send = async (_: RunRef, token: string): Promise<void> => {
      await walks.answer(token, { next: 'tick' });
    };
    this.service = createService(
      { ...this.ports, table, alarms: this.#alarms(), bells: tableBells(table, send, clock) },
      undefined,
      takeUpByWalks({ table, clock, walks }),
    );
    this.ports.jobs.connect(
      createDesk(this.service, {
        submit: async (job, reported, report) => {
          await reportAttempt(this.service, { job, name: reported, report });
        },
        notices: new Map(),
        noticed: () => {},
        lost: async () => {},
        allowedSecrets: async () => new Set(),
      }),
    );
  }

  #alarms(): Alarms {
    return {
      wake: async (namespace, run, at) => {
        const alarm = alarmMessage.parse({ v: FORMAT, namespace, run, at });
        const now = this.ports.clock.now();
        this.sleeping.push({ alarm, until: Math.min(now + limits.alarmHop, Math.max(at, now)) });
      },
    };
  }

  /** Compiles and starts; its first ticks are over when it returns. */
  async start(yaml: string): Promise<RunRef> {
    const ref = await this.create(yaml);
    await this.service.takeUp(ref, 'new');
    await this.settle();
    return ref;
  }

  /** Starts, and dies before anybody is asked to walk the run. */
  async create(yaml: string): Promise<RunRef> {
    const compiled = compile({ text: yaml });
    if (!compiled.ok) throw new Defect(compiled.problems.map(({ message }) => message).join('\n'));
    const request = { plan: compiled.plan as Json, inputs: {}, sources: {} };
    return startRun(this.service, 'default', request);
  }

  /** Ticks until every run sleeps. A call that fails is tried again by the machine. */
  async settle(): Promise<void> {
    for (let order = this.#called.shift(); order !== undefined; order = this.#called.shift()) {
      const parts = {
        service: this.service,
        walks: this.machine.walks,
        remaining: () => this.remaining,
        sleep: (milliseconds: number) => this.meanwhile(milliseconds),
      };
      try {
        this.ticked.push(await tickRun(parts, order));
      } catch {
        await this.machine.failed(order.token);
      }
    }
  }

  /** Calls of ticks that were made are lost with what made them. */
  forgetCalls(): void {
    this.#called.length = 0;
  }

  /** Time passes; messages of alarms come when they have slept, ticks that wait too long are tried again. */
  async pass(milliseconds: number, step: number = limits.sweepEvery): Promise<void> {
    const { clock } = this.ports;
    const end = clock.now() + milliseconds;
    while (clock.now() < end) {
      clock.set(Math.min(end, clock.now() + step));
      const due = this.sleeping.filter(({ until }) => until <= clock.now());
      this.sleeping = this.sleeping.filter((each) => !due.includes(each));
      for (const { alarm } of due) this.rung.push(await ringAlarm(this.service, alarm));
      await this.settle();
    }
  }

  async sweep(): Promise<Swept> {
    const swept = await this.sweepOnly();
    await this.settle();
    return swept;
  }

  /** Ticks that it leads to are called, and not done. */
  async sweepOnly(): Promise<Swept> {
    const failures: unknown[] = [];
    const swept = await sweep({
      service: this.service,
      walks: this.machine.walks,
      remaining: () => this.remaining,
      failed: (_, error) => void failures.push(error),
      began: () => {},
      halted: (ref) => void this.halted.push(ref),
    });
    if (failures.length > 0) throw failures[0];
    return swept;
  }

  /** All of them complete at once; then the run goes on. */
  async complete(addresses: readonly string[], outputs: Outputs = {}): Promise<void> {
    await this.reportAll(addresses, outputs);
    await this.settle();
  }

  /** All of them complete; nobody ticks. */
  async reportAll(addresses: readonly string[], outputs: Outputs = {}): Promise<void> {
    await Promise.all(addresses.map((address) => this.ports.jobs.complete(address, outputs)));
  }

  close(): void {
    this.ports.close();
  }
}
