// Work that a simulated engine does inside its own process: it dies with the engine, and what has no handler yet waits as an offer.
import { Defect } from '#errors/families.ts';
import type { AttemptDesk, DirectDesk, Jobs } from '#ports/jobs.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import type { Gate, Scheduler } from './scheduler.ts';
import { type Effects, nameText } from './service-checks.ts';

interface Held {
  readonly name: AttemptName;
  readonly claimed: boolean;
  stopped: boolean;
}

export interface DirectSurroundings {
  /** Of the engine. */
  readonly job: string;
  readonly gate: Gate;
  readonly scheduler: Scheduler;
  readonly effects: Effects;
  readonly desk: () => AttemptDesk & DirectDesk;
  readonly now: () => number;
  /** Whether the handlers are registered. */
  readonly ready: () => boolean;
  readonly fail: (error: unknown) => void;
}

export class DirectWork implements Jobs {
  readonly direct = new Set(['function'] as const);
  readonly #around: DirectSurroundings;
  readonly #held = new Map<string, Held>();
  readonly #parked = new Map<string, AttemptName>();
  /** Being offered or claimed: who starts it once more starts nothing, as with the real handlers. */
  readonly #coming = new Set<string>();
  /** Of these it is not known yet whether they were granted. */
  readonly #claiming = new Set<string>();

  constructor(around: DirectSurroundings) {
    this.#around = around;
  }

  start: Jobs['start'] = async (orders) => {
    const { desk, ready } = this.#around;
    const fresh = orders.filter(
      ({ name }) =>
        !this.#held.has(nameText(name)) &&
        !this.#parked.has(nameText(name)) &&
        !this.#coming.has(nameText(name)),
    );
    const waits: AttemptName[] = [];
    for (const { name, offered } of fresh) {
      if (ready() && offered !== true) await this.#take(name, false);
      else waits.push(name);
    }
    if (waits.length === 0) return;
    for (const name of waits) this.#coming.add(nameText(name));
    for (const name of await desk().offer(waits)) this.#parked.set(nameText(name), name);
    for (const name of waits) this.#coming.delete(nameText(name));
    if (ready()) await this.register();
  };

  stop: Jobs['stop'] = async (stops) => {
    for (const { name } of stops) {
      this.#parked.delete(nameText(name));
      const held = this.#held.get(nameText(name));
      if (held !== undefined) held.stopped = true;
    }
  };

  adopt: Jobs['adopt'] = async (names) =>
    names.filter((name) => this.#held.has(nameText(name)) || this.#claiming.has(nameText(name)));

  /** The handlers came. */
  async register(): Promise<void> {
    const names = [...this.#parked.values()];
    this.#parked.clear();
    if (names.length === 0) return;
    for (const name of names) this.#coming.add(nameText(name));
    for (const name of names) this.#claiming.add(nameText(name));
    const claimed = await this.#around.desk().claim(this.#around.job, names);
    for (const name of claimed) await this.#take(name, true);
    for (const name of names) this.#coming.delete(nameText(name));
    for (const name of names) this.#claiming.delete(nameText(name));
  }

  async #take(name: AttemptName, claimed: boolean): Promise<void> {
    const held: Held = { name, claimed, stopped: false };
    this.#held.set(nameText(name), held);
    await this.#around.scheduler.start(() => this.#work(held));
  }

  async #work(held: Held): Promise<void> {
    const { gate, effects, desk, now, fail, job } = this.#around;
    const { name } = held;
    try {
      await gate(`${nameText(name)} works here`, async () => effects.done(name));
      const result: AttemptReport['result'] = await gate(`${nameText(name)} ends here`, async () =>
        held.stopped ? { result: 'cancelled' } : effects.scripted(name),
      );
      const report = { result, endedAt: now() };
      if (held.claimed) await desk().report(job, [{ name, report }]);
      else await desk().done(name, report);
      if (!this.#held.delete(nameText(name))) throw new Defect(`${nameText(name)} was forgotten`);
    } catch (error) {
      fail(error);
    }
  }
}
