// Bytes of a pipeline file to text. Only UTF-8 is read; of anything else the likely encoding is named, never guessed silently.
import { type Message, message, problemOf } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { Problem } from '#schemas/problems.ts';

export type Decoded =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Code units turned into a string at once; the stack bounds it. */
const PIECE = 8_192;

/** The text of a file, without a byte order mark. */
export function decodeSource(bytes: Uint8Array): Decoded {
  if (bytes.length > limits.sourceBytes) {
    const filling = { count: bytes.length, most: limits.sourceBytes };
    return refused(message('file_too_large', 'bytes', filling));
  }
  const marked = wideEncoding(bytes);
  if (marked !== undefined) return notUtf8(marked, 1, 1);
  const decoder = new Decoder(bytes, hasMark(bytes) ? 3 : 0);
  const bad = decoder.run();
  if (bad === undefined) return { ok: true, text: decoder.text };
  const lines = decoder.text.split('\n');
  return notUtf8(narrowEncoding(bytes), lines.length, (lines.at(-1)?.length ?? 0) + 1);
}

/** The text that these bytes are, a byte order mark included; undefined where they are no UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined {
  const decoder = new Decoder(bytes, 0);
  return decoder.run() === undefined ? decoder.text : undefined;
}

function hasMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

class Decoder {
  text = '';
  readonly #bytes: Uint8Array;
  #at: number;
  #units: number[] = [];

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes;
    this.#at = from;
  }

  /** The offset of the first byte that is no UTF-8. */
  run(): number | undefined {
    while (this.#at < this.#bytes.length) {
      const point = this.#next();
      if (point === undefined) {
        this.#flush();
        return this.#at;
      }
      if (point < 0x10000) this.#units.push(point);
      else this.#units.push(0xd7c0 + (point >> 10), 0xdc00 + (point & 0x3ff));
      if (this.#units.length >= PIECE) this.#flush();
    }
    this.#flush();
    return undefined;
  }

  #flush(): void {
    this.text += String.fromCharCode(...this.#units);
    this.#units = [];
  }

  #next(): number | undefined {
    const first = this.#bytes[this.#at] ?? 0;
    if (first < 0x80) {
      this.#at += 1;
      return first;
    }
    const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) return undefined;
    let point = first & (0xff >> (length + 1));
    for (let index = 1; index < length; index += 1) {
      const byte = this.#bytes[this.#at + index] ?? 0;
      if ((byte & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (byte & 0x3f);
    }
    const least = length === 4 ? 0x10000 : length === 3 ? 0x800 : 0x80;
    const half = point >= 0xd800 && point <= 0xdfff;
    if (point < least || point > 0x10ffff || half) return undefined;
    this.#at += length;
    return point;
  }
}

/** UTF-16 and UTF-32, by their marks or by the zero bytes between ASCII letters. */
function wideEncoding(bytes: Uint8Array): string | undefined {
  const [a, b, c, d] = bytes;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'UTF-32LE' : 'UTF-16LE';
  if (a === 0xfe && b === 0xff) return 'UTF-16BE';
  const some = bytes.subarray(0, 1_000);
  let even = 0;
  let odd = 0;
  for (const [index, byte] of some.entries()) {
    if (byte !== 0) continue;
    if (index % 2 === 0) even += 1;
    else odd += 1;
  }
  if (odd > some.length / 5 && odd > even * 4) return 'UTF-16LE';
  return even > some.length / 5 && even > odd * 4 ? 'UTF-16BE' : undefined;
}

/** What bytes above 127 look like when they are no UTF-8. */
function narrowEncoding(bytes: Uint8Array): string {
  let pairs = 0;
  let single = 0;
  let between = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) continue;
    const next = bytes[at + 1] ?? 0;
    if (byte >= 0xa1 && next >= 0xa1 && byte < 0xff && next < 0xff) {
      pairs += 1;
      at += 1;
    } else {
      single += 1;
      if (byte < 0xa0) between += 1;
    }
  }
  if (pairs > single) return 'GB18030 (GBK)';
  return between > 0 ? 'Windows-1252' : 'Latin-1 (ISO 8859-1) or Windows-1252';
}

function notUtf8(encoding: string, line: number, column: number): Decoded {
  return refused(message('not_utf8', 'file', { encoding }), line, column);
}

function refused(said: Message, line = 1, column = 1): Decoded {
  return { ok: false, problems: [{ ...problemOf(said, ''), line, column }] };
}
