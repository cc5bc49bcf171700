// Hides secrets in whatever leaves a program: its log, outputs, progress and errors.
import type { Json } from '#schemas/values.ts';

const MASK = '***';

/** Shorter texts would hide half of every log. */
const SHORTEST = 3;
const SHORTEST_ENCODED = 8;

/** All spellings of the secrets that are looked for, longest first. */
export function spellings(secrets: readonly string[]): string[] {
  const found = new Set<string>();
  for (const secret of secrets) {
    for (const part of [secret, ...secret.split(/\r?\n/)]) {
      const trimmed = part.trim();
      if (trimmed.length >= SHORTEST) addSpellings(found, part, trimmed);
    }
  }
  return [...found].filter((text) => text.length >= SHORTEST).sort((a, b) => b.length - a.length);
}

function addSpellings(found: Set<string>, part: string, trimmed: string): void {
  found.add(trimmed);
  for (const text of new Set([part, trimmed])) {
    const bytes = Buffer.from(text, 'utf8');
    for (const encoding of ['base64', 'base64url'] as const) {
      const whole = bytes.toString(encoding);
      found.add(whole).add(whole.replace(/=+$/, ''));
      for (let before = 0; before < 3; before += 1) found.add(within(bytes, before, encoding));
    }
  }
  if (trimmed.length >= SHORTEST_ENCODED / 2) found.add(Buffer.from(trimmed).toString('hex'));
  for (const text of inUrls(trimmed)) found.add(text);
  const quoted = JSON.stringify(trimmed).slice(1, -1);
  found.add(quoted).add(inAscii(quoted));
}

/** Languages differ in which signs they escape, and whether a blank becomes a plus. */
function inUrls(text: string): string[] {
  const whole = encodeURIComponent(text);
  const strict = whole.replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const form = new URLSearchParams({ v: text }).toString().slice('v='.length);
  const all = [whole, strict, encodeURI(text), form];
  return [
    ...all,
    ...all.flatMap((one) => [one.replaceAll('%20', '+'), one.replaceAll('%2F', '/')]),
  ];
}

/** JSON as those write it who keep to ASCII. */
function inAscii(quoted: string): string {
  return quoted.replace(
    /[^\0-\x7f]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The signs that encode these bytes and nothing else when `before` bytes (modulo three) stand in front of them. */
function within(bytes: Buffer, before: number, encoding: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding);
  const first = Math.ceil((before * 8) / 6);
  const last = Math.floor(((before + bytes.length) * 8) / 6);
  const inner = text.slice(first, last);
  // Short ones would be found by chance.
  return inner.length < SHORTEST_ENCODED ? '' : inner;
}

export class Mask {
  readonly #texts: readonly string[];
  readonly #pattern: RegExp | undefined;

  constructor(secrets: readonly string[]) {
    this.#texts = spellings(secrets);
    const escaped = this.#texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
    this.#pattern = escaped.length === 0 ? undefined : new RegExp(escaped.join('|'), 'g');
  }

  get isEmpty(): boolean {
    return this.#pattern === undefined;
  }

  text(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, MASK);
  }

  json(value: Json): Json {
    if (this.#pattern === undefined) return value;
    if (typeof value === 'string') return this.text(value);
    if (value === null || typeof value !== 'object') return value;
    if (isList(value)) return value.map((item) => this.json(item));
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [this.text(name), this.json(member)]),
    );
  }

  /** A mask for text that comes in pieces: what may be the beginning of a secret is held back until more is known. */
  stream(): MaskStream {
    return new MaskStream(this, this.#texts);
  }
}

export class MaskStream {
  readonly #mask: Mask;
  readonly #texts: readonly string[];
  #held = '';

  constructor(mask: Mask, texts: readonly string[]) {
    this.#mask = mask;
    this.#texts = texts;
  }

  push(text: string): string {
    if (this.#mask.isEmpty) return text;
    const all = this.#held + text;
    const masked = this.#mask.text(all);
    const hold = this.#beginning(masked);
    this.#held = masked.slice(masked.length - hold);
    return masked.slice(0, masked.length - hold);
  }

  end(): string {
    const rest = this.#mask.text(this.#held);
    this.#held = '';
    return rest;
  }

  /** How many of the last characters may begin a secret. */
  #beginning(text: string): number {
    let longest = 0;
    for (const secret of this.#texts) {
      for (let size = Math.min(secret.length - 1, text.length); size > longest; size -= 1) {
        if (text.endsWith(secret.slice(0, size))) {
          longest = size;
          break;
        }
      }
    }
    return longest;
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
