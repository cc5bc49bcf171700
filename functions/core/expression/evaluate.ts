// Evaluates expressions: total and bounded. Every expression comes to a value, not yet, never, or an error; nothing is thrown,
// nothing beyond the given variables is reached, and the work is at most `limits.expressionOperations`.
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { apply } from './functions.ts';
import { itemOf, memberOf, missing, own } from './members.ts';
import { and, asLogical, compute, negate, not, or, undecided, wantsFallback } from './operators.ts';
import { printExpr } from './print.ts';
import { isFunction, SIGNATURES, wantedArguments } from './signatures.ts';
import type { Evaluated, Expr, Known, Variables } from './types.ts';
import {
  type Budget,
  describe,
  EXHAUSTED,
  error,
  FORBIDDEN_MEMBERS,
  type JsonObject,
  spend,
  value,
} from './values.ts';

interface Work {
  readonly variables: Variables;
  readonly budget: Budget;
}

/** Levels an evaluation descends: those of a text that was parsed, times the ranks of its operators. */
const DEEPEST = limits.expressionDepth * 8;

/** What an expression comes to with these variables. Never throws. */
export function evaluate(expr: Expr, variables: Variables): Evaluated {
  return evaluateWithin(expr, variables, { left: limits.expressionOperations });
}

/** The same on a budget that several expressions share. */
export function evaluateWithin(expr: Expr, variables: Variables, budget: Budget): Evaluated {
  const result = at({ variables, budget }, expr, 0);
  return budget.left < 0 ? error(EXHAUSTED) : result;
}

export interface Verdict {
  readonly truth: 'true' | 'never' | 'not_yet' | 'error';
  readonly because?: string;
}

/** What a value means as a condition: only true and false are truths; anything else is an error. */
export function asTruth(evaluated: Evaluated): Verdict {
  const logical = asLogical(evaluated, 'a condition');
  switch (logical.is) {
    case 'value':
      return logical.value === true
        ? { truth: 'true' }
        : { truth: 'never', because: 'it is false' };
    case 'never':
      return { truth: 'never', because: logical.because };
    case 'not_yet':
      return { truth: 'not_yet' };
    case 'error':
      return { truth: 'error', because: logical.message };
  }
}

function at(work: Work, expr: Expr, depth: number): Evaluated {
  if (!spend(work.budget)) {
    return error(EXHAUSTED);
  }
  if (depth > DEEPEST) {
    return error(`the expression is nested deeper than ${DEEPEST} levels`);
  }
  switch (expr.kind) {
    case 'literal':
      return value(expr.value);
    case 'input':
    case 'output':
    case 'system':
    case 'secret':
    case 'local':
      return variable(work.variables, expr);
    case 'array':
      return strict(work, expr.items, depth, value);
    case 'member':
      return strict(work, [expr.object], depth, ([object = null]) =>
        memberOf(object, expr.name, work.variables, printExpr(expr.object)),
      );
    case 'index':
      return strict(work, [expr.object, expr.index], depth, ([object = null, index = null]) =>
        itemOf(object, index, work.variables, printExpr(expr.object)),
      );
    case 'not':
      return not(at(work, expr.operand, depth + 1));
    case 'negate':
      return strict(work, [expr.operand], depth, ([operand = null]) => negate(operand));
    case 'binary':
      return binary(work, expr, depth);
    case 'choice':
      return choice(work, expr, depth);
    case 'call':
      return call(work, expr, depth);
  }
}

function strict(
  work: Work,
  parts: readonly Expr[],
  depth: number,
  then: (values: readonly Json[]) => Evaluated,
): Evaluated {
  const results = parts.map((part) => at(work, part, depth + 1));
  const open = undecided(results);
  if (open !== undefined) {
    return open;
  }
  return then(results.flatMap((result) => (result.is === 'value' ? [result.value] : [])));
}

type Binary = Extract<Expr, { kind: 'binary' }>;

/** A long chain leans to the left, one level an operator: it is walked, not descended into. */
function binary(work: Work, expr: Binary, depth: number): Evaluated {
  const spine: Binary[] = [];
  let leftmost: Expr = expr;
  while (leftmost.kind === 'binary' && spend(work.budget)) {
    spine.push(leftmost);
    leftmost = leftmost.left;
  }
  if (leftmost.kind === 'binary') {
    return error(EXHAUSTED);
  }
  let left = at(work, leftmost, depth + 1);
  for (let next = spine.pop(); next !== undefined; next = spine.pop()) {
    left = operate(work, next, left, depth);
  }
  return left;
}

function operate(
  work: Work,
  { operator, right }: Binary,
  left: Evaluated,
  depth: number,
): Evaluated {
  if (operator === '??') {
    return wantsFallback(left) ? at(work, right, depth + 1) : left;
  }
  const other = at(work, right, depth + 1);
  if (operator === '&&') {
    return and(left, other);
  }
  if (operator === '||') {
    return or(left, other);
  }
  if (left.is === 'value' && other.is === 'value') {
    return compute(operator, left.value, other.value, work.budget);
  }
  return undecided([left, other]) ?? left;
}

/** Only the branch that is chosen is evaluated. */
function choice(work: Work, expr: Extract<Expr, { kind: 'choice' }>, depth: number): Evaluated {
  const test = at(work, expr.test, depth + 1);
  if (test.is !== 'value') {
    return test;
  }
  if (typeof test.value !== 'boolean') {
    return error(`? : wants true or false before the ?; ${describe(test.value)} came`);
  }
  return at(work, test.value ? expr.then : expr.otherwise, depth + 1);
}

function call(work: Work, expr: Extract<Expr, { kind: 'call' }>, depth: number): Evaluated {
  const { name, args } = expr;
  if (!isFunction(name)) {
    return error(`there is no function "${name}"`);
  }
  const signature = SIGNATURES[name];
  if (args.length < signature.least || args.length > signature.most) {
    return error(`${name} wants ${wantedArguments(signature)}; ${args.length} came`);
  }
  const [event] = args;
  if (name === 'payload' && event?.kind === 'literal' && typeof event.value === 'string') {
    return payload(work.variables, event.value);
  }
  return strict(work, args, depth, (values) =>
    apply({ name, args: values, budget: work.budget, variables: work.variables }),
  );
}

function payload(variables: Variables, event: string): Evaluated {
  const known = variables.payload?.(event);
  return known === undefined ? error(`what ${event} carried is not known here`) : whole(known);
}

function whole(known: Known): Evaluated {
  return known.is === 'outputs' ? value(known.outputs) : known;
}

type Variable = Extract<Expr, { kind: 'input' | 'output' | 'system' | 'secret' | 'local' }>;

function variable(variables: Variables, expr: Variable): Evaluated {
  const { name } = expr;
  if (FORBIDDEN_MEMBERS.has(name)) {
    return error(`"${name}" is no member that an expression may name`);
  }
  switch (expr.kind) {
    case 'input':
      return (
        own(variables.input, name) ?? missing(Object.keys(variables.input), name, 'pipeline.input')
      );
    case 'system':
      return own(variables.system, name) ?? missing(Object.keys(variables.system), name, 'system');
    case 'secret':
      return secret(variables, name);
    case 'local':
      return local(variables.local ?? {}, name);
    case 'output':
      return output(variables, expr.node, name);
  }
}

function secret(variables: Variables, name: string): Evaluated {
  if (variables.secret === undefined) {
    return error(`secret.${name} is known only where a program is started`);
  }
  const found = variables.secret(name);
  return found === undefined ? error(`the secret "${name}" is not set`) : value(found);
}

function local(known: JsonObject, name: string): Evaluated {
  const names = Object.keys(known);
  const there = names.length === 0 ? '' : `; there are ${names.slice(0, 8).join(', ')}`;
  return (
    own(known, name) ??
    error(
      `there is no variable "${name}" here${there}; an output is named node.output, an input pipeline.input.name`,
    )
  );
}

/** A node's own input hides a node of the same name: `path.name` is then a member of the input `path`. */
function output(variables: Variables, node: string, name: string): Evaluated {
  const hidden = own(variables.local ?? {}, node);
  if (hidden?.is === 'value') {
    return memberOf(hidden.value, name, variables, node);
  }
  if (FORBIDDEN_MEMBERS.has(node)) {
    return error(`"${node}" is no name that an expression may use`);
  }
  const known = variables.node(node);
  if (known.is !== 'outputs') {
    return known;
  }
  return own(known.outputs, name) ?? missing(Object.keys(known.outputs), name, node);
}
