// Runs walked as on AWS, but for the machine and the Lambdas: bells and inbox are on a DynamoDB table, every outcome is reported by itself,
// and a tick is called when the token that it left is sent. A test says what the work comes to.
import { openTable } from '#aws/table.ts';
import { compile } from '#core/compile/compile.ts';
import { Defect } from '#errors/families.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import { advanceRun } from '#service/advance-run.ts';
import { tableBells } from '#service/bell.ts';
import { createDesk } from '#service/desk.ts';
import { expiryOf } from '#service/expiry.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import { reportAttempt } from '#service/report-attempt.ts';
import { createService, type Service } from '#service/service.ts';
import { startRun } from '#service/start-run.ts';
import { type TestPorts, testPorts } from '../ports.ts';
import { type Recorded, record } from './recorded.ts';
import type { FreshTable } from './tables.ts';

export class CloudRun {
  readonly service: Service;
  readonly ports: TestPorts;
  readonly recorded: Recorded;
  ticks = 0;
  readonly #asleep = new Map<string, string>();
  readonly #woken = new Map<string, RunRef>();

  constructor({ client, name }: FreshTable) {
    this.ports = testPorts({ ring: (namespace, run) => this.#wake({ namespace, run }) });
    this.recorded = record(client);
    const table = openTable(client, name, {
      expiry: (key) => expiryOf(key, this.ports.clock.now()),
    });
    const bells = tableBells(table, async (ref, token) => {
      if (this.#asleep.get(runKey(ref)) === token) this.#wake(ref);
    });
    this.service = createService({ ...this.ports, table, bells });
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

  #wake(ref: RunRef): void {
    this.#woken.set(runKey(ref), ref);
  }

  /** Compiles and starts; its first tick is over when it returns. */
  async start(yaml: string): Promise<RunRef> {
    const compiled = compile({ text: yaml });
    if (!compiled.ok) throw new Defect(compiled.problems.map(({ message }) => message).join('\n'));
    const request = { plan: compiled.plan as Json, inputs: {}, sources: {} };
    const ref = await startRun(this.service, 'default', request);
    // The machine begins with a tick, which nobody has to ring for.
    this.#wake(ref);
    await this.settle();
    return ref;
  }

  /** Ticks until every run sleeps. */
  async settle(): Promise<void> {
    for (const [key, ref] of this.#woken) {
      this.#woken.delete(key);
      this.ticks += 1;
      const token = `tick-${this.ticks}`;
      // Whoever is rung while it walks on finds the token only after it was left.
      this.#asleep.set(key, token);
      await advanceRun(this.service, ref, { gen: this.ticks, token });
    }
  }

  /** All of them complete at once; then the run goes on. */
  async complete(addresses: readonly string[], outputs: Outputs = {}): Promise<void> {
    await Promise.all(addresses.map((address) => this.ports.jobs.complete(address, outputs)));
    await this.settle();
  }

  close(): void {
    this.ports.close();
  }
}
