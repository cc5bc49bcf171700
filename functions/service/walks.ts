// Begins the walks of runs where a machine calls their ticks. Which walk is the latest is told by the bell, so that none is begun twice.
import { digester } from '#core/digest.ts';
import { Conflict } from '#errors/families.ts';
import type { Clock, Walks } from '#ports/small.ts';
import type { Table } from '#ports/table.ts';
import { bellKey, type RunRef } from './keys.ts';
import type { Service } from './service.ts';
import { readSigns, type Signs } from './walk-signs.ts';

/** What walks are begun with. */
export interface Beginning {
  readonly table: Table;
  readonly clock: Clock;
  readonly walks: Walks;
}

/** Letters of a hash that tell namespaces apart: a run's id may be chosen by whoever starts it. */
const APART = 14;

/** What names of a run's executions begin with, wherever one is begun. Unique over namespaces. */
export function walkerName({ namespace, run }: RunRef): string {
  const hash = digester();
  hash.add(namespace);
  return `${run}${hash.hex().slice(0, APART)}`;
}

/** Begins the first walk of a run. One that has begun already is no error. */
export const beginFirstWalk = (walks: Walks, ref: RunRef): Promise<void> =>
  walks.start({ ...ref, name: walkerName(ref), walk: 0, tick: 0, retry: 0 });

/**
 * Begins another walk, where the one before is over or is taken for dead. Should it be alive it finds a later one and leaves.
 *
 * @param signs as they were read: false when somebody else has begun one since
 */
export async function beginNextWalk(
  { table, clock, walks }: Beginning,
  ref: RunRef,
  signs: Signs,
): Promise<boolean> {
  const walk = signs.walk + 1;
  const { begun } = signs;
  // A tick may halt the run at this very moment: then its walk is over, and stays so until a person resumes it.
  const before =
    begun === undefined
      ? { lacks: ['halted', 'walk'] }
      : { lacks: ['halted'], equals: { walk: begun } };
  try {
    // Noted first: should this process die now, the next one begins a later walk, not this one by a name that is taken.
    const changes = { set: { walk, walkAt: clock.now() }, remove: ['over'] };
    await table.update(bellKey(ref), changes, before);
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
  await walks.start({ ...ref, name: walkerName(ref), walk, tick: 0, retry: 0 });
  return true;
}

/**
 * Sees to it that a machine walks a run: a new one begins to be walked; one that was left gets another walk only if it is known
 * that its walk is over. What died unseen is found by the sweep.
 */
export function takeUpByWalks(parts: Beginning): Service['takeUp'] {
  return async (ref, how) => {
    if (how === 'new') return beginFirstWalk(parts.walks, ref);
    const [signs] = await readSigns(parts.table, [ref]);
    if (signs === undefined) return;
    if (signs.over) await beginNextWalk(parts, ref, signs);
    else if (signs.neverWalked) await beginFirstWalk(parts.walks, ref);
  };
}
