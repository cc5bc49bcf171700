// How many columns of a terminal a text takes: letters of Chinese, Japanese and Korean and most pictures take two.
import { stripVTControlCharacters } from 'node:util';
import { eastAsianWidth } from 'get-east-asian-width';

const PLAIN = /^[\x20-\x7e]*$/;
/** What stands on the sign before it, or is not seen at all. */
const UNSEEN = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns of a text of one line, whatever colours it. */
export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const sign of stripVTControlCharacters(text)) columns += columnsOfSign(sign);
  return columns;
}

/** As much of a plain text from its beginning as fits, whole signs only. */
export function fitting(text: string, columns: number): string {
  if (PLAIN.test(text)) return text.slice(0, columns);
  let left = columns;
  let end = 0;
  for (const sign of text) {
    left -= columnsOfSign(sign);
    if (left < 0) break;
    end += sign.length;
  }
  return text.slice(0, end);
}

/** The text with blanks behind it, up to so many columns. */
export function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

function columnsOfSign(sign: string): number {
  return UNSEEN.test(sign) ? 0 : eastAsianWidth(sign.codePointAt(0) ?? 0);
}
