// One seed of the service's simulation: a small random plan, random faults, and an order in which some are slow.
import { Dice } from '#support/dice.ts';
import { randomSketch } from '#support/random-plans.ts';
import type { Process } from './scheduler.ts';
import { withKept } from './service-checks.ts';
import {
  type Chooser,
  type Faults,
  type Option,
  type ServiceRun,
  simulateRun,
} from './service-simulation.ts';

export async function simulateService(
  seed: number,
  options: { readonly trace?: (line: string) => void } = {},
): Promise<ServiceRun> {
  const dice = new Dice(seed ^ 0x0b5e55ed);
  const wild = seed % 4 === 3;
  const random = randomSketch(seed, { maxNodes: 6, mode: wild ? 'wild' : 'settled' });
  const sketch = withKept({ ...random, seeds: new Map() }, dice);
  return simulateRun(sketch, new RandomChooser(dice), {
    faults: randomFaults(dice),
    wild,
    bounds: {
      advanceOutcomes: dice.pick([1, 2, 40] as const),
      advanceStarts: dice.pick([1, 2, 40] as const),
    },
    machine: {
      ...(dice.chance(0.5) && { lingerLive: dice.pick([1, 2] as const) }),
      ...(dice.chance(0.3) && { ticksPerExecution: dice.between(1, 4) }),
    },
    ...(options.trace && { trace: options.trace }),
  });
}

function randomFaults(dice: Dice): Faults {
  const some = (most: number): number => (dice.chance(0.5) ? 0 : dice.between(1, most));
  return {
    crashes: some(3),
    timeouts: some(3),
    walks: dice.chance(0.3) ? dice.between(1, 2) : 0,
    hurries: some(2),
    reporters: some(3),
    lostAnswers: some(2),
    duplicates: some(4),
    cancels: dice.chance(0.35) ? dice.between(1, 2) : 0,
    pauses: some(2),
  };
}

/** Mostly lets calls go on, in any order; some processes are so slow that others overtake them again and again. */
export class RandomChooser implements Chooser {
  readonly #dice: Dice;
  readonly #slow = new Map<Process, boolean>();

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  choose(options: readonly Option[]): number {
    const dice = this.#dice;
    const faults = options.flatMap((option, index) => (option.kind === 'call' ? [] : [index]));
    if (faults.length > 0 && dice.chance(0.06)) {
      // Every kind alike, however many options it has.
      const kinds = [...new Set(faults.map((index) => options[index]?.kind))];
      const kind = dice.pick(kinds);
      return dice.pick(faults.filter((index) => options[index]?.kind === kind)) ?? 0;
    }
    const calls = options.flatMap((option, index) => (option.kind === 'call' ? [index] : []));
    const fast = calls.filter((index) => !this.#isSlow(options[index]?.process));
    return dice.pick(fast.length === 0 || dice.chance(0.03) ? calls : fast) ?? 0;
  }

  #isSlow(process: Process | undefined): boolean {
    if (process === undefined) return false;
    const known = this.#slow.get(process);
    if (known !== undefined) return known;
    const slow = this.#dice.chance(0.25);
    this.#slow.set(process, slow);
    return slow;
  }
}
