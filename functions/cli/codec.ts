// Any text as one plain word and back: `base64://` and the base64 of its UTF-8.
import { Rejected } from '#errors/families.ts';

const MARK = 'base64://';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function encode(text: string): string {
  return `${MARK}${Buffer.from(text, 'utf8').toString('base64')}`;
}

/** Rejects what `encode` could not have written. */
export function decode(word: string): string {
  if (!word.startsWith(MARK))
    throw new Rejected('invalid', `"${brief(word)}" does not begin with ${MARK}`);
  const body = word.slice(MARK.length);
  const bytes = Buffer.from(body, 'base64');
  // Node passes over letters that are none and bits behind the end: what it reads must be what stands there.
  if (!BASE64.test(body) || bytes.toString('base64') !== body)
    throw new Rejected('invalid', `"${brief(word)}" is no base64: ${wrongIn(body)}`);
  return utf8Of(bytes, `"${brief(word)}" is base64 of something that is no UTF-8 text`);
}

/** The text that these bytes are, byte for byte. */
export function utf8Of(bytes: Uint8Array, message: string): string {
  try {
    // A byte order mark is part of the text: what comes out must be what went in.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Rejected('invalid', message);
  }
}

function wrongIn(body: string): string {
  const at = body.search(/[^A-Za-z0-9+/=]/);
  if (at >= 0) return `character ${at + 1} behind the mark is "${[...body.slice(at)][0] ?? ''}"`;
  if (body.length % 4 !== 0) return `its length, ${body.length}, is no multiple of 4`;
  return BASE64.test(body)
    ? `its last letter, "${body.replaceAll('=', '').at(-1) ?? ''}", holds more than the last byte`
    : 'a "=" stands where none may';
}

function brief(word: string): string {
  return word.length <= 60 ? word : `${word.slice(0, 59)}…`;
}
