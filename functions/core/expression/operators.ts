// What the operators make of their operands. Four outcomes: a value, not yet, never, an error.
//
// Strict operators combine like AND: any never is never; else any not yet is not yet; else any error is an error; else
// they compute. `&&`, `||` and `!` are Kleene's, with the error as a value that only decides when nothing else can.
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { finite } from './functions.ts';
import type { BinaryOperator, Evaluated } from './types.ts';
import {
  type Budget,
  compareTexts,
  describe,
  EXHAUSTED,
  equal,
  error,
  isRef,
  kindOf,
  refused,
  spendText,
  tooLong,
  value,
} from './values.ts';

/** What strict operands come to together, when it is not values. */
export function undecided(operands: readonly Evaluated[]): Evaluated | undefined {
  return (
    operands.find(({ is }) => is === 'never') ??
    operands.find(({ is }) => is === 'not_yet') ??
    operands.find(({ is }) => is === 'error')
  );
}

/** An operand of `&&`, `||`, `!` and of a condition: another kind of value is an error. */
export function asLogical(operand: Evaluated, operator: string): Evaluated {
  return operand.is === 'value' && typeof operand.value !== 'boolean'
    ? error(`${operator} wants true or false; ${describe(operand.value)} came`)
    : operand;
}

export function not(operand: Evaluated): Evaluated {
  const logical = asLogical(operand, '!');
  switch (logical.is) {
    case 'never':
      return value(true);
    case 'value':
      return value(logical.value !== true);
    case 'not_yet':
    case 'error':
      return logical;
  }
}

/** False beats all; never counts as false and keeps its reason. */
export function and(left: Evaluated, right: Evaluated): Evaluated {
  const both = [asLogical(left, '&&'), asLogical(right, '&&')];
  return (
    both.find((operand) => operand.is === 'value' && operand.value === false) ??
    undecided(both) ??
    value(true)
  );
}

/** True beats all; never counts as false and keeps its reason. */
export function or(left: Evaluated, right: Evaluated): Evaluated {
  const both = [asLogical(left, '||'), asLogical(right, '||')];
  return (
    both.find((operand) => operand.is === 'value' && operand.value === true) ??
    both.find(({ is }) => is === 'not_yet') ??
    both.find(({ is }) => is === 'error') ??
    both.find(({ is }) => is === 'never') ??
    value(false)
  );
}

/** Whether `??` takes its right side. */
export function wantsFallback(left: Evaluated): boolean {
  switch (left.is) {
    case 'never':
      return true;
    case 'value':
      return left.value === null;
    case 'error':
      return left.missing === true;
    case 'not_yet':
      return false;
  }
}

export type StrictOperator = Exclude<BinaryOperator, '&&' | '||' | '??'>;

export function compute(
  operator: StrictOperator,
  left: Json,
  right: Json,
  budget: Budget,
): Evaluated {
  if (isRef(left) || isRef(right)) {
    return refused(`a value beside ${operator}`);
  }
  switch (operator) {
    case '==':
    case '!=':
      return equality(operator, left, right, budget);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return order(operator, left, right, budget);
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return arithmetic(operator, left, right, budget);
  }
}

function mixesNumberAndText(left: Json, right: Json): boolean {
  return (
    (typeof left === 'number' && typeof right === 'string') ||
    (typeof left === 'string' && typeof right === 'number')
  );
}

function equality(operator: '==' | '!=', left: Json, right: Json, budget: Budget): Evaluated {
  if (mixesNumberAndText(left, right)) {
    return error(
      `${operator} compares ${describe(left)} with ${describe(right)}; write number(…) or string(…) round one of them`,
    );
  }
  const same = equal(left, right, budget);
  return same === undefined ? error(EXHAUSTED) : value(same === (operator === '=='));
}

function order(
  operator: '<' | '<=' | '>' | '>=',
  left: Json,
  right: Json,
  budget: Budget,
): Evaluated {
  if (typeof left === 'number' && typeof right === 'number') {
    return value(ordered(operator, left - right));
  }
  if (typeof left === 'string' && typeof right === 'string') {
    return spendText(budget, Math.min(left.length, right.length))
      ? value(ordered(operator, compareTexts(left, right)))
      : error(EXHAUSTED);
  }
  const hint = mixesNumberAndText(left, right)
    ? '; write number(…) or string(…) round one of them'
    : '; it wants two numbers or two texts';
  return error(`${operator} compares ${describe(left)} with ${describe(right)}${hint}`);
}

function ordered(operator: '<' | '<=' | '>' | '>=', difference: number): boolean {
  switch (operator) {
    case '<':
      return difference < 0;
    case '<=':
      return difference <= 0;
    case '>':
      return difference > 0;
    case '>=':
      return difference >= 0;
  }
}

function arithmetic(
  operator: '+' | '-' | '*' | '/' | '%',
  left: Json,
  right: Json,
  budget: Budget,
): Evaluated {
  if (typeof left === 'number' && typeof right === 'number') {
    return ofNumbers(operator, left, right);
  }
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') {
    const length = left.length + right.length;
    if (length > limits.expressionTextLength) {
      return error(tooLong(length));
    }
    return spendText(budget, length) ? value(left + right) : error(EXHAUSTED);
  }
  let hint = '; it wants two numbers';
  if (operator === '+') {
    hint = mixesNumberAndText(left, right)
      ? '; write string(…) round the number to join texts, or number(…) round the text to add'
      : '; it adds two numbers or joins two texts';
  }
  return error(`${operator} has ${describe(left)} and ${describe(right)}${hint}`);
}

function ofNumbers(operator: '+' | '-' | '*' | '/' | '%', left: number, right: number): Evaluated {
  if ((operator === '/' || operator === '%') && right === 0) {
    return error(`${left} ${operator} 0: there is no division by zero`);
  }
  const what = `${left} ${operator} ${right}`;
  switch (operator) {
    case '+':
      return finite(left + right, what);
    case '-':
      return finite(left - right, what);
    case '*':
      return finite(left * right, what);
    case '/':
      return finite(left / right, what);
    case '%':
      return finite(left % right, what);
  }
}

export function negate(of: Json): Evaluated {
  if (isRef(of)) {
    return refused('a value behind -');
  }
  return typeof of === 'number'
    ? finite(-of, 'it')
    : error(`- wants a number; ${kindOf(of) === 'null' ? 'null' : describe(of)} came`);
}
