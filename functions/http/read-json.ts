// The JSON of a request's body. One that is nested as deeply as no answer of ours is would end in the middle of whoever looks through it.
import { Rejected } from '#errors/families.ts';

/** Lists and objects inside one another: plans of deep expressions have some three hundred. */
const DEPTH = 1_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSE: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** What a text of a body says. Rejects with `invalid` what is no JSON, or nested too deeply. */
export function readJson(text: string): unknown {
  if (isDeep(text))
    throw new Rejected('invalid', `the request's body is nested more than ${DEPTH} times`);
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Rejected('invalid', `the request's body is no JSON: ${why}`);
  }
}

/** By its brackets; of what is no JSON it may say anything. */
function isDeep(text: string): boolean {
  if (text.length < 2 * DEPTH) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (sign === QUOTE) at = endOfText(text, at);
    else if (OPEN.has(sign)) depth += 1;
    else if (CLOSE.has(sign)) depth -= 1;
    if (depth > DEPTH) return true;
  }
  return false;
}

/** Where the quotes are that end a text. */
function endOfText(text: string, begin: number): number {
  for (let at = begin + 1; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (sign === BACKSLASH) at += 1;
    else if (sign === QUOTE) return at;
  }
  return text.length;
}
