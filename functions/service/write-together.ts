// Small writes that belong to different things, many in one transaction: a call for each would take ten times as long.
import { Conflict } from '#errors/families.ts';
import type { Write } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { inParallel } from './in-parallel.ts';
import type { Service } from './service.ts';

export interface Together<T> {
  /** What is written for one thing; nothing when it must be looked at alone. */
  readonly writes: (thing: T) => readonly Write[];
  /** Called for what comes alone, and for all of a transaction when something in it stands in the way. */
  readonly alone: (thing: T) => Promise<void>;
}

/** Writes for all things. Those of one thing go into one transaction; each thing is written, or was looked at alone. */
export async function writeTogether<T>(
  { table }: Service,
  things: readonly T[],
  { writes, alone }: Together<T>,
): Promise<void> {
  const most = Math.min(table.bounds.transactItems, limits.transactItems);
  const groups: { readonly things: T[]; readonly writes: Write[] }[] = [];
  const single: T[] = [];
  for (const thing of things) {
    const own = writes(thing);
    const group = groups.at(-1);
    if (own.length === 0 || things.length === 1) single.push(thing);
    else if (group !== undefined && group.writes.length + own.length <= most) {
      group.things.push(thing);
      group.writes.push(...own);
    } else groups.push({ things: [thing], writes: [...own] });
  }
  const refused = await inParallel(groups, limits.transactionsAtOnce, async (group) => {
    try {
      await table.transact(group.writes);
      return [];
    } catch (error) {
      if (error instanceof Conflict) return group.things;
      throw error;
    }
  });
  await inParallel([...single, ...refused.flat()], limits.callsAtOnce, alone);
}
