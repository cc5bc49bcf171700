// Pages that are asked for one after the other, as one stream.
import type { Stream } from './library.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly cursor: string;
  /** Nothing follows. */
  readonly last: boolean;
}

/** @param next the page behind a cursor; waits for one that is not there yet */
export function streamOf<T>(
  after: string | undefined,
  next: (cursor: string) => Promise<Page<T>>,
): Stream<T> {
  let cursor = after ?? '';
  return {
    get cursor() {
      return cursor;
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const page = await next(cursor);
        yield* page.items;
        // Only now: whoever goes on from here has seen all of the page.
        cursor = page.cursor;
        if (page.last) return;
      }
    },
  };
}
