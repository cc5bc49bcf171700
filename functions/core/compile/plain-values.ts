// Values on one line, for plain-yaml.ts: plain and quoted scalars, flow collections. Undefined means: let the library read it.
import { limits } from '#schemas/limits.ts';
import type { Entry, ScalarTree, Tree } from './tree.ts';
import { FORBIDDEN_KEYS } from './tree.ts';

/** Where a plain scalar in a block ends: at the end of the line, or at a comment. */
export function inlineEnd(source: string, at: number): number {
  const line = source.indexOf('\n', at);
  const stop = line < 0 ? source.length : line;
  const comment = source.slice(at, stop).indexOf(' #');
  let end = comment < 0 ? stop : at + comment;
  while (end > at && source.charCodeAt(end - 1) === 32) end -= 1;
  return end;
}

const LETTER = /[\p{L}\d_./$\\(+=~<^;]/u;

/** A plain scalar between two offsets of one line. */
export function plainScalar(source: string, at: number, end: number): ScalarTree | undefined {
  const text = source.slice(at, end);
  const first = text[0] ?? '';
  const dash = first === '-' && /^-[^\s,[\]{}]/.test(text);
  if (!LETTER.test(first) && !dash) return undefined;
  if (text.includes(': ') || text.endsWith(':') || text.includes(' #')) return undefined;
  const value = resolved(text);
  return value === undefined ? undefined : { kind: 'scalar', at, end, value, style: 'plain' };
}

/** Leading zeros, exponents, octal, hexadecimal, infinities. */
const UNUSUAL_NUMBER =
  /^(?:[-+]?(?:\.\d+|\d+\.?\d*)(?:[eE][-+]?\d+)?|0o[0-7]+|0x[\da-fA-F]+|[-+]?\.(?:inf|nan))$/i;

/** What the core schema makes of a plain text; undefined for the rare forms. */
function resolved(text: string): string | number | boolean | null | undefined {
  if (!/^[-+.~\dnNtTfF]/.test(text)) return text;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^(?:null|Null|NULL|~)$/.test(text)) return null;
  if (/^-?(?:0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  if (/^-?\d{1,14}\.\d{1,14}$/.test(text)) return Number(text);
  return UNUSUAL_NUMBER.test(text) ? undefined : text;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  n: '\n',
  t: '\t',
  r: '\r',
};

/** A quoted scalar that ends in its line. */
export function quotedScalar(source: string, at: number): ScalarTree | undefined {
  return source.charCodeAt(at) === 39 ? single(source, at) : double(source, at);
}

function single(source: string, at: number): ScalarTree | undefined {
  let end = source.indexOf("'", at + 1);
  while (end >= 0 && source.charCodeAt(end + 1) === 39) end = source.indexOf("'", end + 2);
  if (end < 0) return undefined;
  const raw = source.slice(at + 1, end);
  if (raw.includes('\n')) return undefined;
  const value = raw.replaceAll("''", "'");
  return { kind: 'scalar', at, end: end + 1, value, style: 'single' };
}

function double(source: string, at: number): ScalarTree | undefined {
  let end = at + 1;
  let escaped = false;
  for (; end < source.length; end += 1) {
    const code = source.charCodeAt(end);
    if (code === 34) break;
    if (code === 10) return undefined;
    if (code !== 92) continue;
    escaped = true;
    end += 1;
  }
  if (end >= source.length) return undefined;
  const raw = source.slice(at + 1, end);
  const value = escaped ? unescaped(raw) : raw;
  if (value === undefined) return undefined;
  return { kind: 'scalar', at, end: end + 1, value, style: 'double' };
}

function unescaped(raw: string): string | undefined {
  let odd = false;
  const value = raw.replaceAll(/\\(.)/gs, (_, letter: string) => {
    const known = ESCAPES[letter];
    if (known === undefined) odd = true;
    return known ?? '';
  });
  return odd ? undefined : value;
}

/** `[a, b]` or `{ a: b }`, whole in one line. */
export function flowValue(source: string, at: number, depth: number): Tree | undefined {
  return new Flow(source, at).value(depth);
}

const FLOW_KEY = /[A-Za-z_][\w.-]*(?=:[ \n])/y;
const FLOW_PLAIN = /[^,[\]{}#\n:]+/y;

class Flow {
  readonly #source: string;
  #at: number;

  constructor(source: string, at: number) {
    this.#source = source;
    this.#at = at;
  }

  value(depth: number): Tree | undefined {
    if (depth > limits.yamlDepth) return undefined;
    const code = this.#source.charCodeAt(this.#at);
    if (code === 91) return this.#list(depth);
    if (code === 123) return this.#map(depth);
    const scalar =
      code === 34 || code === 39 ? quotedScalar(this.#source, this.#at) : this.#plain();
    if (scalar !== undefined) this.#at = scalar.end;
    return scalar;
  }

  #plain(): ScalarTree | undefined {
    FLOW_PLAIN.lastIndex = this.#at;
    if (!FLOW_PLAIN.test(this.#source)) return undefined;
    let end = FLOW_PLAIN.lastIndex;
    while (this.#source.charCodeAt(end - 1) === 32) end -= 1;
    if (end <= this.#at) return undefined;
    return plainScalar(this.#source, this.#at, end);
  }

  #blanks(): number {
    while (this.#source.charCodeAt(this.#at) === 32) this.#at += 1;
    return this.#source.charCodeAt(this.#at);
  }

  /** Behind a value: on over a comma, or at the closing bracket. */
  #next(close: number): 'more' | 'end' | undefined {
    const code = this.#blanks();
    if (code !== 44 && code !== close) return undefined;
    this.#at += 1;
    if (code === close) return 'end';
    // A comma at the end of a collection.
    if (this.#blanks() !== close) return 'more';
    this.#at += 1;
    return 'end';
  }

  #list(depth: number): Tree | undefined {
    const at = this.#at;
    this.#at += 1;
    const items: Tree[] = [];
    let state: 'more' | 'end' | undefined = this.#blanks() === 93 ? 'end' : 'more';
    if (state === 'end') this.#at += 1;
    while (state === 'more') {
      const item = this.value(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
      state = this.#next(93);
    }
    return state === undefined ? undefined : { kind: 'list', at, end: this.#at, items };
  }

  #map(depth: number): Tree | undefined {
    const at = this.#at;
    this.#at += 1;
    const entries = new Map<string, Entry>();
    let state: 'more' | 'end' | undefined = this.#blanks() === 125 ? 'end' : 'more';
    if (state === 'end') this.#at += 1;
    while (state === 'more') {
      FLOW_KEY.lastIndex = this.#at;
      if (!FLOW_KEY.test(this.#source)) return undefined;
      const key = this.#source.slice(this.#at, FLOW_KEY.lastIndex);
      if (entries.has(key) || FORBIDDEN_KEYS.has(key)) return undefined;
      const keyAt = this.#at;
      this.#at += key.length + 1;
      this.#blanks();
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      entries.set(key, { at: keyAt, value });
      state = this.#next(125);
    }
    return state === undefined ? undefined : { kind: 'map', at, end: this.#at, entries };
  }
}
