// From what the tokens built to a condition: events and {{ }} joined by &&, || and !. Values outside {{ }} get the corrected line.
import { message } from '#core/messages.ts';
import { fail, type Source } from './problem.ts';
import type { Raw } from './raw.ts';
import type { Condition, Expr } from './types.ts';

export function toCondition(source: Source, root: Raw): Condition {
  return conditionOf({ source, root }, root);
}

interface Context {
  readonly source: Source;
  readonly root: Raw;
}

function conditionOf(context: Context, raw: Raw): Condition {
  switch (raw.kind) {
    case 'event':
      return { kind: 'event', at: raw.at, pattern: raw.pattern };
    case 'braces':
      return { kind: 'term', at: raw.at, text: raw.text, expr: raw.expr };
    case 'expr':
      return constantOf(raw.expr) ?? bare(context, raw);
    case 'mixed':
      return mixed(context, raw);
  }
}

type Mixed = Extract<Raw, { kind: 'mixed' }>;

function mixed(context: Context, raw: Mixed): Condition {
  if (raw.operator === '!') {
    const [part] = raw.parts;
    return part === undefined
      ? bare(context, raw)
      : { kind: 'not', at: raw.at, part: conditionOf(context, part) };
  }
  if (raw.operator === '&&' || raw.operator === '||') {
    const kind = raw.operator === '&&' ? 'and' : 'or';
    const parts = chain(raw, raw.operator).map((part) => conditionOf(context, part));
    return { kind, at: raw.at, parts };
  }
  return inComparison(context, raw);
}

/** The operands of a chain of one operator, brackets or not. */
function chain(raw: Mixed, operator: '&&' | '||'): Raw[] {
  const found: Raw[] = [];
  const open: Raw[] = [raw];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.kind === 'mixed' && next.operator === operator) {
      open.push(...next.parts);
    } else {
      found.push(next);
    }
  }
  return found.reverse();
}

/** `true`, `!true`, `true && false`: constants, which the compiler calls a problem. Anything else of values is undefined. */
function constantOf(expr: Expr): Condition | undefined {
  if (expr.kind === 'literal') {
    const { at, value } = expr;
    return typeof value === 'boolean' ? { kind: 'constant', at, value } : undefined;
  }
  if (expr.kind === 'not') {
    const part = constantOf(expr.operand);
    return part && { kind: 'not', at: expr.at, part };
  }
  if (expr.kind !== 'binary' || (expr.operator !== '&&' && expr.operator !== '||')) {
    return undefined;
  }
  const right = constantOf(expr.right);
  const left = right && constantOf(expr.left);
  return (
    left &&
    right && { kind: expr.operator === '&&' ? 'and' : 'or', at: expr.at, parts: [left, right] }
  );
}

function bare({ source, root }: Context, raw: Raw): never {
  const value = source.text.slice(raw.at, raw.end);
  const said = message('expression_syntax', 'bare_value', { value });
  return fail(source, { at: raw.at, said, ...corrected(source, root) });
}

function inComparison({ source, root }: Context, raw: Mixed): never {
  if (raw.operator === '-' || holds(raw, 'event')) {
    const { at, operator } = raw;
    return fail(source, { at, said: message('expression_syntax', 'event_operator', { operator }) });
  }
  const value = unbraced(source, raw);
  const said = message('braces_in_comparison', 'comparison', { value });
  return fail(source, { at: raw.at, said, ...corrected(source, root) });
}

function holds(raw: Raw, kind: 'event' | 'braces'): boolean {
  return raw.kind === kind || (raw.kind === 'mixed' && raw.parts.some((part) => holds(part, kind)));
}

interface Edit {
  readonly at: number;
  readonly to: number;
  readonly by: string;
}

/** The text with every value outside {{ }} put into them; nothing when an event stands where only values can. */
function corrected(source: Source, root: Raw): { readonly suggestion?: string } {
  const edits: Edit[] = [];
  const open: Raw[] = [root];
  for (let raw = open.pop(); raw !== undefined; raw = open.pop()) {
    const logic = raw.kind === 'mixed' && ['&&', '||', '!'].includes(raw.operator);
    if (raw.kind === 'mixed' && logic) {
      open.push(...raw.parts);
    } else if (raw.kind === 'expr' || raw.kind === 'mixed') {
      if (holds(raw, 'event')) {
        return {};
      }
      if (raw.kind === 'mixed' || constantOf(raw.expr) === undefined) {
        edits.push({ at: raw.at, to: raw.end, by: `{{ ${unbraced(source, raw)} }}` });
      }
    }
  }
  return { suggestion: edited(source.text, edits, 0) };
}

/** What a value is without the braces inside it. */
function unbraced(source: Source, raw: Raw): string {
  const edits: Edit[] = [];
  const open: Raw[] = [raw];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.kind === 'braces') {
      edits.push({ at: next.at, to: next.end, by: next.text });
    } else if (next.kind === 'mixed') {
      open.push(...next.parts);
    }
  }
  return edited(source.text.slice(raw.at, raw.end), edits, raw.at);
}

function edited(text: string, edits: readonly Edit[], offset: number): string {
  const ordered = [...edits].sort((left, right) => right.at - left.at);
  return ordered.reduce(
    (result, { at, to, by }) => result.slice(0, at - offset) + by + result.slice(to - offset),
    text,
  );
}
