// What a bell on the table tells of its run's walk: when it was rung and parked, by whom, and whether it is over.
import type { Item, Table } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { walkOf } from './generation.ts';
import { bellKey, type RunRef } from './keys.ts';

/** Times are milliseconds since the epoch. */
export interface Signs {
  /** When the run began. */
  readonly startedAt: number;
  /** The latest walk that is known. */
  readonly walk: number;
  /** The latest walk that was begun after the first one. */
  readonly begun: number | undefined;
  /** Its walk ended with a halt, and no other was begun since. */
  readonly over: boolean;
  readonly halted: boolean;
  /** No tick of it has ever parked, and no second walk was begun. */
  readonly neverWalked: boolean;
  /** A tick sleeps on a token. */
  readonly asleep: boolean;
  /** Rung since a tick parked last; the time of the latest ring. */
  readonly rungAt: number | undefined;
  /** The latest that the walk itself did, as far as the bell tells. */
  readonly livedAt: number | undefined;
  /** When a sweep suspected it to be dead. */
  readonly suspectAt: number | undefined;
}

/** Undefined where there is no such run. */
export async function readSigns(
  table: Table,
  refs: readonly RunRef[],
): Promise<readonly (Signs | undefined)[]> {
  const found: (Signs | undefined)[] = [];
  for (let from = 0; from < refs.length; from += limits.page) {
    const items = await table.getMany(refs.slice(from, from + limits.page).map(bellKey));
    for (const item of items) found.push(item === undefined ? undefined : signsOf(item));
  }
  return found;
}

function signsOf(item: Item): Signs {
  const time = (name: string): number | undefined => {
    const value = item[name];
    return typeof value === 'number' ? value : undefined;
  };
  const begun = time('walk');
  const gen = time('gen') ?? 0;
  const parkedAt = time('parkedAt');
  const lived = [parkedAt, time('failedAt'), time('walkAt')].filter((at) => at !== undefined);
  return {
    startedAt: time('at') ?? 0,
    walk: Math.max(begun ?? 0, walkOf(gen)),
    begun,
    over: item['over'] === true,
    halted: item['halted'] !== undefined,
    neverWalked: gen === 0 && parkedAt === undefined && begun === undefined,
    asleep: typeof item['token'] === 'string',
    rungAt: time('rungAt'),
    livedAt: lived.length === 0 ? undefined : Math.max(...lived),
    suspectAt: time('suspectAt'),
  };
}

/** What a sweep does about the walk of a run. */
export type WalkVerdict =
  /** It walks, or sleeps as it should. */
  | 'alive'
  /** The bell tells nothing of it for too long: what was saved may tell more. */
  | 'look'
  /** Rung, and perhaps never woken: whoever rang may have died. */
  | 'ring'
  /** Rung just now, after a long silence: it is looked at again by the next sweep. */
  | 'suspect'
  /** Dead: another one is begun. */
  | 'dead';

/**
 * Judges a walk by what is known of it. Nothing is asked of the machine: a walk that does nothing for too long is dead enough.
 *
 * @param savedAt when the walk saved last; undefined as long as nobody has looked
 */
export function judgeWalk(signs: Signs, now: number, savedAt?: number): WalkVerdict {
  if (signs.halted) return 'alive';
  const { rungAt, asleep } = signs;
  const livedAt = Math.max(signs.startedAt, signs.livedAt ?? 0, savedAt ?? 0);
  const sleeps = asleep && rungAt === undefined;
  const patience = limits.walkSilence + (sleeps ? limits.tickTimeout : 0);
  if (now - livedAt <= patience) return 'alive';
  if (sleeps) return 'dead';
  if (savedAt === undefined) return 'look';
  if (rungAt === undefined) return 'dead';
  // The token was never sent; if nobody waits for it any more, it is gone after this ring.
  if (asleep) return 'ring';
  if (now - rungAt > limits.walkSilence) return 'dead';
  // Rung again and again, and nobody woke since it was suspected.
  return signs.suspectAt !== undefined && signs.suspectAt > livedAt ? 'dead' : 'suspect';
}
