// Any text as one plain word and back: `base64://` and the base64 of its UTF-8.
import { utf8 } from '#core/compile/decode.ts';

export const MARK = 'base64://';
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const WHOLE = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A text that was encoded, or why the word is none that `encodeWord` could have written. */
export type DecodedWord =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: string };

/** The word for a text. Half of a surrogate pair has no UTF-8: it becomes U+FFFD. */
export function encodeWord(text: string): string {
  const bytes = utf8Bytes(text.toWellFormed());
  let word = MARK;
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b, c] = bytes.slice(at, at + 3);
    const group = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    word += `${letter(group, 18)}${letter(group, 12)}`;
    word += b === undefined ? '=' : letter(group, 6);
    word += c === undefined ? '=' : letter(group, 0);
  }
  return word;
}

function letter(group: number, shift: number): string {
  return LETTERS[(group >> shift) & 63] ?? '';
}

function utf8Bytes(text: string): readonly number[] {
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), tail(point, 0));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), tail(point, 6), tail(point, 0));
    else bytes.push(0xf0 | (point >> 18), tail(point, 12), tail(point, 6), tail(point, 0));
  }
  return bytes;
}

function tail(point: number, shift: number): number {
  return 0x80 | ((point >> shift) & 63);
}

/** The text of a word that begins with the mark. Only the mark is cut off: what follows may begin with any of its letters. */
export function decodeWord(word: string): DecodedWord {
  const body = word.slice(MARK.length);
  if (!WHOLE.test(body)) return { ok: false, why: wrongIn(body) };
  const bytes: number[] = [];
  for (let at = 0; at < body.length; at += 4) {
    const group = [...body.slice(at, at + 4)].map((each) => Math.max(0, LETTERS.indexOf(each)));
    const [a = 0, b = 0, c = 0, d = 0] = group;
    bytes.push((a << 2) | (b >> 4), ((b << 4) & 255) | (c >> 2), ((c << 6) & 255) | d);
  }
  const padding = body.endsWith('==') ? 2 : body.endsWith('=') ? 1 : 0;
  // Bits behind the last byte would be lost: two words would mean the same text.
  if (bytes.slice(bytes.length - padding).some((byte) => byte !== 0)) {
    const last = body.replaceAll('=', '').at(-1) ?? '';
    return { ok: false, why: `its last letter, "${last}", holds more than the last byte` };
  }
  const text = utf8(Uint8Array.from(bytes.slice(0, bytes.length - padding)));
  return text === undefined
    ? { ok: false, why: 'what it encodes is no UTF-8 text' }
    : { ok: true, text };
}

function wrongIn(body: string): string {
  const at = body.search(/[^A-Za-z0-9+/=]/);
  if (at >= 0) return `character ${at + 1} behind the mark is "${[...body.slice(at)][0] ?? ''}"`;
  return body.length % 4 === 0
    ? 'a "=" stands where none may'
    : `its length, ${body.length}, is no multiple of 4`;
}
