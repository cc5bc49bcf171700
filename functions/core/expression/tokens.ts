// The language as a plugin of jsep: jsep knows precedence and `?:`, every token is read here, so that each has its
// place, names may be of any script, and what the language does not have is said in words.
//
// jsep's configuration is global to the process; this file is the only one that touches it. Reading is synchronous, so
// the text being read is kept beside it, one at a time.

import jsep from 'jsep';
import { message } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import { closingBraces } from './braces.ts';
import { checkEvent } from './event-patterns.ts';
import { refuseHyphen } from './hyphens.ts';
import { readNumber, readText } from './literals.ts';
import { call, finished, head, member, type Subject } from './names.ts';
import { fail, type Source } from './problem.ts';
import { binary, binaryOperator, choice, type Mode, type Raw, spanning, unary } from './raw.ts';
import type { Expr } from './types.ts';
import { unexpected } from './unexpected.ts';

interface Reading {
  readonly source: Source;
  readonly mode: Mode;
  depth: number;
  whole: boolean;
}

type Scope = jsep.HookScope;

/** A name: letters of any script, digits, `_`; no digit first. */
const NAME = /[\p{L}_][\p{L}\p{M}\p{Nd}_]*/uy;
/** Between binary operators and behind the last token. */
const OPERATOR = 'an operator (&&, ||, ==, <, + …)';

let reading: Reading | undefined;
const built = new WeakMap<jsep.Expression, Raw>();

configure();

function configure(): void {
  jsep.removeAllUnaryOps();
  for (const operator of ['|', '^', '&', '===', '!==', '<<', '>>', '>>>', '**']) {
    jsep.removeBinaryOp(operator);
  }
  // Between arithmetic and comparison: `a.n ?? 0 > 5` asks whether a.n, or else 0, is more than 5.
  jsep.addBinaryOp('??', 8);
  jsep.hooks.add('gobble-expression', function begin() {
    const now = current();
    if (now.depth === 0 && now.whole) {
      unexpected(now.source, this.index, OPERATOR);
    }
    now.whole = true;
    deeper(now, this.index);
  });
  jsep.hooks.add('after-expression', () => {
    current().depth--;
  });
  jsep.hooks.add('gobble-token', function token(env) {
    const node: jsep.Expression = { type: 'Millrace' };
    built.set(node, readToken(this));
    env.node = node;
  });
}

function current(): Reading {
  if (reading === undefined) {
    const nothing = { text: '', base: 0, whole: '' };
    return fail(nothing, { at: 0, said: message('expression_syntax', 'idle') });
  }
  return reading;
}

function deeper(now: Reading, at: number): void {
  now.depth++;
  if (now.depth > limits.expressionDepth) {
    const said = message('expression_limit', 'depth', { most: limits.expressionDepth });
    fail(now.source, { at, said });
  }
}

/** Reads a whole text. Leaves by `Unreadable` where it cannot. */
export function readAll(source: Source, mode: Mode): Raw {
  const outer = reading;
  reading = { source, mode, depth: 0, whole: false };
  try {
    const trimmed = source.text.trim();
    const separator = /^[,;]|[,;]$/.exec(trimmed);
    if (separator !== null && trimmed !== '') {
      const at = source.text.indexOf(trimmed) + separator.index;
      unexpected(source, at, separator.index === 0 ? 'a value' : OPERATOR);
    }
    return rawOf(jsep(source.text));
  } catch (reason) {
    return explained(source, reason);
  } finally {
    reading = outer;
  }
}

/** jsep says a few things itself (a `?` without its `:`), with an index and a description. */
function explained(source: Source, reason: unknown): never {
  if (!(reason instanceof Error && 'index' in reason && typeof reason.index === 'number')) {
    throw reason;
  }
  const why = 'description' in reason ? String(reason.description) : reason.message;
  const said =
    why === 'Expected :'
      ? message('expression_syntax', 'colon')
      : message('expression_syntax', 'parser', { why });
  return fail(source, { at: reason.index, said });
}

function rawOf(node: unknown): Raw {
  const spine: { readonly operator: unknown; readonly right: unknown }[] = [];
  let left = node;
  // A long chain leans to the left, one level an operator: it is walked, not descended into.
  while (isNode(left) && left.type === 'BinaryExpression') {
    spine.push({ operator: left['operator'], right: left['right'] });
    left = left['left'];
  }
  let raw = leafOf(left);
  for (let next = spine.pop(); next !== undefined; next = spine.pop()) {
    raw = joined(next.operator, raw, rawOf(next.right));
  }
  return raw;
}

function joined(operator: unknown, left: Raw, right: Raw): Raw {
  const { source } = current();
  const known = binaryOperator(operator);
  if (known === undefined) {
    const said = message('expression_syntax', 'operator', { operator: String(operator) });
    return fail(source, { at: left.at, said });
  }
  if (known === '??' && left.kind === 'expr' && left.expr.kind === 'literal') {
    const value = source.text.slice(left.at, left.end);
    return fail(source, {
      at: left.at,
      said: message('expression_syntax', 'fallback', { value }),
    });
  }
  return binary(known, left, right);
}

function leafOf(node: unknown): Raw {
  const { source } = current();
  if (!isNode(node)) {
    return unexpected(source, source.text.length, 'a value');
  }
  const raw = built.get(node);
  if (raw !== undefined) {
    return raw;
  }
  if (node.type === 'ConditionalExpression') {
    return choice(rawOf(node['test']), rawOf(node['consequent']), rawOf(node['alternate']));
  }
  return unexpected(source, source.text.length, 'a value');
}

function isNode(node: unknown): node is jsep.Expression {
  return typeof node === 'object' && node !== null && 'type' in node;
}

function readToken(scope: Scope): Raw {
  const { source } = current();
  const at = scope.index;
  const char = scope.char;
  if (char === '!' || char === '-') {
    return readUnary(scope, char);
  }
  if (char === '+') {
    const said = message('expression_syntax', 'plus');
    fail(source, { at, said, fix: { to: at + 1, by: '' } });
  }
  if (char === '{' && source.text.startsWith('{{', at)) {
    return readBraces(scope);
  }
  const event = /^event\s*:\s*(?=[\p{L}\p{M}\p{Nd}_*'"@])/u.exec(source.text.slice(at, at + 40));
  if (event !== null) {
    return readEvent(scope, event[0].length);
  }
  if (char === '(') {
    return readGroup(scope);
  }
  return readValue(scope, beginning(scope));
}

function readUnary(scope: Scope, operator: '!' | '-'): Raw {
  const now = current();
  const at = scope.index;
  deeper(now, at);
  scope.index++;
  const operand = rawOf(scope.gobbleToken());
  now.depth--;
  return unary(operator, at, now.source.base, operand);
}

function readGroup(scope: Scope): Raw {
  const { source } = current();
  const at = scope.index;
  scope.index++;
  const inner = rawOf(scope.gobbleExpression());
  if (scope.char !== ')') {
    if (scope.index >= source.text.length) {
      fail(source, { at, said: message('expression_syntax', 'bracket_open', { bracket: '(' }) });
    }
    unexpected(source, scope.index, `${OPERATOR} or )`);
  }
  scope.index++;
  const group = spanning(inner, at, scope.index);
  if (group.kind !== 'expr') {
    return group;
  }
  return readValue(scope, { kind: 'done', expr: group.expr, end: scope.index }, at);
}

/** What a value begins with: a literal, a list or a name. */
function beginning(scope: Scope): Subject {
  const { source } = current();
  const at = scope.index;
  const char = scope.char;
  if (char === "'" || char === '"') {
    const { value, end } = readText(source, at);
    scope.index = end;
    return { kind: 'done', expr: { kind: 'literal', at: source.base + at, value }, end };
  }
  if (/[0-9]/.test(char) || (char === '.' && /[0-9]/.test(source.text.charAt(at + 1)))) {
    const { value, end } = readNumber(source, at);
    scope.index = end;
    return { kind: 'done', expr: { kind: 'literal', at: source.base + at, value }, end };
  }
  if (char === '[') {
    scope.index++;
    const items = readList(scope, at, ']');
    return { kind: 'done', expr: { kind: 'array', at: source.base + at, items }, end: scope.index };
  }
  const name = nameAt(source, at);
  const negated = /^not\s+[\p{L}\p{Nd}_('"!-]/iu.test(source.text.slice(at, at + 40));
  if (name === undefined || negated) {
    return unexpected(source, at, 'a value');
  }
  scope.index += name.length;
  return head(source, at, name);
}

function nameAt(source: Source, at: number): string | undefined {
  NAME.lastIndex = at;
  return NAME.exec(source.text)?.[0];
}

/** Everything that may follow a value: `.name`, `[index]`, `(arguments)`. */
function readValue(scope: Scope, begun: Subject, from?: number): Raw {
  const now = current();
  const { source } = now;
  const depth = now.depth;
  let subject = begun;
  const at = from ?? (subject.kind === 'done' ? subject.expr.at - source.base : subject.at);
  refuseHyphen(source, subject, begun);
  for (;;) {
    skipSpaces(scope);
    const char = scope.char;
    if (char === '.') {
      subject = readMember(scope, subject);
      refuseHyphen(source, subject, begun);
    } else if (char === '[') {
      subject = readIndex(scope, subject);
    } else if (char === '(') {
      const open = scope.index++;
      const args = readList(scope, open, ')');
      subject = call(source, subject, args, scope.index);
    } else {
      break;
    }
    deeper(now, at);
  }
  now.depth = depth;
  const expr = finished(source, subject);
  return { kind: 'expr', at, end: Math.max(subject.end, from === undefined ? 0 : begun.end), expr };
}

function skipSpaces(scope: Scope): void {
  while (/^[ \t\r\n]$/.test(scope.char)) {
    scope.index++;
  }
}

function readMember(scope: Scope, subject: Subject): Subject {
  const { source } = current();
  scope.index++;
  skipSpaces(scope);
  const name = nameAt(source, scope.index);
  if (name === undefined) {
    return unexpected(source, scope.index, 'the name of a member');
  }
  scope.index += name.length;
  return member(source, subject, name, scope.index);
}

function readIndex(scope: Scope, subject: Subject): Subject {
  const { source } = current();
  const open = scope.index++;
  const index = toExpr(source, rawOf(scope.gobbleExpression()));
  if (scope.char !== ']') {
    if (scope.index >= source.text.length) {
      const said = message('expression_syntax', 'bracket_open', { bracket: '[' });
      fail(source, { at: open, said });
    }
    unexpected(source, scope.index, `${OPERATOR} or ]`);
  }
  scope.index++;
  if (index.kind === 'literal' && typeof index.value === 'string') {
    const below = member(source, subject, index.value, scope.index);
    return below;
  }
  const object = finished(source, subject);
  return { kind: 'done', expr: { kind: 'index', at: object.at, object, index }, end: scope.index };
}

function readList(scope: Scope, open: number, close: ')' | ']'): Expr[] {
  const { source } = current();
  const items: Expr[] = [];
  skipSpaces(scope);
  if (scope.char === close) {
    scope.index++;
    return items;
  }
  for (;;) {
    items.push(toExpr(source, rawOf(scope.gobbleExpression())));
    if (scope.index >= source.text.length) {
      const bracket = source.text.charAt(open);
      fail(source, { at: open, said: message('expression_syntax', 'bracket_open', { bracket }) });
    }
    const char = scope.char;
    if (char !== ',' && char !== close) {
      unexpected(source, scope.index, `a comma or ${close}`);
    }
    scope.index++;
    if (char === close) {
      return items;
    }
  }
}

/** An expression has neither events nor braces in it. */
export function toExpr(source: Source, raw: Raw): Expr {
  if (raw.kind === 'expr') {
    return raw.expr;
  }
  return fail(source, { at: raw.at, said: message('braces_in_comparison', 'inside') });
}

function readBraces(scope: Scope): Raw {
  const { source, mode } = current();
  const at = scope.index;
  const close = closingBraces(source, at);
  const inner = source.text.slice(at + 2, close);
  if (mode === 'expression') {
    return fail(source, {
      at,
      said: message('expression_syntax', 'braces_twice'),
      fix: { to: close + 2, by: inner.trim() },
    });
  }
  const part: Source = { text: inner, base: source.base + at + 2, whole: source.whole };
  const expr = toExpr(part, readAll(part, 'expression'));
  scope.index = close + 2;
  return { kind: 'braces', at, end: scope.index, text: inner.trim(), expr };
}

const PATTERN = /[\p{L}\p{M}\p{Nd}_*.@-]*/uy;

function readEvent(scope: Scope, prefix: number): Raw {
  const { source, mode } = current();
  const at = scope.index;
  PATTERN.lastIndex = at + prefix;
  const pattern = PATTERN.exec(source.text)?.[0] ?? '';
  const end = at + prefix + pattern.length;
  if (mode === 'expression') {
    fail(source, {
      at,
      said: message('event_in_braces', 'event', { pattern }),
      suggestion: `event:${pattern} && {{ … }}`,
    });
  }
  checkEvent(source, { at, start: at + prefix, end, pattern });
  scope.index = end;
  return { kind: 'event', at, end, pattern };
}
