// Random conditions and expressions for sketches. Mostly of the right types; now and then wrong on purpose.
import type { Json } from '#schemas/values.ts';
import type { Dice } from './dice.ts';
import { COMPARISONS, type Cond, type EventKind, type Expr, type SketchNode } from './sketch.ts';

export interface Material {
  readonly dice: Dice;
  readonly nodes: readonly Pick<SketchNode, 'id' | 'forEach' | 'retry' | 'kind'>[];
  /** Nodes that may be named. */
  readonly named: readonly number[];
  readonly inputs: readonly string[];
  readonly externals: readonly string[];
  readonly wildcards: boolean;
  /** `started` and `retrying` mean nothing of a node that was taken over. */
  readonly beginnings: boolean;
  /** Whether terms may ask for outputs of a join, which has none: an error at run time, a problem for the compiler. */
  readonly joinOutputs: boolean;
}

interface Place {
  readonly depth: number;
  /** How many `!` stand round it. */
  readonly nots: number;
}

/** A condition that names at least one thing. */
export function randomCond(material: Material): Cond {
  let wildcards = material.wildcards ? 1 : 0;
  const { dice } = material;
  const make = (place: Place): Cond => {
    if (place.depth > 0 && dice.chance(0.55)) {
      const is = dice.chance(0.5) ? 'and' : 'or';
      const inner = { ...place, depth: place.depth - 1 };
      return { is, parts: Array.from({ length: dice.between(2, 3) }, () => make(inner)) };
    }
    if (place.nots < 2 && dice.chance(0.18)) {
      return { is: 'not', part: make({ depth: place.depth - 1, nots: place.nots + 1 }) };
    }
    if (wildcards > 0 && place.nots < 2 && dice.chance(0.15)) {
      wildcards--;
      return { is: 'wildcard', pattern: randomPattern(material) };
    }
    return randomLeaf(material, place);
  };
  return make({ depth: dice.below(3), nots: 0 });
}

function randomLeaf(material: Material, place: Place): Cond {
  const { dice } = material;
  const external = dice.pick(material.externals);
  if (external !== undefined && dice.chance(0.12)) {
    // Under `!` an event from outside keeps its node waiting for the end of the run.
    if (dice.chance(0.6)) return { is: 'external', name: external };
    return { is: 'term', expr: compare(dice, { is: 'payload', event: external, name: 'n' }) };
  }
  if (dice.chance(0.35)) return { is: 'term', expr: randomTerm(material, 2) };
  const node = dice.pick(material.named);
  if (node === undefined) return { is: 'term', expr: randomTerm(material, 1) };
  return { is: 'event', node, event: randomEvent(material, node, place) };
}

function randomEvent(material: Material, node: number, place: Place): EventKind {
  const { dice } = material;
  if (dice.chance(0.5)) return 'completed';
  const source = material.nodes[node];
  const choices: EventKind[] = ['ended', 'ended', 'skipped', 'completed'];
  if (dice.chance(0.1)) choices.push('cancelled');
  // Whether a failure under two `!` is handled is a question nobody should have to answer.
  if (place.nots < 2) choices.push('failed', 'failed', 'failed', 'timed_out');
  if (source?.kind === 'approval') {
    choices.push('approved', 'approved', 'approved');
    if (place.nots < 2) choices.push('rejected', 'rejected');
  }
  if (material.beginnings) choices.push('started');
  const retries = source?.retry !== undefined && source.forEach === undefined;
  if (material.beginnings && retries) choices.push('retrying', 'retrying');
  return dice.pick(choices) ?? 'completed';
}

function randomPattern(material: Material): string {
  const { dice } = material;
  const visible = material.nodes.filter((node) => node.kind !== 'prepare');
  const other = dice.pick(visible)?.id ?? 'load_0';
  const family = other.replace(/_\d+$/, '');
  const kind = dice.pick([
    'failed',
    'failed',
    'completed',
    'skipped',
    'ended',
    'timed_out',
  ] as const);
  const decided = visible.some((node) => node.kind === 'approval') ? ['*.approved'] : [];
  const patterns = [
    ...decided,
    `*.${kind}`,
    `*.${kind}`,
    `${family}_*.${kind}`,
    `*${other.slice(-1)}.${kind}`,
  ];
  if (material.beginnings) patterns.push('*.*ed', `${family}*.*e*`);
  // One node by its exact name, so one that may be named.
  const named = dice.pick(material.named);
  if (material.beginnings && named !== undefined) {
    patterns.push(`${material.nodes[named]?.id}.*`, `${material.nodes[named]?.id}.t*`);
  }
  return dice.pick(patterns) ?? `*.${kind}`;
}

/** An expression that is a truth, unless it is an error. */
export function randomTerm(given: Material, depth: number): Expr {
  const { dice } = given;
  const named = given.named.filter(
    (node) => given.joinOutputs || given.nodes[node]?.kind !== 'join',
  );
  const material = { ...given, named };
  if (depth > 0 && dice.chance(0.3)) {
    const parts = Array.from({ length: 2 }, () => randomTerm(material, depth - 1));
    if (dice.chance(0.25)) return { is: 'not', part: randomTerm(material, depth - 1) };
    return { is: dice.chance(0.5) ? 'and' : 'or', parts };
  }
  const roll = dice.below(100);
  const node = dice.pick(material.named);
  if (node === undefined || roll < 6) {
    const name = dice.pick(material.inputs) ?? 'x';
    return compare(dice, { is: 'input', name });
  }
  if (material.nodes[node]?.forEach !== undefined) return ofInstances(material, node);
  if (roll < 20) return maybeFallback(dice, output(node, 'ok'), { is: 'literal', value: false });
  if (roll < 28) {
    return { is: 'compare', operator: '==', left: output(node, 's'), right: literal(dice, 's') };
  }
  if (roll < 32) return { ...compare(dice, output(node, 'n')), right: literal(dice, 's') };
  if (roll < 36) {
    return {
      is: 'compare',
      operator: '!=',
      left: output(node, 'z'),
      right: { is: 'literal', value: null },
    };
  }
  if (roll < 42) {
    const test = compare(dice, output(node, 'n'));
    return compare(dice, {
      is: 'choice',
      test,
      yes: literal(dice, 'n'),
      no: number(material),
    });
  }
  if (roll < 46) return output(node, dice.pick(['n', 's', 'z', 'ok'] as const));
  return compare(dice, number(material));
}

/** Numbers of one or two nodes, with or without a fallback. */
function number(material: Material): Expr {
  const { dice } = material;
  const plain = material.named.filter((node) => material.nodes[node]?.forEach === undefined);
  const one = dice.pick(plain);
  const two = dice.pick(plain);
  if (one === undefined || two === undefined) return literal(dice, 'n');
  const left = output(one, dice.chance(0.9) ? 'n' : 'z');
  const right = output(two, 'n');
  const roll = dice.below(10);
  if (roll < 4) return left;
  if (roll < 6) return { is: 'fallback', left, right: literal(dice, 'n') };
  if (roll < 7) return { is: 'fallback', left, right };
  if (roll < 8) {
    return {
      is: 'fallback',
      left,
      right: { is: 'fallback', left: right, right: literal(dice, 'n') },
    };
  }
  return { is: 'plus', left: maybeFallback(dice, left, literal(dice, 'n')), right };
}

function ofInstances(material: Material, node: number): Expr {
  const { dice } = material;
  if (dice.chance(0.5)) return compare(dice, { is: 'count', node });
  const one: Expr = { is: 'instance', node, index: dice.below(3), name: 'n' };
  return compare(dice, maybeFallback(dice, one, literal(dice, 'n')));
}

const output = (node: number, name: string): Expr => ({ is: 'output', node, name });

function literal(dice: Dice, kind: 'n' | 's'): Expr {
  return { is: 'literal', value: kind === 'n' ? dice.below(6) : randomText(dice) };
}

function maybeFallback(dice: Dice, left: Expr, right: Expr): Expr {
  return dice.chance(0.3) ? { is: 'fallback', left, right } : left;
}

function compare(dice: Dice, left: Expr): Extract<Expr, { is: 'compare' }> {
  return { is: 'compare', operator: dice.pick(COMPARISONS), left, right: literal(dice, 'n') };
}

const randomText = (dice: Dice): string => dice.pick(['a', 'b', 'c'] as const);

/** What a program hands over: mostly all that the terms ask for. */
export function randomOutputs(dice: Dice): { [name: string]: Json } {
  const all: [string, Json][] = [
    ['n', dice.chance(0.95) ? dice.below(6) : null],
    ['ok', dice.chance(0.6)],
    ['s', randomText(dice)],
    ['z', null],
  ];
  return Object.fromEntries(all.filter(() => dice.chance(0.9)));
}
