// The four truths of conditions and expressions for the oracle, straight from the rules and without any cleverness.
import type { Reason } from '#schemas/reasons.ts';
import type { EndStatus } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import type { Comparison, Cond, EventKind, Expr, Sketch } from './sketch.ts';

export interface NodeEnd {
  readonly status: EndStatus;
  readonly reason?: Reason;
  readonly attempts: number;
  readonly started: boolean;
  /** An attempt ended and another followed. */
  readonly retried: boolean;
  readonly seeded?: boolean;
  readonly outputs?: { readonly [name: string]: Json };
  readonly instances?: readonly NodeEnd[];
}

/** `open`: not yet. */
export type Truth = 'true' | 'never' | 'open' | 'error';

export type Value =
  | { readonly is: 'value'; readonly value: Json }
  | { readonly is: 'never' }
  | { readonly is: 'open' }
  | { readonly is: 'error'; readonly missing: boolean };

export interface World {
  readonly sketch: Sketch;
  /** What has ended so far. */
  readonly ends: Map<number, NodeEnd>;
  /** Nodes that a wildcard in the condition of `asker` may match. */
  readonly sources: (asker: number, pattern: string) => readonly number[];
}

export function judge(world: World, asker: number, cond: Cond): Truth {
  switch (cond.is) {
    case 'and':
      return all(cond.parts.map((part) => judge(world, asker, part)));
    case 'or':
      return any(cond.parts.map((part) => judge(world, asker, part)));
    case 'not':
      return opposite(judge(world, asker, cond.part));
    case 'event':
      return eventTruth(world, cond.node, [cond.event]);
    case 'wildcard':
      return wildcardTruth(world, asker, cond.pattern);
    case 'external':
      return world.sketch.externals.some((sent) => sent.name === cond.name) ? 'true' : 'open';
    case 'term':
      return asTruth(evaluated(world, cond.expr));
  }
}

function all(parts: readonly Truth[]): Truth {
  for (const truth of ['never', 'open', 'error'] as const) if (parts.includes(truth)) return truth;
  return 'true';
}

function any(parts: readonly Truth[]): Truth {
  for (const truth of ['true', 'open', 'error'] as const) if (parts.includes(truth)) return truth;
  return 'never';
}

function opposite(truth: Truth): Truth {
  if (truth === 'true') return 'never';
  return truth === 'never' ? 'true' : truth;
}

/** Which events an end has brought about. */
function hasHappened(end: NodeEnd, event: EventKind): boolean {
  if (event === 'ended') return true;
  if (event === 'started') return end.started;
  if (event === 'retrying') return end.retried;
  if (event === 'rejected') return end.reason === 'rejected';
  return end.status === event;
}

function eventTruth(world: World, node: number, events: readonly EventKind[]): Truth {
  const end = world.ends.get(node);
  if (end === undefined) return 'open';
  if (world.sketch.nodes[node]?.kind === 'approval' && end.status === 'completed') {
    if (events.includes('approved')) return 'true';
  }
  return events.some((event) => hasHappened(end, event)) ? 'true' : 'never';
}

function wildcardTruth(world: World, asker: number, pattern: string): Truth {
  const truths = world
    .sources(asker, pattern)
    .map((source) => eventTruth(world, source, matchingEvents(world.sketch, source, pattern)));
  return any(truths);
}

const KINDS: readonly EventKind[] = [
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'ended',
  'started',
  'retrying',
  'approved',
  'rejected',
];

/** A star stands for any characters but the dot; the pattern is anchored. */
export function matchingEvents(sketch: Sketch, node: number, pattern: string): EventKind[] {
  const id = sketch.nodes[node]?.id ?? '';
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[.$^()[\]{}|?+\\]/g, '\\$&'))
    .join('[^.]*');
  const anchored = new RegExp(`^${source}$`, 'u');
  return KINDS.filter((event) => anchored.test(`${id}.${event}`));
}

function asTruth(value: Value): Truth {
  if (value.is !== 'value') return value.is;
  if (value.value === true) return 'true';
  return value.value === false ? 'never' : 'error';
}

const error = (missing = false): Value => ({ is: 'error', missing });
const just = (value: Json): Value => ({ is: 'value', value });

export function evaluated(world: World, expr: Expr): Value {
  switch (expr.is) {
    case 'literal':
      return just(expr.value);
    case 'input':
      return member(world.sketch.inputs, expr.name);
    case 'output':
      return ofNode(world, expr.node, (outputs) => member(outputs, expr.name));
    case 'instance':
      return ofNode(world, expr.node, ({ items }) => {
        if (!Array.isArray(items) || expr.index >= items.length) return error(true);
        return member(items[expr.index], expr.name);
      });
    case 'count':
      return ofNode(world, expr.node, ({ items }) =>
        Array.isArray(items) ? just(items.length) : error(true),
      );
    case 'payload': {
      const sent = world.sketch.externals.find((external) => external.name === expr.event);
      return sent === undefined ? { is: 'open' } : member(sent.payload, expr.name);
    }
    case 'compare':
      return strict([evaluated(world, expr.left), evaluated(world, expr.right)], ([left, right]) =>
        compare(expr.operator, left ?? null, right ?? null),
      );
    case 'plus':
      return strict([evaluated(world, expr.left), evaluated(world, expr.right)], ([left, right]) =>
        add(left ?? null, right ?? null),
      );
    case 'fallback':
      return fallback(evaluated(world, expr.left), () => evaluated(world, expr.right));
    case 'choice':
      return strict([evaluated(world, expr.test)], ([test]) => {
        if (typeof test !== 'boolean') return error();
        return evaluated(world, test ? expr.yes : expr.no);
      });
    case 'and':
      return fromTruth(all(expr.parts.map((part) => asTruth(evaluated(world, part)))));
    case 'or':
      return fromTruth(any(expr.parts.map((part) => asTruth(evaluated(world, part)))));
    case 'not':
      return fromTruth(opposite(asTruth(evaluated(world, expr.part))));
  }
}

function fromTruth(truth: Truth): Value {
  if (truth === 'error') return error();
  return truth === 'open' ? { is: 'open' } : just(truth === 'true');
}

function ofNode(
  world: World,
  node: number,
  read: (outputs: { readonly [name: string]: Json }) => Value,
): Value {
  const end = world.ends.get(node);
  if (end === undefined) return { is: 'open' };
  return end.status === 'completed' ? read(end.outputs ?? {}) : { is: 'never' };
}

function member(object: Json | undefined, name: string): Value {
  if (object === undefined || object === null) return error(true);
  if (typeof object !== 'object' || Array.isArray(object)) return error();
  const found = Object.entries(object).find(([key]) => key === name);
  return found === undefined ? error(true) : just(found[1]);
}

/** Every operator but `&&`, `||`, `!` and `??`: what is never stays never, whatever the rest may be. */
function strict(operands: readonly Value[], compute: (values: readonly Json[]) => Value): Value {
  for (const kind of ['never', 'open', 'error'] as const) {
    const found = operands.find((operand) => operand.is === kind);
    if (found !== undefined) return kind === 'error' ? error() : found;
  }
  return compute(operands.flatMap((operand) => (operand.is === 'value' ? [operand.value] : [])));
}

function fallback(left: Value, right: () => Value): Value {
  if (left.is === 'never') return right();
  if (left.is === 'value' && left.value === null) return right();
  if (left.is === 'error' && left.missing) return right();
  return left;
}

function add(left: Json, right: Json): Value {
  if (typeof left === 'number' && typeof right === 'number') return just(left + right);
  if (typeof left === 'string' && typeof right === 'string') return just(left + right);
  return error();
}

function compare(operator: Comparison, left: Json, right: Json): Value {
  const kinds = [typeof left, typeof right];
  if (kinds.includes('number') && kinds.includes('string')) return error();
  // The sketches compare numbers, texts of ASCII letters, booleans and null only.
  if (operator === '==') return just(left === right);
  if (operator === '!=') return just(left !== right);
  const ordered =
    (typeof left === 'number' && typeof right === 'number') ||
    (typeof left === 'string' && typeof right === 'string');
  if (!ordered || left === null || right === null) return error();
  if (operator === '<') return just(left < right);
  if (operator === '<=') return just(left <= right);
  return operator === '>' ? just(left > right) : just(left >= right);
}
