// What a name stands for: the scopes of the language, and the members below them.

import { message } from '#core/messages.ts';
import { checkLiterals } from './literal-arguments.ts';
import { fail, nearest, type Source } from './problem.ts';
import {
  elsewhere,
  FUNCTION_NAMES,
  isFunction,
  OTHER_NAMES,
  SIGNATURES,
  wantedArguments,
} from './signatures.ts';
import type { Expr } from './types.ts';
import { FORBIDDEN_MEMBERS } from './values.ts';

/** A name that is not yet an expression: what follows decides. */
export type Head =
  | { readonly kind: 'name'; readonly at: number; readonly name: string; readonly end: number }
  | { readonly kind: 'scope'; readonly at: number; readonly scope: Scope; readonly end: number };

type Scope = 'pipeline' | 'pipeline.input' | 'system' | 'secret' | 'external';

export type Subject = Head | { readonly kind: 'done'; readonly expr: Expr; readonly end: number };

const WORDS: { readonly [word: string]: { readonly by: string } } = {
  True: { by: 'true' },
  TRUE: { by: 'true' },
  False: { by: 'false' },
  FALSE: { by: 'false' },
  None: { by: 'null' },
  NULL: { by: 'null' },
  Null: { by: 'null' },
  nil: { by: 'null' },
  undefined: { by: 'null' },
};

/** A word at the beginning of a value. */
export function head(source: Source, at: number, name: string): Subject {
  const end = at + name.length;
  if (name === 'true' || name === 'false' || name === 'null') {
    const value = name === 'null' ? null : name === 'true';
    return { kind: 'done', expr: { kind: 'literal', at: source.base + at, value }, end };
  }
  if (name === 'pipeline' || name === 'system' || name === 'secret' || name === 'external') {
    return { kind: 'scope', at, scope: name, end };
  }
  refuseForbidden(source, at, name);
  return { kind: 'name', at, name, end };
}

function refuseForbidden(source: Source, at: number, name: string): void {
  if (FORBIDDEN_MEMBERS.has(name)) {
    fail(source, { at, said: message('expression_syntax', 'forbidden', { name }) });
  }
}

/** `.name`, or `['name']`, behind a subject. */
export function member(source: Source, subject: Subject, name: string, end: number): Subject {
  const at = end - name.length;
  refuseForbidden(source, at, name);
  if (subject.kind === 'done') {
    const expr: Expr = { kind: 'member', at: subject.expr.at, object: subject.expr, name };
    return { kind: 'done', expr, end };
  }
  if (subject.kind === 'scope') {
    return scoped(source, subject, name, end);
  }
  const from = source.base + subject.at;
  const expr: Expr =
    subject.name === 'item' || subject.name === 'index'
      ? { kind: 'member', at: from, object: { kind: 'local', at: from, name: subject.name }, name }
      : { kind: 'output', at: from, node: subject.name, name };
  return { kind: 'done', expr, end };
}

function scoped(
  source: Source,
  subject: Head & { readonly kind: 'scope' },
  name: string,
  end: number,
): Subject {
  const { at, scope } = subject;
  switch (scope) {
    case 'pipeline':
      if (name === 'input') {
        return { kind: 'scope', at, scope: 'pipeline.input', end };
      }
      return fail(source, {
        at,
        said: message('expression_syntax', 'pipeline_member', { name }),
        fix: { to: end, by: name === 'inputs' ? 'pipeline.input' : `pipeline.input.${name}` },
      });
    case 'pipeline.input':
      return { kind: 'done', expr: { kind: 'input', at: source.base + at, name }, end };
    case 'system':
    case 'secret':
      return { kind: 'done', expr: { kind: scope, at: source.base + at, name }, end };
    case 'external':
      return fail(source, {
        at,
        said: message('expression_syntax', 'external_member', { name }),
        fix: { to: end, by: `payload('external.${name}')` },
      });
  }
}

/** The subject as the expression it is when nothing follows. */
export function finished(source: Source, subject: Subject): Expr {
  if (subject.kind === 'done') {
    return subject.expr;
  }
  const { at, end } = subject;
  if (subject.kind === 'scope') {
    const wanted = { pipeline: 'input.NAME', 'pipeline.input': 'NAME', system: 'run_id' };
    const next =
      subject.scope === 'secret' || subject.scope === 'external' ? 'NAME' : wanted[subject.scope];
    const said = message('expression_syntax', 'scope', { scope: subject.scope, member: next });
    return fail(source, { at, said });
  }
  const word = Object.hasOwn(WORDS, subject.name) ? WORDS[subject.name] : undefined;
  if (word !== undefined) {
    const said = message('expression_syntax', 'word', { came: subject.name, word: word.by });
    return fail(source, { at, said, fix: { to: end, by: word.by } });
  }
  return { kind: 'local', at: source.base + at, name: subject.name };
}

/** `name(args)`: checked against the closed list. `end` is behind the closing bracket. */
export function call(
  source: Source,
  subject: Subject,
  args: readonly Expr[],
  end: number,
): Subject {
  if (subject.kind !== 'name') {
    return noMethod(source, subject);
  }
  const { at, name } = subject;
  if (!isFunction(name)) {
    return unknownFunction(source, subject);
  }
  const signature = SIGNATURES[name];
  if (args.length < signature.least || args.length > signature.most) {
    const { usage } = signature;
    const count = `${args.length} argument${args.length === 1 ? '' : 's'}`;
    const wanted = wantedArguments(signature);
    const said = message('expression_function', 'arguments', { name, count, wanted, usage });
    return fail(source, { at, said, suggestion: usage });
  }
  checkLiterals(source, name, args);
  return { kind: 'done', expr: { kind: 'call', at: source.base + at, name, args }, end };
}

function unknownFunction(source: Source, subject: Head & { readonly kind: 'name' }): never {
  const { at, name } = subject;
  const to = at + name.length;
  if (name === 'not') {
    return fail(source, { at, said: message('expression_syntax', 'not'), fix: { to, by: '!' } });
  }
  if (name === 'default' || name === 'coalesce') {
    return fail(source, { at, said: message('expression_function', 'fallback', { name }) });
  }
  const near = nearest(name, [...FUNCTION_NAMES, ...OTHER_NAMES]);
  const meant = elsewhere(name) ?? (near === undefined ? undefined : elsewhere(near));
  return fail(source, {
    at,
    said:
      meant === undefined
        ? message('expression_function', 'unknown', { name, known: FUNCTION_NAMES.join(', ') })
        : message('expression_function', 'near', { name, near: meant }),
    ...(meant === undefined ? {} : { fix: { to, by: meant } }),
  });
}

function noMethod(source: Source, subject: Subject): never {
  const at = subject.kind === 'done' ? subject.expr.at - source.base : subject.at;
  const expr = subject.kind === 'done' ? subject.expr : undefined;
  const method =
    expr?.kind === 'output' || expr?.kind === 'member' || expr?.kind === 'input' ? expr.name : '';
  const meant = elsewhere(method);
  const usage = meant === undefined ? 'lower(x)' : SIGNATURES[meant].usage;
  const called = method === '' ? '' : `: .${method}()`;
  return fail(source, {
    at,
    said: message('expression_function', 'method', { method: called, usage }),
  });
}
