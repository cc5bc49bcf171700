// Expressions and conditions as text again, for messages and explanations.
import type { Condition, Expr } from './types.ts';

const NAME = /^[\p{L}_][\p{L}\p{M}\p{Nd}_]*$/u;
const DEEPEST = 16;

function below(object: string, name: string): string {
  return NAME.test(name) ? `${object}.${name}` : `${object}[${JSON.stringify(name)}]`;
}

/** Short and for people; what is nested very deeply is cut. */
export function printExpr(expr: Expr, depth = 0): string {
  if (depth > DEEPEST) {
    return '…';
  }
  const inner = (part: Expr) => printExpr(part, depth + 1);
  switch (expr.kind) {
    case 'literal':
      return typeof expr.value === 'string' ? JSON.stringify(expr.value) : String(expr.value);
    case 'array':
      return `[${expr.items.map(inner).join(', ')}]`;
    case 'input':
      return below('pipeline.input', expr.name);
    case 'output':
      return below(expr.node, expr.name);
    case 'system':
    case 'secret':
      return below(expr.kind, expr.name);
    case 'local':
      return expr.name;
    case 'member':
      return below(inner(expr.object), expr.name);
    case 'index':
      return `${inner(expr.object)}[${inner(expr.index)}]`;
    case 'not':
      return `!${inner(expr.operand)}`;
    case 'negate':
      return `-${inner(expr.operand)}`;
    case 'binary':
      return `(${inner(expr.left)} ${expr.operator} ${inner(expr.right)})`;
    case 'choice':
      return `(${inner(expr.test)} ? ${inner(expr.then)} : ${inner(expr.otherwise)})`;
    case 'call':
      return `${expr.name}(${expr.args.map(inner).join(', ')})`;
  }
}

export function printCondition(condition: Condition): string {
  switch (condition.kind) {
    case 'event':
      return `event:${condition.pattern}`;
    case 'term':
      return `{{ ${condition.text} }}`;
    case 'constant':
      return String(condition.value);
    case 'not':
      return `!${bracketed(condition.part)}`;
    case 'and':
    case 'or':
      return condition.parts.map(bracketed).join(condition.kind === 'and' ? ' && ' : ' || ');
  }
}

function bracketed(part: Condition): string {
  const text = printCondition(part);
  return part.kind === 'and' || part.kind === 'or' ? `(${text})` : text;
}
