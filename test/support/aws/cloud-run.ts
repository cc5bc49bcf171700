// Runs walked as on AWS, but for the Lambdas: bells and inbox are on a DynamoDB table, every outcome is reported by itself, and a played
// machine calls the ticks and hears their answers. A test says what the work comes to, and what comes while a tick waits for news.
import { openTable } from '#aws/table.ts';
import { compile } from '#core/compile/compile.ts';
import { Defect } from '#errors/families.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import type { TickOrder } from '#schemas/walker.ts';
import { tableBells } from '#service/bell.ts';
import { createDesk } from '#service/desk.ts';
import { expiryOf } from '#service/expiry.ts';
import type { RunRef } from '#service/keys.ts';
import { reportAttempt } from '#service/report-attempt.ts';
import { createService, type Service } from '#service/service.ts';
import { startRun } from '#service/start-run.ts';
import { tickRun } from '#service/tick-run.ts';
import { takeUpByWalks } from '#service/walks.ts';
import { PlayedMachine } from '../played-machine.ts';
import { type TestPorts, testPorts } from '../ports.ts';
import { type Recorded, record } from './recorded.ts';
import type { FreshTable } from './tables.ts';

export interface CloudRunOptions {
  readonly ticksPerExecution?: number;
}

export class CloudRun {
  readonly service: Service;
  readonly ports: TestPorts;
  readonly recorded: Recorded;
  readonly machine: PlayedMachine;
  /** What happens while a tick waits for news, which takes no time here. */
  meanwhile: (milliseconds: number) => Promise<void> = async () => {};
  /** Milliseconds that a tick has left. */
  remaining = 60_000;
  readonly #called: TickOrder[] = [];

  constructor({ client, name }: FreshTable, options: CloudRunOptions = {}) {
    this.machine = new PlayedMachine({
      call: async (order) => void this.#called.push(order),
      ...options,
    });
    this.ports = testPorts();
    this.recorded = record(client);
    const { clock } = this.ports;
    const { walks } = this.machine;
    const table = openTable(client, name, { expiry: (key) => expiryOf(key, clock.now()) });
    const bells = tableBells(
      table,
      async (_, token) => {
        await walks.answer(token, { next: 'tick' });
      },
      clock,
    );
    const ports = { ...this.ports, table, bells };
    const takeUp = takeUpByWalks({ table, clock, walks });
    this.service = createService(ports, undefined, takeUp);
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

  /** Compiles and starts; its first tick is over when it returns. */
  async start(yaml: string): Promise<RunRef> {
    const compiled = compile({ text: yaml });
    if (!compiled.ok) throw new Defect(compiled.problems.map(({ message }) => message).join('\n'));
    const request = { plan: compiled.plan as Json, inputs: {}, sources: {} };
    const ref = await startRun(this.service, 'default', request);
    await this.service.takeUp(ref, 'new');
    await this.settle();
    return ref;
  }

  /** Ticks until every run sleeps. */
  async settle(): Promise<void> {
    for (let order = this.#called.shift(); order !== undefined; order = this.#called.shift()) {
      await tickRun(
        {
          service: this.service,
          walks: this.machine.walks,
          remaining: () => this.remaining,
          sleep: (milliseconds) => this.meanwhile(milliseconds),
        },
        order,
      );
    }
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
