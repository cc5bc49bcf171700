// Another way to choose orders, for what needs a few unlucky moments and nothing else: every process has a priority, the highest one always
// goes on, and at a few moments decided beforehand priorities change or a fault comes (after Burckhardt et al., "A Randomized Scheduler with
// Probabilistic Guarantees of Finding Bugs", ASPLOS 2010). On the small plans of the model.
import { Dice } from '#support/dice.ts';
import type { Process } from './scheduler.ts';
import { MODEL_FAULTS, PLANS } from './service-search.ts';
import {
  type Chooser,
  NO_FAULTS,
  type Option,
  type ServiceRun,
  simulateRun,
} from './service-simulation.ts';

/** Steps of a run of such a plan, roughly: moments are spread over them. */
const STEPS = 90;

/** One seed: a plan of the model, faults of the model, an order by priorities. */
export function simulatePriorities(
  seed: number,
  options: { readonly trace?: (line: string) => void } = {},
): Promise<ServiceRun> {
  const dice = new Dice(seed ^ 0x9217);
  const sketch = dice.pick(Object.values(PLANS)) ?? PLANS.one;
  const faults = { ...NO_FAULTS, ...dice.pick(Object.values(MODEL_FAULTS)) };
  const count = Object.values(faults).reduce((sum, each) => sum + each, 0);
  return simulateRun(sketch, new PriorityChooser(dice, count), {
    faults,
    ...(options.trace && { trace: options.trace }),
  });
}

class PriorityChooser implements Chooser {
  readonly #dice: Dice;
  readonly #priorities = new Map<Process, number>();
  readonly #changes: ReadonlySet<number>;
  readonly #faults: number[];
  #step = 0;
  #lowest = 0;

  constructor(dice: Dice, faults: number) {
    this.#dice = dice;
    const moments = (count: number): number[] =>
      Array.from({ length: count }, () => dice.below(STEPS)).toSorted((a, b) => a - b);
    this.#changes = new Set(moments(dice.between(0, 4)));
    this.#faults = moments(faults);
  }

  choose(options: readonly Option[]): number {
    const step = this.#step++;
    const top = this.#top(options);
    const [due] = this.#faults;
    if (due !== undefined && due <= step) {
      const fault = this.#fault(options, top);
      if (fault !== undefined) {
        this.#faults.shift();
        return fault;
      }
    }
    if (!this.#changes.has(step)) return top;
    const process = options[top]?.process;
    this.#lowest--;
    if (process !== undefined) this.#priorities.set(process, this.#lowest);
    return this.#top(options);
  }

  /** A fault of whoever would go on now, or one from outside. */
  #fault(options: readonly Option[], top: number): number | undefined {
    const next = options[top]?.process?.name ?? '';
    const indexes = options.flatMap((option, index) => {
      if (option.kind === 'call' || option.kind === 'emit') return [];
      const anothers = option.kind === 'crashes' || option.kind === 'reporters';
      return anothers && !option.label.startsWith(`${next} `) ? [] : [index];
    });
    return this.#dice.pick(indexes);
  }

  #top(options: readonly Option[]): number {
    let best = 0;
    let highest = Number.NEGATIVE_INFINITY;
    for (const [index, option] of options.entries()) {
      if (option.kind !== 'call' || option.process === undefined) continue;
      const priority = this.#priorityOf(option.process);
      if (priority <= highest) continue;
      highest = priority;
      best = index;
    }
    return best;
  }

  #priorityOf(process: Process): number {
    const known = this.#priorities.get(process);
    if (known !== undefined) return known;
    const priority = this.#dice.below(1_000_000);
    this.#priorities.set(process, priority);
    return priority;
  }
}
