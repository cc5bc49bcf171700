// Random pipelines from a seed. Valid by construction: exact names point only to nodes earlier in a hidden order, so there is no cycle
// but through wildcards, which is allowed.
import type { PlanGroup, Retry } from '#schemas/plan.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import { Dice } from './dice.ts';
import { type Material, randomCond, randomOutputs, randomTerm } from './random-conditions.ts';
import { addList, type Draft, givenOutputs, type Width, widen } from './random-executors.ts';
import { type Cond, namedByCond, type Sketch, type SketchExternal } from './sketch.ts';

export interface Flavour {
  readonly maxNodes: number;
  /**
   * `settled`: what it comes to depends on nothing but how the attempts end. `wild`: fail-fast, stopWhen and timeouts too.
   * `programs`: as settled, but only what a real program of the native dialect can do. `executors`: that, by nodes of every kind.
   */
  readonly mode: 'settled' | 'wild' | 'programs' | 'executors';
  /** Of `executors`. Handlers need a program that embeds the engine. */
  readonly handlers?: boolean;
  /** How many runs this one is inside of. */
  readonly depth?: number;
}

const FAMILIES = ['load', 'clean', 'score', 'träge'] as const;

export function randomSketch(seed: number, flavour: Flavour): Sketch {
  return new Generator(seed, flavour).sketch();
}

class Generator {
  readonly #dice: Dice;
  readonly #flavour: Flavour;
  readonly #id: string;
  readonly #seed: number;
  readonly #drafts: Draft[] = [];
  readonly #externals: SketchExternal[] = [];
  readonly #closures = new Map<number, ReadonlySet<number>>();
  #seeded = false;

  constructor(seed: number, flavour: Flavour) {
    this.#dice = new Dice(seed);
    this.#flavour = flavour;
    this.#id = `random_${seed}`;
    this.#seed = seed;
  }

  get #isReal(): boolean {
    return this.#flavour.mode === 'programs' || this.#isWide;
  }

  get #isWide(): boolean {
    return this.#flavour.mode === 'executors';
  }

  sketch(): Sketch {
    const dice = this.#dice;
    this.#seeded = !this.#isReal && dice.chance(0.1);
    // Mostly small: small plans find more per second, and show more plainly what is wrong.
    const count = dice.between(
      1,
      dice.chance(0.7) ? Math.min(8, this.#flavour.maxNodes) : this.#flavour.maxNodes,
    );
    const groups = this.#groups();
    for (let index = 0; index < count; index++) this.#drafts.push(this.#bare(index, groups.length));
    const prepares = this.#prepares(groups);
    this.#makeExternals();
    const order = dice.shuffled(Array.from({ length: count }, (_, index) => index));
    for (const [rank, index] of order.entries()) this.#wire(index, order.slice(0, rank), prepares);
    if (this.#flavour.mode === 'wild') for (const index of order) this.#addStops(index);
    if (this.#isWide)
      for (const index of order)
        addList(this.#drafts, index, { dice, implied: this.#implied(index) });
    return {
      id: this.#id,
      inputs: { x: dice.below(6), y: dice.below(6) },
      groups,
      nodes: this.#drafts,
      externals: this.#externals.filter(() => dice.chance(0.9)),
      seeds: this.#seeds(order),
      ...(this.#isWide && { outputs: givenOutputs(dice, this.#drafts) }),
      ...(this.#flavour.mode === 'wild' &&
        dice.chance(0.2) && { timeout: dice.between(100, 20_000) }),
    };
  }

  #groups(): PlanGroup[] {
    const dice = this.#dice;
    const wild = this.#flavour.mode === 'wild';
    const more = this.#isReal || dice.chance(0.5) ? 0 : dice.between(1, 3);
    return Array.from({ length: 1 + more }, (_, index) => ({
      id: index === 0 ? this.#id : `group_${index}`,
      kind: index === 0 ? 'pipeline' : dice.pick(['stage', 'job'] as const),
      parent: index === 0 ? -1 : dice.below(index),
      failFast: wild && dice.chance(0.4),
      ...(!this.#isReal && dice.chance(0.3) && { maxParallel: dice.between(1, 4) }),
      ...(wild && dice.chance(0.1) && { timeout: dice.between(100, 20_000) }),
    }));
  }

  #bare(index: number, groups: number): Draft {
    const dice = this.#dice;
    const kind = dice.chance(0.2) ? 'join' : dice.chance(0.15) ? 'approval' : 'steps';
    const list = kind !== 'join' && dice.chance(this.#isWide ? 0.3 : 0.15);
    const count = list ? dice.below(5) : 1;
    const draft: Draft = {
      id: `${dice.pick(FAMILIES)}_${this.#isWide ? this.#seed * 100 + index : index}`,
      group: dice.below(groups),
      kind,
      ...(list && { forEach: Array.from({ length: count }, (_, at) => at * 10) }),
      ...(list && dice.chance(0.4) && { maxParallel: dice.between(1, 2) }),
      ...(kind === 'steps' && dice.chance(0.3) && { retry: this.#retry() }),
      ...(kind === 'steps' &&
        this.#flavour.mode === 'wild' &&
        dice.chance(0.15) && { timeout: dice.between(50, 5_000) }),
      ...(kind === 'approval'
        ? this.#approval(count)
        : { endings: Array.from({ length: count }, () => this.#endings()) }),
    };
    if (this.#isWide) widen(draft, this.#width());
    return draft;
  }

  #width(): Width {
    const { handlers = false, depth = 0, maxNodes } = this.#flavour;
    const within = { ...this.#flavour, maxNodes: Math.min(maxNodes, 4), depth: depth + 1 };
    const inner = (seed: number): Sketch => randomSketch(seed, within);
    return { dice: this.#dice, handlers, depth, inner };
  }

  /** With a real engine nobody is there to decide. Else somebody is, or a deadline; in wild plans they race. */
  #approval(count: number): Pick<Draft, 'endings' | 'deadline' | 'onDeadline'> {
    const dice = this.#dice;
    const late = this.#flavour.mode === 'programs' || dice.chance(0.3);
    const races = this.#flavour.mode === 'wild' && dice.chance(0.5);
    const nobody: AttemptResult = { result: 'timed_out', message: 'nobody decides' };
    return {
      ...((late || races) && { deadline: dice.between(1, this.#isReal ? 50 : 2_000) }),
      onDeadline: dice.pick(['reject', 'approve'] as const),
      endings: Array.from({ length: count }, () => [late ? nobody : this.#decision()]),
    };
  }

  #decision(): AttemptResult {
    const outputs = { by: 'ana', comment: null };
    if (this.#dice.chance(0.6)) return { result: 'completed', outputs };
    return { result: 'failed', reason: 'rejected', message: 'ana rejected it' };
  }

  #retry(): Retry {
    const dice = this.#dice;
    const choices: [string[], ...string[][]] = [
      ['failed', 'timed_out', 'interrupted'],
      ['failed'],
      ['timed_out', 'interrupted'],
      ['exit:75', 'interrupted'],
      ['exit:2-80'],
      ['out_of_memory', 'exit:1'],
    ];
    return {
      maxAttempts: dice.between(1, 4),
      on: dice.pick(choices),
      delay: dice.pick([0, 1, 20, 500] as const),
      backoff: dice.pick(['fixed', 'exponential'] as const),
      maxDelay: dice.pick([500, 1_000] as const),
    };
  }

  #endings(): AttemptResult[] {
    return Array.from({ length: this.#dice.between(1, 3) }, () => this.#ending());
  }

  #ending(): AttemptResult {
    const dice = this.#dice;
    const roll = dice.below(100);
    if (roll < 66) return { result: 'completed', outputs: randomOutputs(dice) };
    if (roll < 86 || this.#isReal) {
      const exitCode = dice.pick([1, 2, 75, 80] as const);
      return { result: 'failed', reason: 'exit', message: `exit code ${exitCode}`, exitCode };
    }
    if (roll < 90) return { result: 'failed', reason: 'out_of_memory', message: 'too much memory' };
    if (roll < 95) return { result: 'timed_out', message: 'took too long' };
    return { result: 'interrupted', message: 'the machine went away' };
  }

  /** Adds prepare nodes at the end, in a group of their own; answers their indexes. */
  #prepares(groups: PlanGroup[]): number[] {
    const dice = this.#dice;
    if (this.#isReal || dice.chance(0.8)) return [];
    groups.push({ id: '@prepare', kind: 'prepare', parent: 0, failFast: false });
    return Array.from({ length: dice.between(1, 2) }, (_, at) => {
      const done: AttemptResult = { result: 'completed', outputs: {} };
      const lost: AttemptResult = {
        result: 'failed',
        reason: 'environment_failed',
        message: 'no such tag',
      };
      this.#drafts.push({
        id: `@operator_${at}`,
        group: groups.length - 1,
        kind: 'prepare',
        endings: [[dice.chance(0.75) ? done : lost]],
      });
      return this.#drafts.length - 1;
    });
  }

  #makeExternals(): void {
    if (this.#isReal || this.#dice.chance(0.6)) return;
    for (const name of ['external.go', 'external.far']) {
      this.#externals.push({ name, payload: { n: this.#dice.below(6) }, key: `${name}-1` });
    }
  }

  #material(named: readonly number[]): Material {
    return {
      dice: this.#dice,
      nodes: this.#drafts,
      named,
      inputs: ['x', 'y'],
      externals: this.#externals.map((external) => external.name),
      wildcards: this.#drafts.length > 1,
      beginnings: !this.#seeded,
      joinOutputs: !this.#isReal,
    };
  }

  #wire(index: number, earlier: readonly number[], prepares: readonly number[]): void {
    const dice = this.#dice;
    const draft = this.#drafts[index];
    if (draft === undefined) return;
    const some = dice.shuffled(earlier).slice(0, dice.between(1, 3));
    if (earlier.length > 0 && dice.chance(0.35)) draft.needs = some;
    else if (dice.chance(earlier.length > 0 ? 0.8 : 0.15)) draft.start = this.#start(index, some);
    const implied = this.#implied(index);
    if (draft.kind === 'steps' && prepares.length > 0 && dice.chance(0.5)) {
      draft.prepares = prepares.filter(() => dice.chance(0.7));
    } else {
      this.#addUses(draft, [...implied]);
    }
  }

  /** A pattern must match some other node: the compiler insists on it. */
  #start(index: number, named: readonly number[]): Cond {
    const material = this.#material(named);
    for (let tries = 0; tries < 20; tries++) {
      const cond = randomCond(material);
      const patterns = patternsOf(cond);
      const others = this.#drafts.filter((node, at) => at !== index && node.kind !== 'prepare');
      if (patterns.every((pattern) => others.some((node) => matchesNode(pattern, node.id))))
        return cond;
    }
    return randomCond({ ...material, wildcards: false });
  }

  /** skipWhen and bindings, over nodes that have certainly completed. */
  #addUses(draft: Draft, implied: readonly number[]): void {
    const dice = this.#dice;
    if (implied.length === 0) return;
    const material = { ...this.#material(implied), externals: [], wildcards: false };
    if (dice.chance(0.2)) draft.skip = randomCond(material);
    if (draft.kind === 'steps' && typeof draft.by !== 'object' && dice.chance(0.2))
      draft.inputs = { a: randomTerm(material, 1) };
  }

  /** Nodes that have completed when this one starts, as far as it is plain to see. */
  #implied(index: number): ReadonlySet<number> {
    const known = this.#closures.get(index);
    if (known !== undefined) return known;
    const draft = this.#drafts[index];
    const direct = [...(draft?.needs ?? []), ...(draft?.start ? completedBy(draft.start) : [])];
    const all = new Set(direct.flatMap((node) => [node, ...this.#implied(node)]));
    this.#closures.set(index, all);
    return all;
  }

  #addStops(index: number): void {
    const draft = this.#drafts[index];
    const others = this.#drafts.flatMap((node, at) =>
      at === index || node.kind === 'prepare' ? [] : [at],
    );
    if (draft === undefined || others.length === 0 || !this.#dice.chance(0.2)) return;
    const named = this.#dice.shuffled(others).slice(0, 2);
    draft.stop = randomCond({ ...this.#material(named), wildcards: false });
  }

  /** A first part of the hidden order that is closed: whatever a taken-over node names was taken over too. */
  #seeds(order: readonly number[]): ReadonlyMap<number, { readonly [name: string]: Json }> {
    const seeds = new Map<number, { readonly [name: string]: Json }>();
    if (!this.#seeded) return seeds;
    for (const index of order) {
      const node = this.#drafts[index];
      if (node === undefined) continue;
      const named = [...(node.needs ?? []), ...(node.start ? namedByCond(node.start) : [])];
      if (!named.every((source) => seeds.has(source)) || this.#dice.chance(0.4)) continue;
      const outputs = randomOutputs(this.#dice);
      seeds.set(index, node.forEach ? { items: node.forEach.map(() => outputs) } : outputs);
    }
    return seeds;
  }
}

function completedBy(cond: Cond): number[] {
  if (cond.is === 'and') return cond.parts.flatMap(completedBy);
  return cond.is === 'event' && cond.event === 'completed' ? [cond.node] : [];
}

function patternsOf(cond: Cond): string[] {
  if (cond.is === 'and' || cond.is === 'or') return cond.parts.flatMap(patternsOf);
  if (cond.is === 'not') return patternsOf(cond.part);
  return cond.is === 'wildcard' ? [cond.pattern] : [];
}

function matchesNode(pattern: string, id: string): boolean {
  const part = pattern.slice(0, pattern.indexOf('.')).split('*').join('.*');
  return new RegExp(`^${part}$`, 'u').test(id);
}
