// The range of sort keys that a query names. SQLite compares text by its UTF-8 bytes, which is the order of code points;
// JavaScript compares UTF-16 units, which is another order, so nothing here uses `<` on texts.
import { Rejected } from '#errors/families.ts';
import type { Query } from '#ports/table.ts';

export interface KeyRange {
  /** Included. */
  readonly from: string;
  /** Excluded; absent means to the end. */
  readonly to?: string;
}

/** Compares by bytes of UTF-8. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The smallest key after all keys with this prefix; undefined when there is none. */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (letter) => letter.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10_ff_ff) continue;
    // The code points of surrogates cannot be written in UTF-8.
    points.push(last + 1 === 0xd8_00 ? 0xe0_00 : last + 1);
    return String.fromCodePoint(...points);
  }
  return undefined;
}

/** The keys of a query: its prefix, cut at `after` and at the cursor. */
export function rangeOf(query: Query): KeyRange {
  const cuts = [query.after, query.cursor === undefined ? undefined : sortKeyOf(query.cursor)];
  let from = query.prefix ?? '';
  let to = query.prefix === undefined ? undefined : endOfPrefix(query.prefix);
  for (const cut of cuts) {
    if (cut === undefined) continue;
    if (query.reverse === true) to = to === undefined || compareKeys(cut, to) < 0 ? cut : to;
    // The smallest text after a text is that text and a zero byte.
    else if (compareKeys(`${cut}\0`, from) > 0) from = `${cut}\0`;
  }
  return to === undefined ? { from } : { from, to };
}

/** Where a page ended, as text for the caller to hand back. */
export function cursorAfter(sortKey: string): string {
  return Buffer.from(`1${sortKey}`).toString('base64url');
}

function sortKeyOf(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!text.startsWith('1')) {
    throw new Rejected(
      'invalid',
      `cursor "${cursor.slice(0, 80)}" is none that was given out here`,
    );
  }
  return text.slice(1);
}
