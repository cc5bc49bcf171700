// Reads page after page: to the end of what there is, or on and on until nothing more can come.
import { limits } from '#schemas/limits.ts';
import type { Context } from './context.ts';

export interface Place {
  readonly after: string;
  readonly wait?: number;
}

interface Turned {
  readonly cursor: string;
  readonly last: boolean;
  readonly empty: boolean;
}

export async function pages(
  context: Context,
  follow: boolean,
  turn: (place: Place) => Promise<Turned>,
): Promise<void> {
  const wait = follow ? { wait: limits.pollWait } : {};
  let after = '';
  while (!context.host.stdout.closed) {
    const { cursor, last, empty } = await turn({ after, ...wait });
    if (last || (empty && !follow)) return;
    after = cursor;
  }
}
