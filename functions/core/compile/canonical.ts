// The canonical form of JSON and its digest. Two plans that mean the same have one digest, however they were written.
import { digester } from '#core/digest.ts';

/** Characters gathered before they are handed on. */
const PIECE = 65_536;

/**
 * JSON with sorted keys and nothing between the tokens. Members that are undefined are left out, as JSON does.
 *
 * @param value anything that JSON can hold; its depth is bounded by the schemas it satisfies
 */
export function canonical(value: unknown): string {
  const writer = new Writer(undefined);
  writer.value(value);
  return writer.rest();
}

/** SHA-256 of the canonical form, lower-case hexadecimal. */
export function digestOf(value: unknown): string {
  const digest = digester();
  const writer = new Writer((piece) => digest.add(piece));
  writer.value(value);
  digest.add(writer.rest());
  return digest.hex();
}

/** The same of a text that `canonical` gave. */
export function digestOfCanonical(text: string): string {
  const digest = digester();
  digest.add(text);
  return digest.hex();
}

class Writer {
  #text = '';
  readonly #emit: ((piece: string) => void) | undefined;
  /** Keys of JSON repeat. */
  readonly #keys = new Map<string, string>();

  constructor(emit: ((piece: string) => void) | undefined) {
    this.#emit = emit;
  }

  rest(): string {
    return this.#text;
  }

  value(value: unknown): void {
    if (Array.isArray(value)) this.#list(value);
    else if (typeof value === 'object' && value !== null) this.#object(value);
    else this.#text += typeof value === 'number' ? numberText(value) : scalarText(value);
    if (this.#emit === undefined || this.#text.length < PIECE) return;
    this.#emit(this.#text);
    this.#text = '';
  }

  #list(list: readonly unknown[]): void {
    this.#text += '[';
    let first = true;
    for (const item of list) {
      if (!first) this.#text += ',';
      first = false;
      this.value(item);
    }
    this.#text += ']';
  }

  #object(object: object): void {
    this.#text += '{';
    let first = true;
    for (const key of sorted(Object.keys(object))) {
      const member: unknown = Reflect.get(object, key);
      if (member === undefined) continue;
      if (!first) this.#text += ',';
      first = false;
      this.#text += this.#key(key);
      this.value(member);
    }
    this.#text += '}';
  }

  #key(key: string): string {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const text = `${JSON.stringify(key)}:`;
    if (this.#keys.size < 1_000) this.#keys.set(key, text);
    return text;
  }
}

/** In place, and without the copies that the engine's own sort makes: nearly all objects have a handful of keys. */
function sorted(keys: string[]): readonly string[] {
  if (keys.length > 16) return keys.sort();
  for (let index = 1; index < keys.length; index += 1) {
    const key = keys[index] ?? '';
    let at = index;
    for (let before = keys[at - 1]; before !== undefined && before > key; before = keys[at - 1]) {
      keys[at] = before;
      at -= 1;
    }
    keys[at] = key;
  }
  return keys;
}

function numberText(value: number): string {
  return Number.isFinite(value) ? `${Object.is(value, -0) ? 0 : value}` : 'null';
}

function scalarText(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}
