// Drives the real service through one run, in an order that a chooser decides, with faults; then asks whether everything is as it must be.
import { Defect } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { expected } from '#support/oracle.ts';
import type { Sketch, SketchExternal } from '#support/sketch.ts';
import { checkDecisions, type Decidable } from './decisions.ts';
import type { Process, Waiting } from './scheduler.ts';
import { checkFinished } from './service-checks.ts';
import { ServiceWorld, type WorldOptions } from './service-world.ts';

/** Retries come sooner than this; only deadlines behind somebody who never answered come later. */
const PATIENCE = limits.backstop;
const MOST_STEPS = 20_000;

/** How many of each may still come. */
export interface Faults {
  /** A tick dies between two calls and is called again. */
  crashes: number;
  /** A tick is taken for dead and goes on as a zombie beside its successor. */
  timeouts: number;
  /** Another walk is begun, because the one before was stopped or is taken for dead. */
  walks: number;
  /** A tick is short of time. */
  hurries: number;
  /** A reporter dies between two calls. */
  reporters: number;
  /** A call has no answer, before or after it had its effect. */
  lostAnswers: number;
  /** An order is submitted twice, a report told again, a bell rung for nothing. */
  duplicates: number;
  cancels: number;
  pauses: number;
}

export const NO_FAULTS: Faults = {
  crashes: 0,
  timeouts: 0,
  walks: 0,
  hurries: 0,
  reporters: 0,
  lostAnswers: 0,
  duplicates: 0,
  cancels: 0,
  pauses: 0,
};

/** One thing that could happen next. */
export interface Option {
  readonly label: string;
  readonly kind: keyof Faults | 'call' | 'emit';
  /** Who makes the call. */
  readonly process?: Process;
  readonly take: () => Promise<void>;
}

export interface Chooser {
  /** Answers an index into the options; calls come first, in the order in which they came to wait. */
  choose(options: readonly Option[]): number;
}

export interface ServiceRunOptions {
  readonly faults: Faults;
  readonly bounds?: { readonly advanceOutcomes: number; readonly advanceStarts: number };
  readonly machine?: WorldOptions;
  /** What the run comes to depends on the order. */
  readonly wild?: boolean;
  readonly trace?: (line: string) => void;
}

export interface ServiceRun {
  readonly steps: number;
  readonly ticks: number;
}

/** Walks the sketch's run to its end. Throws with what is wrong. */
export async function simulateRun(
  sketch: Sketch,
  chooser: Chooser,
  options: ServiceRunOptions,
): Promise<ServiceRun> {
  const bounds = {
    transactItems: limits.transactItems,
    advanceOutcomes: limits.advanceOutcomes,
    advanceStarts: 40,
    ...options.bounds,
  };
  const world = await ServiceWorld.open(sketch, bounds, options.machine);
  try {
    return await new Drive(world, sketch, chooser, options).run();
  } finally {
    world.close();
  }
}

class Drive {
  readonly #world: ServiceWorld;
  readonly #sketch: Sketch;
  readonly #chooser: Chooser;
  readonly #options: ServiceRunOptions;
  readonly #left: Faults;
  readonly #unsent: SketchExternal[];
  /** Whether the run must be ended by its own timeout. */
  readonly #timesOut: boolean;

  constructor(world: ServiceWorld, sketch: Sketch, chooser: Chooser, options: ServiceRunOptions) {
    this.#world = world;
    this.#sketch = sketch;
    this.#chooser = chooser;
    this.#options = options;
    this.#left = { ...options.faults };
    this.#unsent = [...sketch.externals];
    this.#timesOut = options.wild === true || expected(sketch).run.status === 'timed_out';
  }

  async run(): Promise<ServiceRun> {
    for (let step = 0; step < MOST_STEPS; step++) {
      const world = this.#world;
      if (world.failure !== undefined) throw world.failure;
      if (world.scheduler.waiting.length === 0) {
        if (world.done && world.ledger.end !== undefined) {
          await this.#check(world);
          return { steps: step, ticks: world.machine.calls };
        }
        await this.#nothingHappens();
        continue;
      }
      const options = this.#possible();
      const chosen = options[this.#chooser.choose(options)];
      if (chosen === undefined) throw new Defect('chose what is not there');
      this.#options.trace?.(`${step} ${chosen.label}`);
      await chosen.take();
    }
    throw new Defect('the run does not end');
  }

  #possible(): Option[] {
    const { scheduler } = this.#world;
    const options: Option[] = scheduler.waiting.map((each, index) => ({
      kind: 'call',
      label: `${each.process.name}: ${each.label}`,
      process: each.process,
      take: async () => scheduler.take(index)?.go(),
    }));
    for (const [index, each] of scheduler.waiting.entries())
      options.push(...this.#faultsAt(each, index));
    if (!this.#world.done) options.push(...this.#faultsAround(), ...this.#faultsOfMachine());
    return options;
  }

  #faultsAt(waiting: Waiting, index: number): Option[] {
    const { scheduler, ticks } = this.#world;
    const { process } = waiting;
    const isTick = [...ticks.values()].includes(process);
    const options: Option[] = [];
    const kind = isTick ? 'crashes' : 'reporters';
    if (this.#left[kind] > 0 && process.afterCrash !== undefined) {
      options.push(
        this.#fault(kind, `${process.name} CRASHES before ${waiting.label}`, () =>
          this.#world.crash(process),
        ),
      );
    }
    if (this.#left.lostAnswers > 0 && process.afterCrash !== undefined) {
      for (const after of [false, true]) {
        const label = `${process.name}: NO ANSWER ${after ? 'after' : 'before'} ${waiting.label}`;
        options.push(
          this.#fault('lostAnswers', label, async () => scheduler.take(index)?.refuse(after)),
        );
      }
    }
    return options;
  }

  #fault(kind: keyof Faults, label: string, take: () => Promise<void>): Option {
    return {
      kind,
      label,
      take: async () => {
        this.#left[kind]--;
        await take();
      },
    };
  }

  #faultsAround(): Option[] {
    const world = this.#world;
    const options: Option[] = [];
    if (this.#left.duplicates > 0) {
      for (const job of world.jobs) {
        const { address, attempt } = job.name;
        const label = `${address}#${attempt}`;
        options.push(
          this.#fault('duplicates', `SUBMIT ${label} AGAIN`, () => world.submit(job.name)),
          this.#fault('duplicates', `EVENT OF ${job.id} AGAIN`, () => world.repeatEvent(job)),
        );
      }
      options.push(this.#fault('duplicates', 'RING', () => world.ring()));
    }
    if (this.#left.cancels > 0) {
      options.push(this.#fault('cancels', 'CANCEL', () => world.person('cancel')));
    }
    if (this.#left.pauses > 0 && !world.paused) {
      options.push(this.#fault('pauses', 'PAUSE', () => world.person('pause')));
    }
    for (const each of world.decisions.open) {
      const { address } = each;
      options.push({
        kind: 'emit',
        label: `DECIDE ${address}`,
        take: () => world.decide(each),
      });
      if (this.#left.duplicates > 0)
        options.push(
          this.#fault('duplicates', `TWO DECIDE ${address}`, async () => {
            await world.decide(each);
            await world.decide(this.#second(each));
          }),
        );
    }
    const [external] = this.#unsent;
    if (external !== undefined) {
      options.push({ kind: 'emit', label: `EMIT ${external.name}`, take: () => this.#emit() });
    }
    return options;
  }

  #faultsOfMachine(): Option[] {
    const world = this.#world;
    const options: Option[] = [];
    if (this.#left.timeouts > 0) {
      for (const execution of world.machine.running)
        options.push(
          this.#fault('timeouts', `TIMEOUT ${execution.name}`, () => world.timeout(execution)),
        );
    }
    if (this.#left.walks > 0) {
      options.push(
        this.#fault('walks', 'ANOTHER WALK', () => world.takeOver(false)),
        this.#fault('walks', 'THE WALK DIES', () => world.takeOver(true)),
      );
    }
    if (this.#left.hurries > 0) {
      for (const process of world.ticks.values())
        options.push(
          this.#fault('hurries', `${process.name} HURRIES`, async () => {
            world.hurried.add(process);
          }),
        );
    }
    return options;
  }

  /** Of two who decide at once; the other way only where what it comes to may depend on the order. */
  #second({ address, verdict }: Decidable): Decidable {
    const approve = this.#options.wild === true ? !verdict.approve : verdict.approve;
    return { address, verdict: { approve, by: 'bob' } };
  }

  async #emit(): Promise<void> {
    const external = this.#unsent.shift();
    if (external !== undefined) await this.#world.emit(external);
  }

  /** Nobody does anything: an event from outside, a resume or an alarm comes, or the run sleeps until a sweep, which it must not. */
  async #nothingHappens(): Promise<void> {
    const world = this.#world;
    if (this.#unsent.length > 0) return this.#emit();
    const [decidable] = world.decisions.open;
    if (decidable !== undefined) return world.decide(decidable);
    if (world.paused) return world.person('resume');
    // Walks that others have taken over sleep until they time out; then they must leave.
    const [asleep] = world.machine.running;
    if (world.ledger.end !== undefined && asleep !== undefined) return world.timeout(asleep);
    const next = Math.min(...world.alarms);
    const patient = next - world.ports.clock.now() < PATIENCE || this.#timesOut;
    this.#options.trace?.(`alarm ${next}`);
    if (patient && (await world.alarm())) return;
    throw new Defect('asleep until a sweep: a wake-up was lost');
  }

  async #check({ ledger, jobs, ref, ports, cancelled }: ServiceWorld): Promise<void> {
    const left = jobs.filter((job) => job.state !== 'over');
    if (left.length > 0) throw new Defect(`jobs are left: ${JSON.stringify(left)}`);
    const settled = this.#options.wild !== true && !cancelled;
    const { faults } = this.#options;
    const deaths = ['crashes', 'reporters', 'lostAnswers'] as const;
    const tidy = deaths.every((each) => this.#left[each] === faults[each]);
    await checkFinished({ sketch: this.#sketch, ref, ports, ledger, settled, tidy });
    await checkDecisions(this.#sketch, { ledger, ports, ref });
  }
}
