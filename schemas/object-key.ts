// Keys of objects: `NS/<namespace>/<part>/…` of plain parts, which are also paths on one machine. Nothing in one may lead out
// of the folder of its namespace.
import * as z from 'zod';
import { namespace } from './ids.ts';
import { limits } from './limits.ts';

/** Without an index that a longer text could not have: a letter takes up to three bytes, two halves of a pair four. */
function bytesOf(text: string): number {
  let bytes = 0;
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** Why no key could begin so; undefined where one could. */
function partsProblem(key: string): string | undefined {
  const parts = key.split('/');
  if (key.length > limits.objectKeyBytes || bytesOf(key) > limits.objectKeyBytes)
    return 'it is too long';
  if (key.includes('\0') || !key.isWellFormed()) return 'it is no text of a path';
  if (parts.length < 3 || parts[0] !== 'NS' || !namespace.safeParse(parts[1]).success)
    return 'it has to begin with NS/<namespace>/';
  if (parts.some((part) => part === '.' || part === '..')) return 'it contains "." or ".."';
  if (parts.slice(0, -1).includes('')) return 'it has an empty part';
  return undefined;
}

const judged = (problemOf: (key: string) => string | undefined) =>
  z.string().superRefine((key, context) => {
    const problem = problemOf(key);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

/** What a key may begin with; the last part may be half a name. */
export const objectPrefix = judged(partsProblem);

export const objectKey = judged(
  (key) => partsProblem(key) ?? (key.endsWith('/') ? 'it ends in "/"' : undefined),
);
