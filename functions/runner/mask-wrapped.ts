// Finds parts of a long secret in an encoding that breaks its lines: `base64` after 76 signs, `xxd -p` after 60. Where they break
// depends on what stands before the secret, so any part that is long enough counts.
import { limits } from '#schemas/limits.ts';
import { partsOf } from './mask-spellings.ts';
import type { Found } from './mask-texts.ts';

/** Encoded texts that are shorter are not broken up. */
const UNBROKEN = 60;
/** Signs of a piece that is looked up; pieces begin at every so many signs of the encoded text. */
const PIECE = 12;
const STEP = 4;
/** Signs of a part that is found for sure. */
export const SURE = PIECE + STEP - 1;

const RUN = new RegExp(`[A-Za-z0-9+/_-]{${PIECE},}`, 'g');

interface Place {
  readonly text: string;
  readonly at: number;
}

export class WrappedSecrets {
  readonly #pieces = new Map<string, Place>();

  constructor(secrets: readonly string[]) {
    for (const secret of secrets)
      for (const part of partsOf(secret))
        if (part.trim().length >= limits.secretLeast) this.#add(Buffer.from(part));
  }

  get isEmpty(): boolean {
    return this.#pieces.size === 0;
  }

  /** Parts of encoded secrets in the text, in order. */
  in(text: string): readonly Found[] {
    const found: Found[] = [];
    if (this.isEmpty) return found;
    for (const run of text.matchAll(RUN)) {
      const end = run.index + run[0].length;
      let free = run.index;
      for (let at = run.index; at + PIECE <= end; at += 1) {
        const place = this.#pieces.get(text.slice(at, at + PIECE));
        if (place === undefined) continue;
        const part = extend(text, at, place, { from: free, to: end });
        found.push(part);
        free = part.end;
        at = part.end - 1;
      }
    }
    return found;
  }

  #add(bytes: Buffer): void {
    for (let before = 0; before < 3; before += 1) {
      const shifted = Buffer.concat([Buffer.alloc(before), bytes]);
      const first = Math.ceil((before * 8) / 6);
      const last = Math.floor((shifted.length * 8) / 6);
      for (const encoding of ['base64', 'base64url'] as const)
        this.#addText(shifted.toString(encoding).slice(first, last));
    }
    const hex = bytes.toString('hex');
    this.#addText(hex);
    this.#addText(hex.toUpperCase());
  }

  #addText(text: string): void {
    if (text.length <= UNBROKEN) return;
    for (let at = 0; at + PIECE <= text.length; at += STEP) {
      const piece = text.slice(at, at + PIECE);
      if (!this.#pieces.has(piece)) this.#pieces.set(piece, { text, at });
    }
  }
}

/** The part to which the piece at `at` belongs, as far as both agree. */
function extend(
  text: string,
  at: number,
  place: Place,
  within: { from: number; to: number },
): Found {
  let start = at;
  let behind = place.at;
  while (start > within.from && behind > 0 && text[start - 1] === place.text[behind - 1]) {
    start -= 1;
    behind -= 1;
  }
  let end = at + PIECE;
  let next = place.at + PIECE;
  while (end < within.to && next < place.text.length && text[end] === place.text[next]) {
    end += 1;
    next += 1;
  }
  return { start, end };
}
