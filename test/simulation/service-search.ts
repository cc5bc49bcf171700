// Searches the orders of a small run systematically: every order that departs from the plain one at most so many times. The plain order
// lets whoever moved last go on, so a departure is a preemption or a fault. Ports the plans and faults of the protocol's model.
import type { Sketch, SketchNode } from '#support/sketch.ts';
import type { Process } from './scheduler.ts';
import {
  type Chooser,
  type Faults,
  NO_FAULTS,
  type Option,
  simulateRun,
} from './service-simulation.ts';

/** At step `at` the option `index` was taken instead of the plain one. */
interface Departure {
  readonly at: number;
  readonly index: number;
}

export interface Search {
  readonly sketch: Sketch;
  readonly faults: Partial<Faults>;
  readonly departures: number;
  /** Orders tried at most. */
  readonly most?: number;
}

export interface Searched {
  readonly orders: number;
  /** Whether nothing was left out for the sake of `most`. */
  readonly whole: boolean;
}

/** Tries them all, shortest first. Throws at the first order that goes wrong, with its departures. */
export async function searchOrders(search: Search): Promise<Searched> {
  const queue: (readonly Departure[])[] = [[]];
  const most = search.most ?? Number.POSITIVE_INFINITY;
  let orders = 0;
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (orders >= most) return { orders, whole: false };
    orders++;
    const found = await tryOrder(search, next);
    if (next.length < search.departures) for (const more of found) queue.push([...next, more]);
  }
  return { orders, whole: true };
}

/** Runs one order; answers the departures that could follow its last one. */
export async function tryOrder(
  search: Search,
  departures: readonly Departure[],
  trace?: (line: string) => void,
): Promise<readonly Departure[]> {
  const chooser = new PlainChooser(departures);
  try {
    await simulateRun(search.sketch, chooser, {
      faults: { ...NO_FAULTS, ...search.faults },
      ...(trace && { trace }),
    });
  } catch (error) {
    if (error instanceof Error) error.message += ` [departures ${JSON.stringify(departures)}]`;
    throw error;
  }
  return chooser.further;
}

class PlainChooser implements Chooser {
  readonly #departures: readonly Departure[];
  readonly further: Departure[] = [];
  #step = 0;
  #last: Process | undefined;

  constructor(departures: readonly Departure[]) {
    this.#departures = departures;
  }

  choose(options: readonly Option[]): number {
    const at = this.#step++;
    const plain = this.#plain(options);
    const departure = this.#departures.find((each) => each.at === at);
    const index = departure?.index ?? plain;
    const lastAt = this.#departures.at(-1)?.at ?? -1;
    if (at > lastAt) {
      for (const [other, option] of options.entries()) {
        // Events from outside come when they come; only what the model leaves open is a departure.
        if (other !== plain && option.kind !== 'emit') this.further.push({ at, index: other });
      }
    }
    this.#last = options[index]?.process ?? this.#last;
    return index;
  }

  #plain(options: readonly Option[]): number {
    const same = options.findIndex((each) => each.kind === 'call' && each.process === this.#last);
    return same === -1 ? 0 : same;
  }
}

const DONE = [{ result: 'completed', outputs: {} }] as const;

function plainNode(id: string, more: Partial<SketchNode> = {}): SketchNode {
  return { id, group: 0, kind: 'steps', endings: [DONE], ...more };
}

function plainSketch(id: string, nodes: readonly SketchNode[]): Sketch {
  return {
    id,
    inputs: {},
    groups: [{ id, kind: 'pipeline', parent: -1, failFast: false }],
    nodes,
    externals: [],
    seeds: new Map(),
  };
}

const FAILED = { result: 'failed', reason: 'exit', message: 'exit code 1', exitCode: 1 } as const;

/** The plans of the model. */
export const PLANS = {
  one: plainSketch('one', [plainNode('a')]),
  chain: plainSketch('chain', [plainNode('a'), plainNode('b', { needs: [0] })]),
  par: plainSketch('par', [plainNode('a'), plainNode('b')]),
  join: plainSketch('join', [plainNode('a'), plainNode('b'), plainNode('c', { needs: [0, 1] })]),
  retry: plainSketch('retry', [
    plainNode('a', {
      endings: [[FAILED, ...DONE]],
      retry: { maxAttempts: 2, on: ['failed'], delay: 0, backoff: 'fixed', maxDelay: 0 },
    }),
  ]),
} as const;
export type PlanName = keyof typeof PLANS;

/** The faults of the model, by its names: tick crashes, reporter crashes, timeouts, duplicates, cancels, walks begun anew, ticks short of time. */
export const MODEL_FAULTS = {
  none: {},
  c1: { crashes: 1 },
  r1: { reporters: 1 },
  t1: { timeouts: 1 },
  d1: { duplicates: 1 },
  x1: { cancels: 1 },
  t1d1: { timeouts: 1, duplicates: 1 },
  c1r1: { crashes: 1, reporters: 1 },
  t1c1: { timeouts: 1, crashes: 1 },
  t1x1: { timeouts: 1, cancels: 1 },
  c1x1: { crashes: 1, cancels: 1 },
  t1r1: { timeouts: 1, reporters: 1 },
  r1x1: { reporters: 1, cancels: 1 },
  l1: { lostAnswers: 1 },
  w1: { walks: 1 },
  h1: { hurries: 1 },
  w1r1: { walks: 1, reporters: 1 },
  w1c1: { walks: 1, crashes: 1 },
  t1h1: { timeouts: 1, hurries: 1 },
} as const satisfies Record<string, Partial<Faults>>;
export type FaultName = keyof typeof MODEL_FAULTS;
