// What a text of the language names: the compiler checks it, and the walker knows from it what to wait for.
import type { Condition, Expr, Template } from './types.ts';

export interface Named {
  readonly name: string;
  readonly at: number;
}

export interface References {
  /** `pipeline.input.x` */
  readonly inputs: readonly Named[];
  /** `extract.rows`. Where a node has an input of its own called `extract`, that input is meant. */
  readonly outputs: readonly {
    readonly node: string;
    readonly name: string;
    readonly at: number;
    /** It stands on the left of `??`: the node need only have ended, not completed. */
    readonly fallback: boolean;
  }[];
  readonly system: readonly Named[];
  readonly secrets: readonly Named[];
  /** `item`, `index` and the node's own inputs. */
  readonly locals: readonly Named[];
  /** External events whose payload is asked for: `external.go`. */
  readonly payloads: readonly Named[];
  /** `negated`: under an odd number of `!`. */
  readonly events: readonly {
    readonly pattern: string;
    readonly at: number;
    readonly negated: boolean;
  }[];
}

type Mutable<T> = {
  -readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Item[] : T[Key];
};

/** Everything named, in the order of the text; what is named twice is there twice. */
export function references(of: Expr | Condition | Template): References {
  const found: Mutable<References> = {
    inputs: [],
    outputs: [],
    system: [],
    secrets: [],
    locals: [],
    payloads: [],
    events: [],
  };
  if ('parts' in of && 'text' in of) {
    for (const part of of.parts) {
      if (typeof part !== 'string') {
        inExpr(found, part.expr);
      }
    }
  } else if (isCondition(of)) {
    inCondition(found, of);
  } else {
    inExpr(found, of);
  }
  return found;
}

const CONDITIONS: ReadonlySet<string> = new Set(['and', 'or', 'event', 'term', 'constant']);

function isCondition(of: Expr | Condition): of is Condition {
  return CONDITIONS.has(of.kind) || 'part' in of;
}

function inCondition(found: Mutable<References>, condition: Condition): void {
  const open: { readonly of: Condition; readonly negated: boolean }[] = [
    { of: condition, negated: false },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { of, negated } = next;
    switch (of.kind) {
      case 'and':
      case 'or':
        for (const part of of.parts.toReversed()) {
          open.push({ of: part, negated });
        }
        break;
      case 'not':
        open.push({ of: of.part, negated: !negated });
        break;
      case 'event':
        found.events.push({ pattern: of.pattern, at: of.at, negated });
        break;
      case 'term':
        inExpr(found, of.expr);
        break;
      case 'constant':
        break;
    }
  }
}

function inExpr(found: Mutable<References>, expr: Expr): void {
  const open: { readonly of: Expr; readonly fallback: boolean }[] = [{ of: expr, fallback: false }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { of, fallback } = next;
    variable(found, of, fallback);
    for (const part of below(of).toReversed()) {
      const left = of.kind === 'binary' && of.operator === '??' && part === of.left;
      open.push({ of: part, fallback: fallback || left });
    }
  }
}

function variable(found: Mutable<References>, expr: Expr, fallback: boolean): void {
  switch (expr.kind) {
    case 'input':
      found.inputs.push({ name: expr.name, at: expr.at });
      break;
    case 'output':
      found.outputs.push({ node: expr.node, name: expr.name, at: expr.at, fallback });
      break;
    case 'system':
      found.system.push({ name: expr.name, at: expr.at });
      break;
    case 'secret':
      found.secrets.push({ name: expr.name, at: expr.at });
      break;
    case 'local':
      found.locals.push({ name: expr.name, at: expr.at });
      break;
    case 'call': {
      const [event] = expr.args;
      if (expr.name === 'payload' && event?.kind === 'literal' && typeof event.value === 'string') {
        found.payloads.push({ name: event.value, at: expr.at });
      }
      break;
    }
    case 'literal':
    case 'array':
    case 'member':
    case 'index':
    case 'not':
    case 'negate':
    case 'binary':
    case 'choice':
      break;
  }
}

function below(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'array':
      return expr.items;
    case 'member':
      return [expr.object];
    case 'index':
      return [expr.object, expr.index];
    case 'not':
    case 'negate':
      return [expr.operand];
    case 'binary':
      return [expr.left, expr.right];
    case 'choice':
      return [expr.test, expr.then, expr.otherwise];
    case 'call':
      return expr.args;
    case 'literal':
    case 'input':
    case 'output':
    case 'system':
    case 'secret':
    case 'local':
      return [];
  }
}
