// Reads texts of the language: conditions, expressions, templates. Never throws; the first problem is the answer, with its
// place and, where one can tell, the corrected text. A text is read once: what it came to is kept, a bounded number of them.
import { message } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import { closingBraces } from './braces.ts';
import { toCondition } from './condition.ts';
import { fail, type Source, Unreadable } from './problem.ts';
import { readAll, toExpr } from './tokens.ts';
import type { Condition, Expr, Parsed, Template } from './types.ts';

const KEPT = 5_000;
/** Longer texts (scripts with a value in them) are read anew: the memory of them would not be bounded by their number. */
const KEPT_LENGTH = 2_000;

const conditions = new Map<string, Parsed<Condition>>();
const expressions = new Map<string, Parsed<Expr>>();
const templates = new Map<string, Parsed<Template>>();

/** A condition: events and `{{ }}` joined by `&&`, `||`, `!`. */
export function parseCondition(text: string): Parsed<Condition> {
  return remembered(conditions, text, () => {
    const source = wholeOf(text);
    check(source, 'the condition', 'event:NODE.completed');
    return toCondition(source, readAll(source, 'condition'));
  });
}

/** An expression: what stands between `{{` and `}}`. */
export function parseExpression(text: string): Parsed<Expr> {
  return remembered(expressions, text, () => expressionIn(wholeOf(text)));
}

/** A text with any number of `{{ }}`. One without is a single part, itself. */
export function parseTemplate(text: string): Parsed<Template> {
  if (!text.includes('{{')) {
    return { ok: true, value: { text, parts: [text] } };
  }
  return remembered(templates, text, () => {
    const source = wholeOf(text);
    const parts: (string | Exclude<Template['parts'][number], string>)[] = [];
    let from = 0;
    for (let at = text.indexOf('{{'); at >= 0; at = text.indexOf('{{', from)) {
      const close = closingBraces(source, at);
      if (at > from) {
        parts.push(text.slice(from, at));
      }
      const inner: Source = { text: text.slice(at + 2, close), base: at + 2, whole: text };
      parts.push({ at, text: inner.text.trim(), expr: expressionIn(inner) });
      from = close + 2;
    }
    if (from < text.length) {
      parts.push(text.slice(from));
    }
    return { text, parts };
  });
}

function wholeOf(text: string): Source {
  return { text, base: 0, whole: text };
}

function expressionIn(source: Source): Expr {
  check(source, 'the expression', 'pipeline.input.NAME');
  return toExpr(source, readAll(source, 'expression'));
}

function check(source: Source, what: string, like: string): void {
  if (source.text.length > limits.expressionLength) {
    const most = limits.expressionLength;
    const said = message('expression_limit', 'length', { what, count: source.text.length, most });
    fail(source, { at: 0, said });
  }
  if (source.text.trim() === '') {
    fail(source, { at: 0, said: message('expression_syntax', 'empty', { what, like }) });
  }
}

function remembered<T>(memory: Map<string, Parsed<T>>, text: string, read: () => T): Parsed<T> {
  const known = memory.get(text);
  if (known !== undefined) {
    // Asked again: the last to be forgotten.
    memory.delete(text);
    memory.set(text, known);
    return known;
  }
  const parsed = attempt(read);
  if (text.length <= KEPT_LENGTH) {
    const oldest = memory.size >= KEPT ? memory.keys().next().value : undefined;
    if (oldest !== undefined) {
      memory.delete(oldest);
    }
    memory.set(text, parsed);
  }
  return parsed;
}

function attempt<T>(read: () => T): Parsed<T> {
  try {
    return { ok: true, value: read() };
  } catch (reason) {
    if (reason instanceof Unreadable) {
      return { ok: false, problem: reason.problem };
    }
    throw reason;
  }
}
