// Drives the engine of one machine through one run: kills of the engine between any two calls, of the runner, of both, and what people ask
// in between, in an order that a chooser decides.
import { Defect } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { Dice } from '#support/dice.ts';
import { expected } from '#support/oracle.ts';
import { randomSketch } from '#support/random-plans.ts';
import type { Sketch, SketchExternal } from '#support/sketch.ts';
import { checkDecisions } from './decisions.ts';
import { EngineWorld, type Wish } from './engine-world.ts';
import { checkFinished, withKept } from './service-checks.ts';
import { RandomChooser } from './service-random.ts';
import type { Chooser, Option } from './service-simulation.ts';

const MOST_STEPS = 20_000;

export interface EngineFaults {
  engines: number;
  runners: number;
  wishes: Wish[];
}

export interface EngineRun {
  readonly steps: number;
  readonly engines: number;
}

export interface EngineOptions {
  readonly faults: EngineFaults;
  readonly bounds?: { readonly advanceOutcomes: number; readonly advanceStarts: number };
  readonly wild?: boolean;
  /** Handlers are registered only at some moment of the run. */
  readonly late?: boolean;
  readonly trace?: (line: string) => void;
}

/** One seed: a small random plan, random kills, an order in which some are slow. */
export function simulateEngine(
  seed: number,
  options: { readonly trace?: (line: string) => void } = {},
): Promise<EngineRun> {
  const dice = new Dice(seed ^ 0xe761e);
  const wild = seed % 4 === 3;
  const random = randomSketch(seed, { maxNodes: 6, mode: wild ? 'wild' : 'settled' });
  const wishes: Wish[] = dice.chance(0.3) ? ['pause'] : [];
  if (dice.chance(0.3)) wishes.push('cancel');
  if (dice.chance(0.1)) wishes.push('pause', 'cancel');
  const nodes = random.nodes.map((node) =>
    node.kind === 'steps' && dice.chance(0.4) ? { ...node, direct: true } : node,
  );
  const sketch = withKept({ ...random, nodes, seeds: new Map() }, dice);
  return simulateEngineRun(sketch, new RandomChooser(dice), {
    late: dice.chance(0.3),
    faults: {
      engines: dice.chance(0.3) ? 0 : dice.between(1, 4),
      runners: dice.chance(0.6) ? 0 : dice.between(1, 2),
      wishes,
    },
    wild,
    bounds: {
      advanceOutcomes: dice.pick([1, 2, 1_000] as const),
      advanceStarts: dice.pick([1, 2, 1_000] as const),
    },
    ...(options.trace && { trace: options.trace }),
  });
}

/** Walks the sketch's run to its end. Throws with what is wrong. */
export async function simulateEngineRun(
  sketch: Sketch,
  chooser: Chooser,
  options: EngineOptions,
): Promise<EngineRun> {
  const world = await EngineWorld.open(sketch, { ...options.bounds });
  world.registered = options.late !== true;
  try {
    return await new EngineDrive(world, sketch, { ...options, chooser }).run();
  } finally {
    world.close();
  }
}

class EngineDrive {
  readonly #world: EngineWorld;
  readonly #sketch: Sketch;
  readonly #options: EngineOptions & { readonly chooser: Chooser };
  readonly #left: EngineFaults;
  readonly #unsent: SketchExternal[];
  readonly #timesOut: boolean;
  /** Interruptions add attempts: then the script no longer says how the run ends. */
  #disturbed = false;

  constructor(
    world: EngineWorld,
    sketch: Sketch,
    options: EngineOptions & { readonly chooser: Chooser },
  ) {
    this.#world = world;
    this.#sketch = sketch;
    this.#options = options;
    this.#left = { ...options.faults, wishes: [...options.faults.wishes] };
    this.#unsent = [...sketch.externals];
    this.#timesOut = options.wild === true || expected(sketch).run.status === 'timed_out';
  }

  async run(): Promise<EngineRun> {
    const world = this.#world;
    for (let step = 0; step < MOST_STEPS; step++) {
      if (world.failure !== undefined) throw world.failure;
      if (world.scheduler.waiting.length === 0) {
        if (world.done) {
          await this.#check();
          return { steps: step, engines: world.engines };
        }
        await this.#nothingHappens();
        continue;
      }
      const options = this.#possible();
      const chosen = options[this.#options.chooser.choose(options)];
      if (chosen === undefined) throw new Defect('chose what is not there');
      this.#options.trace?.(`${step} ${chosen.label}`);
      await chosen.take();
    }
    throw new Defect('the run does not end');
  }

  #possible(): Option[] {
    const world = this.#world;
    const options: Option[] = world.scheduler.waiting.map((each, index) => ({
      kind: 'call',
      label: `${each.process.name}: ${each.label}`,
      process: each.process,
      take: async () => world.scheduler.take(index)?.go(),
    }));
    if (world.done) return options;
    if (world.engine === undefined) {
      options.push({ kind: 'emit', label: 'OPEN', take: () => world.openEngine() });
    } else if (this.#left.engines > 0) options.push(this.#killEngine());
    if (this.#left.runners > 0) options.push(this.#killRunner());
    if (!world.registered) {
      options.push({ kind: 'emit', label: 'REGISTER', take: () => world.register() });
    }
    const [wish] = this.#left.wishes;
    if (wish !== undefined) {
      const take = async (): Promise<void> => {
        this.#left.wishes.shift();
        await world.person(wish);
      };
      options.push({ kind: 'cancels', label: wish, take });
    }
    for (const each of world.decisions.open) {
      const { address, verdict } = each;
      options.push({ kind: 'emit', label: `DECIDE ${address}`, take: () => world.decide(each) });
      const other = { address, verdict: { ...verdict, by: 'bob' } };
      const take = async (): Promise<void> => {
        await world.decide(each);
        await world.decide(other);
      };
      options.push({ kind: 'duplicates', label: `TWO DECIDE ${address}`, take });
    }
    const [external] = this.#unsent;
    if (external !== undefined) {
      options.push({ kind: 'emit', label: `EMIT ${external.name}`, take: () => this.#emit() });
    }
    return options;
  }

  #killEngine(): Option {
    const take = async (): Promise<void> => {
      this.#left.engines--;
      // What it did itself is interrupted, as by a runner that dies.
      this.#disturbed ||= this.#sketch.nodes.some((node) => node.direct === true);
      this.#world.killEngine();
    };
    return { kind: 'crashes', label: 'KILL ENGINE', take };
  }

  #killRunner(): Option {
    const take = async (): Promise<void> => {
      this.#left.runners--;
      this.#disturbed ||= this.#world.work.length > 0;
      await this.#world.killRunner();
    };
    return { kind: 'reporters', label: 'KILL RUNNER', take };
  }

  async #emit(): Promise<void> {
    const external = this.#unsent.shift();
    if (external !== undefined) await this.#world.emit(external);
  }

  async #nothingHappens(): Promise<void> {
    const world = this.#world;
    if (world.engine === undefined) return world.openEngine();
    if (this.#unsent.length > 0) return this.#emit();
    const [decidable] = world.decisions.open;
    if (decidable !== undefined) return world.decide(decidable);
    if (!world.registered) return world.register();
    if (world.paused) return world.person('resume');
    const next = Math.min(...world.alarms);
    this.#options.trace?.(`alarm ${next}`);
    const patient = next - world.ports.clock.now() < limits.backstop || this.#timesOut;
    if (patient && (await world.alarm())) return;
    throw new Defect('asleep: a wake-up was lost');
  }

  async #check(): Promise<void> {
    const { ledger, ref, ports, cancelled, work } = this.#world;
    if (work.length > 0) throw new Defect(`work is left: ${work.join(', ')}`);
    const settled = this.#options.wild !== true && !cancelled && !this.#disturbed;
    await checkFinished({ sketch: this.#sketch, ref, ports, ledger, settled, tidy: true });
    await checkDecisions(this.#sketch, { ledger, ports, ref });
  }
}
