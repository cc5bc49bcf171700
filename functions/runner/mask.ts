// Hides secrets in whatever leaves a program: its log, outputs, progress and errors.
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { spellings } from './mask-spellings.ts';
import { type Found, SoughtTexts } from './mask-texts.ts';
import { SURE, WrappedSecrets } from './mask-wrapped.ts';

const MASK = '***';
const ENCODED_END = /[A-Za-z0-9+/_-]+$/;
const NOTHING_SOUGHT = new SoughtTexts([]);
const NOTHING_WRAPPED = new WrappedSecrets([]);

export class Mask {
  #secrets: readonly string[];
  #texts = NOTHING_SOUGHT;
  #wrapped = NOTHING_WRAPPED;
  isEmpty = true;

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
    if (secrets.length > 0) this.#compile();
  }

  /**
   * Hides a text that was made from a secret as well: `split(secret.PAIR, ':')[1]`. Text in which a secret stands whole is left as it is,
   * because the secret itself is hidden there.
   */
  learn(text: string): void {
    if (text.length < limits.secretLeast) return;
    if (this.#secrets.some((secret) => text.includes(secret))) return;
    this.#secrets = [...this.#secrets, text];
    this.#compile();
  }

  text(text: string): string {
    if (this.isEmpty) return text;
    const masked = without(text, this.#texts.in(text));
    return without(masked, this.#wrapped.in(masked));
  }

  json(value: Json): Json {
    if (this.isEmpty) return value;
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') return this.#number(value);
    if (value === null || typeof value !== 'object') return value;
    if (isList(value)) return value.map((item) => this.json(item));
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [this.text(name), this.json(member)]),
    );
  }

  /** A mask for text that comes in pieces: what may be the beginning of a secret is held back until more is known. */
  stream(): MaskStream {
    return new MaskStream(this);
  }

  /** From where on the text must be held back: there something begins that may be a secret, or one that is not whole yet. */
  holdFrom(text: string): number {
    const begun = this.#texts.beginning(text);
    const hold = beforeCrossing(this.#texts.in(text), begun);
    if (this.#wrapped.isEmpty) return hold;
    const run = ENCODED_END.exec(text.slice(-SURE))?.[0].length ?? 0;
    const earlier = beforeCrossing(this.#texts.in(text), Math.min(hold, text.length - run));
    return beforeCrossing(this.#wrapped.in(text), earlier);
  }

  /** A number that is a secret is a text once it is hidden. */
  #number(value: number): Json {
    const text = String(value);
    return this.text(text) === text ? value : MASK;
  }

  #compile(): void {
    const texts = spellings(this.#secrets);
    this.isEmpty = texts.length === 0;
    this.#texts = new SoughtTexts(texts);
    this.#wrapped = new WrappedSecrets(this.#secrets);
  }
}

/** What crosses the place is held back whole. */
function beforeCrossing(found: readonly Found[], place: number): number {
  const crossing = found.find(({ start, end }) => start < place && end > place);
  return crossing?.start ?? place;
}

function without(text: string, parts: readonly Found[]): string {
  if (parts.length === 0) return text;
  let from = 0;
  let out = '';
  for (const { start, end } of parts) {
    out += text.slice(from, start) + MASK;
    from = end;
  }
  return out + text.slice(from);
}

export class MaskStream {
  readonly #mask: Mask;
  #held = '';

  constructor(mask: Mask) {
    this.#mask = mask;
  }

  push(text: string): string {
    if (this.#mask.isEmpty) return text;
    const all = this.#held + text;
    const hold = this.#mask.holdFrom(all);
    this.#held = all.slice(hold);
    return this.#mask.text(all.slice(0, hold));
  }

  end(): string {
    const rest = this.#mask.text(this.#held);
    this.#held = '';
    return rest;
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
