// A service over the ports for tests, with a loop like the embedded engine's that a test can watch: every call advances until nothing is left
// to do, and time stands still until the test moves it.
import { compile } from '#core/compile/compile.ts';
import { Defect } from '#errors/families.ts';
import type { EventLine, RunReport } from '#schemas/report.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import { adoptRun } from '#service/adopt-run.ts';
import { advanceRun } from '#service/advance-run.ts';
import { memoryBells } from '#service/bell.ts';
import type { RunRequest } from '#service/control.ts';
import { createDesk, type Notices, refOf } from '#service/desk.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import { readEvents } from '#service/read-events.ts';
import { readReport } from '#service/read-run.ts';
import { createService, type Service } from '#service/service.ts';
import { startRun } from '#service/start-run.ts';
import type { FreshReport } from '#service/take-events.ts';
import { type TestPorts, type TestPortsOptions, testPorts } from './ports.ts';

interface Waiting extends FreshReport {
  readonly durable: () => void;
}

export class RunningService {
  readonly ports: TestPorts;
  readonly service: Service;
  readonly notices: Notices = new Map();
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #woken = new Map<string, RunRef>();
  #gen = 0;
  #settled: Promise<void> = Promise.resolve();

  constructor(options: TestPortsOptions = {}) {
    this.ports = testPorts({
      ...options,
      ring: (namespace, run) => this.#wake({ namespace, run }),
    });
    const bells = memoryBells(this.ports.table, (ref) => this.#wake(ref));
    this.service = createService({ ...this.ports, bells }, undefined, async (ref, how) => {
      if (how === 'adopt') await adoptRun(this.service, ref);
    });
    this.ports.jobs.connect(
      createDesk(this.service, {
        submit: (job, name, report) =>
          new Promise<void>((durable) => {
            const key = runKey(refOf(name));
            this.#waiting.set(key, [
              ...(this.#waiting.get(key) ?? []),
              { job, name, report, durable },
            ]);
            this.#wake(refOf(name));
            void this.settle();
          }),
        notices: this.notices,
        noticed: () => {},
        lost: async () => {},
        allowedSecrets: async () => new Set(),
      }),
    );
  }

  #wake(ref: RunRef): void {
    this.#woken.set(runKey(ref), ref);
  }

  /** Advances whatever was rung until all of it is parked; one after the other, however many ask. */
  settle(): Promise<void> {
    this.#settled = this.#settled.then(() => this.#advanceAll());
    return this.#settled;
  }

  /** A program that was started completes; settled when it returns. */
  async complete(address: string, outputs: Outputs = {}): Promise<void> {
    await this.ports.jobs.complete(address, outputs);
    await this.settle();
  }

  async fail(address: string, exitCode = 1): Promise<void> {
    await this.ports.jobs.fail(address, exitCode);
    await this.settle();
  }

  async tell(address: string, result: AttemptResult): Promise<void> {
    await this.ports.jobs.report(address, result);
    await this.settle();
  }

  async #advanceAll(): Promise<void> {
    for (const [key, ref] of this.#woken) {
      this.#woken.delete(key);
      let taken: Waiting[] = [];
      this.#gen += 1;
      await advanceRun(this.service, ref, {
        gen: this.#gen,
        token: key,
        take: (count) => {
          const all = this.#waiting.get(key) ?? [];
          taken = all.splice(0, count);
          return taken;
        },
        giveBack: () => {
          this.#waiting.set(key, [...taken, ...(this.#waiting.get(key) ?? [])]);
          taken = [];
        },
        saved: () => {
          for (const report of taken) report.durable();
          taken = [];
        },
      });
    }
  }

  /** Compiles and starts; settled when it returns. */
  async start(yaml: string, more: Partial<RunRequest> = {}): Promise<RunRef> {
    const compiled = compile({ text: yaml });
    if (!compiled.ok) throw new Defect(compiled.problems.map(({ message }) => message).join('\n'));
    return this.startPlans({ plan: compiled.plan as Json, ...more });
  }

  /** Starts what was compiled; settled when it returns. */
  async startPlans(request: Partial<RunRequest> & { plan: Json }): Promise<RunRef> {
    const ref = await startRun(this.service, 'default', { inputs: {}, sources: {}, ...request });
    await this.settle();
    return ref;
  }

  async advanceTime(milliseconds: number): Promise<void> {
    this.ports.clock.advance(milliseconds);
    await this.settle();
  }

  report(ref: RunRef): Promise<RunReport> {
    return readReport(this.service, ref, this.notices);
  }

  async events(ref: RunRef): Promise<readonly EventLine[]> {
    return (await readEvents(this.service, ref)).events;
  }

  async eventNames(ref: RunRef): Promise<readonly string[]> {
    return (await this.events(ref)).map(({ event }) => event);
  }

  close(): void {
    this.ports.close();
  }
}
