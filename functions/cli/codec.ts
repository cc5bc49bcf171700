// Any text as one plain word and back, as configurations hold secrets: `base64://` and the base64 of its UTF-8.
import { decodeWord, encodeWord, MARK } from '#core/layers/base64.ts';
import { Rejected } from '#errors/families.ts';

export const encode = encodeWord;

/** Rejects what `encode` could not have written. */
export function decode(word: string): string {
  if (!word.startsWith(MARK))
    throw new Rejected('invalid', `"${brief(word)}" does not begin with ${MARK}`);
  const read = decodeWord(word);
  if (read.ok) return read.text;
  throw new Rejected('invalid', `"${brief(word)}" is no base64: ${read.why}`);
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

/** A line that was typed or piped ends with a line end that is not meant. */
export function withoutFinalNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function brief(word: string): string {
  return word.length <= 60 ? word : `${word.slice(0, 59)}…`;
}
