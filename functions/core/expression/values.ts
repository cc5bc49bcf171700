// What values are, how they compare, and how they read as text. Own properties only: nothing here looks at a prototype.
import { limits } from '#schemas/limits.ts';
import type { FileValue, Json, RefValue } from '#schemas/values.ts';
import type { Evaluated, Variables } from './types.ts';

export type Kind =
  | 'null'
  | 'boolean'
  | 'number'
  | 'text'
  | 'list'
  | 'object'
  | 'file'
  | 'reference';

/** Member names that could reach a prototype; they are refused wherever a name is written or computed. */
export const FORBIDDEN_MEMBERS: ReadonlySet<string> = new Set([
  '__proto__',
  'constructor',
  'prototype',
]);

export type JsonObject = { readonly [key: string]: Json };

export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wraps(value: Json, key: string): boolean {
  if (!(isObject(value) && Object.hasOwn(value, key))) {
    return false;
  }
  const inner = value[key];
  return Object.keys(value).length === 1 && inner !== undefined && isObject(inner);
}

export function isFile(value: Json): value is JsonObject & FileValue {
  return wraps(value, '$file');
}

export function isRef(value: Json): value is JsonObject & RefValue {
  return wraps(value, '$ref');
}

export function kindOf(value: Json): Kind {
  if (value === null) {
    return 'null';
  }
  if (typeof value === 'string') {
    return 'text';
  }
  if (typeof value === 'boolean') {
    return 'boolean';
  }
  if (typeof value === 'number') {
    return 'number';
  }
  if (isList(value)) {
    return 'list';
  }
  if (isFile(value)) {
    return 'file';
  }
  return isRef(value) ? 'reference' : 'object';
}

/** `the number 5`, `the text "abc"`, `a list of 3`: how messages name a value. */
export function describe(value: Json): string {
  switch (kindOf(value)) {
    case 'null':
      return 'null';
    case 'boolean':
      return String(value);
    case 'number':
      return `the number ${String(value)}`;
    case 'text':
      return `the text ${quoted(String(value))}`;
    case 'list':
      return isList(value) ? `a list of ${value.length}` : 'a list';
    case 'file':
      return 'a file';
    case 'reference':
      return 'a value kept by reference';
    case 'object':
      return 'an object';
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

export function value(of: Json): Evaluated {
  return { is: 'value', value: of };
}

export function error(message: string, missing = false): Evaluated {
  return {
    is: 'error',
    message: message.slice(0, limits.messageLength),
    ...(missing ? { missing } : {}),
  };
}

/** Counts what an evaluation does. Once it is used up, the whole evaluation is an error, whatever its operators would make of it. */
export interface Budget {
  left: number;
}

export function spend(budget: Budget, operations = 1): boolean {
  budget.left -= operations;
  return budget.left >= 0;
}

/** Text is cheap but not free: a thousand characters count one. */
export function spendText(budget: Budget, characters: number): boolean {
  return spend(budget, 1 + Math.floor(characters / 1_000));
}

/** Deep equality. Values of different kinds are different. Undefined when the budget ran out. */
export function equal(left: Json, right: Json, budget: Budget): boolean | undefined {
  const pairs: [Json, Json][] = [[left, right]];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    if (!spend(budget)) {
      return undefined;
    }
    const [one, other] = pair;
    if (one === other) {
      continue;
    }
    const inner = isList(one) && isList(other) ? pairsOfLists(one, other) : pairsOf(one, other);
    if (inner === undefined) {
      return false;
    }
    if (!spend(budget, inner.length)) {
      return undefined;
    }
    for (const next of inner) {
      pairs.push(next);
    }
  }
  return true;
}

function pairsOfLists(one: readonly Json[], other: readonly Json[]): [Json, Json][] | undefined {
  if (one.length !== other.length) {
    return undefined;
  }
  return one.map((item, index) => [item, other[index] ?? null]);
}

function pairsOf(one: Json, other: Json): [Json, Json][] | undefined {
  if (!(isObject(one) && isObject(other))) {
    return undefined;
  }
  const keys = Object.keys(one);
  if (
    keys.length !== Object.keys(other).length ||
    !keys.every((key) => Object.hasOwn(other, key))
  ) {
    return undefined;
  }
  return keys.map((key) => [one[key] ?? null, other[key] ?? null]);
}

/** Order of texts by code points: below 0, 0, above 0. Comparing UTF-16 units would put U+FF5E behind an emoji. */
export function compareTexts(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const one = left.charCodeAt(index);
    const other = right.charCodeAt(index);
    if (one !== other) {
      return weight(one) - weight(other);
    }
  }
  return left.length - right.length;
}

/** Moves surrogates behind all other units, where their code points are. */
function weight(unit: number): number {
  if (unit >= 0xe000) {
    return unit - 0x800;
  }
  return unit >= 0xd800 ? unit + 0x2000 : unit;
}

export function codePoints(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index++) {
    if ((text.codePointAt(index) ?? 0) > 0xffff) {
      index++;
    }
    count++;
  }
  return count;
}

const BY_REFERENCE =
  'is kept by reference because it is large: pass it on whole, ask len() or an index of it if it is a list, or let a step hand over the small part that is needed';

/** What is wrong with reading a list by reference; undefined when nothing is. */
export function tooLargeToRead(of: Json): string | undefined {
  if (!isRef(of) || of.$ref.size <= limits.listBytes) return undefined;
  const size = (of.$ref.size / 2 ** 20).toFixed(1);
  return `is kept by reference and has ${size} MiB; a list of at most ${limits.listBytes / 2 ** 20} MiB can be read: let a step cut it into smaller lists, or hand the data over as files and list their names`;
}

export function refused(what: string): Evaluated {
  return error(`${what} ${BY_REFERENCE}`);
}

/**
 * A value as it stands in a longer text: texts as they are, numbers as JSON prints them, lists and objects as compact
 * JSON, null as `null`, files as their local path.
 */
export function asText(of: Json, variables: Variables, budget?: Budget): Evaluated {
  const spent = budget ?? { left: limits.expressionOperations };
  switch (kindOf(of)) {
    case 'text':
      return value(of);
    case 'file':
      return filePath(of, variables);
    case 'reference':
      return refused('a value that is wanted as text');
    case 'list':
    case 'object':
      return compactJson(of, spent);
    case 'null':
    case 'boolean':
    case 'number':
      return value(String(of));
  }
}

export function filePath(of: Json, variables: Variables): Evaluated {
  return variables.file === undefined
    ? error('a file has no local path here: it is known where a program is started')
    : value(variables.file.path(of));
}

function compactJson(of: Json, budget: Budget): Evaluated {
  const size = sizeOf(of, budget);
  if (typeof size === 'string') {
    return error(size);
  }
  const text = JSON.stringify(of);
  return text.length > limits.expressionTextLength ? error(tooLong(text.length)) : value(text);
}

export function tooLong(length: number): string {
  return `a text of ${length} characters came out; at most ${limits.expressionTextLength} are allowed`;
}

export const EXHAUSTED = `the expression needs more than ${limits.expressionOperations} operations; let a step compute this`;

/** Walks a value once, so that what follows (JSON, a copy) is known to be bounded. A message when it is not. */
export function sizeOf(of: Json, budget: Budget): number | string {
  const open: { readonly of: Json; readonly depth: number }[] = [{ of, depth: 0 }];
  let size = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const cost = typeof next.of === 'string' ? next.of.length : 0;
    size += 1 + cost;
    if (!spendText(budget, cost)) {
      return EXHAUSTED;
    }
    if (next.depth > limits.expressionDepth) {
      return `a value is nested deeper than ${limits.expressionDepth} levels`;
    }
    const depth = next.depth + 1;
    if (isList(next.of)) {
      for (const item of next.of) {
        open.push({ of: item, depth });
      }
    } else if (isObject(next.of)) {
      for (const item of Object.values(next.of)) {
        open.push({ of: item, depth });
      }
    }
  }
  return size;
}
