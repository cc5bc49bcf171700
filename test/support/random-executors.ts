// Random pipelines, the width of them: who does the work of a node, runs inside runs, lists by reference, secrets, results that are kept.
import type { AttemptResult } from '#schemas/run.ts';
import type { Dice } from './dice.ts';
import type { Expr, Sketch, SketchNode } from './sketch.ts';

export type Draft = { -readonly [K in keyof SketchNode]: SketchNode[K] };

export interface Width {
  readonly dice: Dice;
  /** Handlers need a program that embeds the engine. */
  readonly handlers: boolean;
  /** How many runs this one is inside of. */
  readonly depth: number;
  /** A random sketch that a node of this one runs. */
  readonly inner: (seed: number) => Sketch;
}

const DEEPEST = 2;
/** Milliseconds after which a handler counts as one that never ends. */
const PATIENCE = 500;

/** Who does the work, and what of the node depends on that. */
export function widen(draft: Draft, width: Width): void {
  const { dice, handlers, depth } = width;
  if (draft.kind !== 'steps') return;
  const roll = dice.below(100);
  if (roll < 25 && depth < DEEPEST) runsAnother(draft, width);
  else if (roll < 33) asks(draft);
  if (draft.by !== undefined) return;
  if (handlers && roll < 65) isHandled(draft, dice);
  draft.secret = dice.chance(0.3);
  if (dice.chance(0.3)) draft.cached = dice.chance(0.5) ? 'always' : 'by-inputs';
  // Runs beside it may keep what this one would work: then how often it was tried is anybody's guess.
  if (draft.cached !== undefined && depth > 0)
    draft.endings = draft.endings.map((endings) => endings.slice(0, 1));
}

function runsAnother(draft: Draft, { dice, inner }: Width): void {
  const sketch = inner(dice.below(1_000_000));
  const value = (): number | 'item' =>
    draft.forEach !== undefined && dice.chance(0.6) ? 'item' : dice.below(6);
  draft.by = { sketch, inputs: { x: value(), ...(dice.chance(0.5) && { y: value() }) } };
}

/** A query gives all its outputs, and gives the same however often it is asked. */
function asks(draft: Draft): void {
  draft.by = 'query';
  draft.endings = draft.endings.map(([first]): AttemptResult[] => {
    if (first?.result !== 'completed')
      return [{ result: 'failed', reason: 'sql_failed', message: 'fails on purpose' }];
    const { n = null, ok = null, s = null } = first.outputs;
    return [{ result: 'completed', outputs: { n, ok, s, z: null } }];
  });
}

function isHandled(draft: Draft, dice: Dice): void {
  draft.by = 'handler';
  draft.endings = draft.endings.map((endings) =>
    endings.map((ending): AttemptResult => {
      if (ending.result === 'completed') return ending;
      if (dice.chance(0.6))
        return { result: 'failed', reason: 'function_failed', message: 'fails on purpose' };
      draft.timeout = PATIENCE;
      return { result: 'timed_out', message: 'never ends' };
    }),
  );
}

/** Instances over a list that a node gives by reference, which has certainly completed by then. */
export function addList(
  drafts: readonly Draft[],
  index: number,
  { dice, implied }: { readonly dice: Dice; readonly implied: ReadonlySet<number> },
): void {
  const draft = drafts[index];
  if (draft?.forEach === undefined || draft.kind !== 'steps' || draft.forEach.length === 0) return;
  const givers = [...implied].filter((each) => {
    const giver = drafts[each];
    if (giver?.kind !== 'steps' || giver.forEach !== undefined) return false;
    return giver.list === undefined && (giver.by ?? 'handler') === 'handler';
  });
  const over = dice.pick(givers);
  const giver = over === undefined ? undefined : drafts[over];
  if (over === undefined || giver === undefined) return;
  giver.list = draft.forEach.length;
  draft.over = over;
  draft.forEach = draft.forEach.map((_, at) => ({ k: at * 10 }));
}

/** What a run gives: of some node each, so that its own node looks like one that works. */
export function givenOutputs(dice: Dice, drafts: readonly Draft[]): NonNullable<Sketch['outputs']> {
  const nodes = drafts.flatMap((node, index) =>
    node.kind === 'steps' && node.forEach === undefined ? [index] : [],
  );
  const of = (name: string, otherwise: null | number): Expr => {
    const node = dice.pick(nodes);
    const literal: Expr = { is: 'literal', value: otherwise };
    if (node === undefined) return literal;
    const left: Expr = { is: 'output', node, name };
    return dice.chance(0.2) ? left : { is: 'fallback', left, right: literal };
  };
  return { n: of('n', 3), ok: of('ok', null), s: of('s', null), z: of('z', null) };
}
