// What the tokens build before it is known whether a text is a condition or an expression.
import type { BinaryOperator, Expr } from './types.ts';

/** `at` and `end` are offsets in the part being read, those of expressions in the whole text. `mixed` is an operator with an event or braces below it. */
export type Raw =
  | { readonly kind: 'expr'; readonly at: number; readonly end: number; readonly expr: Expr }
  | { readonly kind: 'event'; readonly at: number; readonly end: number; readonly pattern: string }
  | {
      readonly kind: 'braces';
      readonly at: number;
      readonly end: number;
      readonly text: string;
      readonly expr: Expr;
    }
  | {
      readonly kind: 'mixed';
      readonly at: number;
      readonly end: number;
      readonly operator: BinaryOperator | '!' | '-' | '?:';
      readonly parts: readonly Raw[];
    };

export type Mode = 'expression' | 'condition';

/** Moves a parsed part to where it really stands: brackets round it, say. */
export function spanning(raw: Raw, at: number, end: number): Raw {
  return { ...raw, at, end };
}

const BINARY: readonly BinaryOperator[] = [
  '&&',
  '||',
  '??',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '%',
];

export function binaryOperator(text: unknown): BinaryOperator | undefined {
  return BINARY.find((operator) => operator === text);
}

export function binary(operator: BinaryOperator, left: Raw, right: Raw): Raw {
  const { at } = left;
  const { end } = right;
  if (left.kind === 'expr' && right.kind === 'expr') {
    const expr: Expr = {
      kind: 'binary',
      at: left.expr.at,
      operator,
      left: left.expr,
      right: right.expr,
    };
    return { kind: 'expr', at, end, expr };
  }
  return { kind: 'mixed', at, end, operator, parts: [left, right] };
}

export function unary(operator: '!' | '-', at: number, base: number, operand: Raw): Raw {
  const { end } = operand;
  if (operand.kind !== 'expr') {
    return { kind: 'mixed', at, end, operator, parts: [operand] };
  }
  const kind = operator === '!' ? 'not' : 'negate';
  return { kind: 'expr', at, end, expr: { kind, at: base + at, operand: operand.expr } };
}

export function choice(test: Raw, then: Raw, otherwise: Raw): Raw {
  const { at } = test;
  const { end } = otherwise;
  if (test.kind === 'expr' && then.kind === 'expr' && otherwise.kind === 'expr') {
    const expr: Expr = {
      kind: 'choice',
      at: test.expr.at,
      test: test.expr,
      // biome-ignore lint/suspicious/noThenProperty: the branch of a choice; nothing awaits an expression
      then: then.expr,
      otherwise: otherwise.expr,
    };
    return { kind: 'expr', at, end, expr };
  }
  return { kind: 'mixed', at, end, operator: '?:', parts: [test, then, otherwise] };
}
