// A pipeline as the tests think of it: conditions as trees, and for every attempt how it will end. The plan, the YAML
// and what the oracle expects are all made from it, so that no parser stands between a plan and its oracle.
import type { PlanGroup, Retry } from '#schemas/plan.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';

/** `node` is an index into the sketch's nodes. */
export type Expr =
  | { readonly is: 'literal'; readonly value: null | boolean | number | string }
  | { readonly is: 'input'; readonly name: string }
  | { readonly is: 'output'; readonly node: number; readonly name: string }
  /** `node.items[index].name` of a forEach node. */
  | {
      readonly is: 'instance';
      readonly node: number;
      readonly index: number;
      readonly name: string;
    }
  /** `len(node.items)` */
  | { readonly is: 'count'; readonly node: number }
  /** `payload('external.go').name` */
  | { readonly is: 'payload'; readonly event: string; readonly name: string }
  | {
      readonly is: 'compare';
      readonly operator: Comparison;
      readonly left: Expr;
      readonly right: Expr;
    }
  | { readonly is: 'plus'; readonly left: Expr; readonly right: Expr }
  | { readonly is: 'fallback'; readonly left: Expr; readonly right: Expr }
  | { readonly is: 'choice'; readonly test: Expr; readonly yes: Expr; readonly no: Expr }
  | { readonly is: 'and' | 'or'; readonly parts: readonly Expr[] }
  | { readonly is: 'not'; readonly part: Expr };

export const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** Events of a node that a sketch names. */
export const EVENTS = [
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
] as const;
export type EventKind = (typeof EVENTS)[number];

export type Cond =
  | { readonly is: 'and' | 'or'; readonly parts: readonly Cond[] }
  | { readonly is: 'not'; readonly part: Cond }
  | { readonly is: 'event'; readonly node: number; readonly event: EventKind }
  | { readonly is: 'wildcard'; readonly pattern: string }
  /** With its prefix: `external.go`. */
  | { readonly is: 'external'; readonly name: string }
  | { readonly is: 'term'; readonly expr: Expr };

export interface SketchNode {
  readonly id: string;
  readonly group: number;
  readonly kind: 'join' | 'steps' | 'prepare' | 'approval';
  /** Steps that a handler inside the engine's own process does instead. */
  readonly direct?: boolean;
  /** What does the work of `steps` in a file, where it is no program: a handler, a query, or a run of another sketch. */
  readonly by?: 'handler' | 'query' | SubSketch;
  /** Instances are elements of what this node gives as `list`, by reference. */
  readonly over?: number;
  /** Besides its outputs it gives a `list` of so many large elements. */
  readonly list?: number;
  /** Whoever does it must be given a secret. */
  readonly secret?: boolean;
  /** What it comes to is kept for later runs: under the key `always`, or by what it is given. */
  readonly cached?: 'always' | 'by-inputs';
  /** Instances whose result an earlier run has kept: what the only ending says was taken over. */
  readonly reused?: readonly number[];
  /** Of an approval. An ending `timed_out` of it means that nobody decides. */
  readonly deadline?: number;
  readonly onDeadline?: 'reject' | 'approve';
  readonly needs?: readonly number[];
  readonly start?: Cond;
  readonly stop?: Cond;
  readonly skip?: Cond;
  readonly prepares?: readonly number[];
  readonly forEach?: readonly Json[];
  readonly maxParallel?: number;
  readonly inputs?: { readonly [name: string]: Expr };
  /** An earlier run kept how it ends, under a key that is always the same: nobody works it. */
  readonly kept?: boolean;
  readonly retry?: Retry;
  readonly timeout?: number;
  /** How the attempts of each instance end; the last one repeats. One list where the node has no `forEach`. */
  readonly endings: readonly (readonly AttemptResult[])[];
}

/** A run inside a run. `item` gives the number that the instance stands for. */
export interface SubSketch {
  readonly sketch: Sketch;
  readonly inputs: { readonly [name: string]: number | 'item' };
}

export interface SketchExternal {
  readonly name: string;
  readonly key?: string;
  readonly payload?: { readonly [name: string]: Json };
}

export interface Sketch {
  readonly id: string;
  readonly inputs: { readonly [name: string]: Json };
  readonly groups: readonly PlanGroup[];
  readonly nodes: readonly SketchNode[];
  /** Sent at some moment of the run; what a condition names and is not here never happens. */
  readonly externals: readonly SketchExternal[];
  /** Nodes that an earlier run completed: index → outputs. */
  readonly seeds: ReadonlyMap<number, { readonly [name: string]: Json }>;
  readonly timeout?: number;
  /** What a run of it gives. */
  readonly outputs?: { readonly [name: string]: Expr };
}

/** Nodes that a condition names exactly: in events and in terms. */
export function namedByCond(cond: Cond): number[] {
  switch (cond.is) {
    case 'and':
    case 'or':
      return cond.parts.flatMap(namedByCond);
    case 'not':
      return namedByCond(cond.part);
    case 'event':
      return [cond.node];
    case 'term':
      return namedByExpr(cond.expr);
    case 'wildcard':
    case 'external':
      return [];
  }
}

export function namedByExpr(expr: Expr): number[] {
  switch (expr.is) {
    case 'output':
    case 'instance':
    case 'count':
      return [expr.node];
    case 'compare':
    case 'plus':
    case 'fallback':
      return [...namedByExpr(expr.left), ...namedByExpr(expr.right)];
    case 'choice':
      return [expr.test, expr.yes, expr.no].flatMap(namedByExpr);
    case 'and':
    case 'or':
      return expr.parts.flatMap(namedByExpr);
    case 'not':
      return namedByExpr(expr.part);
    case 'literal':
    case 'input':
    case 'payload':
      return [];
  }
}
