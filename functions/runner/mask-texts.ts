// Looks for many texts at once, at any place of another one. A secret of 64 KiB in all its spellings is more than a regular expression
// may be, so the places are found by the first signs of each text.

/** A part of a text that is to be hidden. */
export interface Found {
  readonly start: number;
  readonly end: number;
}

/** Signs by which the beginning of a text is found. Every text has at least so many. */
const HEAD = 3;
const SLOTS = 1 << 16;

export class SoughtTexts {
  /** Where a head may be: most places are ruled out by one look. */
  readonly #slots = new Uint8Array(SLOTS);
  /** By head, the longest first. */
  readonly #byHead = new Map<string, readonly string[]>();
  /** Beginnings that are shorter than a head. */
  readonly #short = new Set<string>();
  #longest = 0;

  /** @param texts of at least three signs each, the longest first */
  constructor(texts: readonly string[]) {
    for (const text of texts) {
      const head = text.slice(0, HEAD);
      this.#byHead.set(head, [...(this.#byHead.get(head) ?? []), text]);
      this.#slots[slotOf(text, 0)] = 1;
      for (let size = 1; size < HEAD; size += 1) this.#short.add(text.slice(0, size));
      this.#longest = Math.max(this.#longest, text.length);
    }
  }

  /** The places where one of the texts stands, the leftmost first and there the longest; they do not overlap. */
  in(text: string): readonly Found[] {
    const found: Found[] = [];
    for (let at = 0; at + HEAD <= text.length; at += 1) {
      const here = this.#at(text, at).find((sought) => text.startsWith(sought, at));
      if (here === undefined) continue;
      found.push({ start: at, end: at + here.length });
      at += here.length - 1;
    }
    return found;
  }

  /** Where the text ends with the beginning of one that is sought; the text's length where it does not. */
  beginning(text: string): number {
    for (let at = Math.max(0, text.length - this.#longest + 1); at < text.length; at += 1) {
      const left = text.length - at;
      if (left < HEAD) {
        if (this.#short.has(text.slice(at))) return at;
        continue;
      }
      const begun = this.#at(text, at).some(
        (sought) => sought.length > left && sought.startsWith(text.slice(at)),
      );
      if (begun) return at;
    }
    return text.length;
  }

  #at(text: string, at: number): readonly string[] {
    if (this.#slots[slotOf(text, at)] === 0) return NONE;
    return this.#byHead.get(text.slice(at, at + HEAD)) ?? NONE;
  }
}

const NONE: readonly string[] = [];

function slotOf(text: string, at: number): number {
  const mixed = text.charCodeAt(at) * 961 + text.charCodeAt(at + 1) * 31 + text.charCodeAt(at + 2);
  return mixed & (SLOTS - 1);
}
