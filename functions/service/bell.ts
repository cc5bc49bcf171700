// The bell of a run: how whoever has news wakes the one who walks. Keeps H1 (never in the walker's transaction) and H6.

import { Conflict, NotFound } from '#errors/families.ts';
import type { Clock } from '#ports/small.ts';
import type { Table } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Wanted } from '#schemas/run.ts';
import { bellKey, type RunRef, runKey } from './keys.ts';

export interface Bell {
  readonly rings: number;
  /** The sequence up to which commands were performed. */
  readonly performed: number;
  readonly wanted: Wanted;
  /** Stop without a grace period. */
  readonly force: boolean;
  /** Failed advances in a row, without those that failed because something did not answer; and those. */
  readonly failed: number;
  readonly unanswered: number;
  /** Why the run is halted; absent when it is not. */
  readonly halted?: string;
  /** The time of the alarm that rang last. It has come, also where a clock is behind the one that the alarm rang by. */
  readonly alarm?: number;
}

/** Advances failed since the last one that parked. */
export const hasFailed = ({ failed, unanswered }: Bell): boolean => failed + unanswered > 0;

export type Parked = 'parked' | 'rung' | 'later';

/** Wakes whoever sleeps on a token: SendTaskSuccess on AWS, the doorbell's loop here. A stale token means that it is awake already. */
export type SendToken = (ref: RunRef, token: string) => Promise<void>;

/** How an advance failed. */
export interface Failing {
  /** Something that it needs did not answer. */
  readonly unanswered: boolean;
  /** Why the run is halted by it. */
  readonly halted?: string;
}

/** The bells of all runs. */
export interface Bells {
  /** Nothing of a bell is only remembered: what this process remembers of a run may go at any time. */
  readonly durable?: true;
  read(ref: RunRef): Promise<Bell | undefined>;
  /**
   * Adds a ring and wakes the walk. Rejects with NotFound when the run is not there.
   *
   * @param alarm the time of the alarm that rings
   */
  ring(ref: RunRef, alarm?: number): Promise<void>;
  /** Sets what is wanted in the same write as the ring. `cancel` absorbs. */
  want(ref: RunRef, wanted: Wanted, options?: { force?: boolean }): Promise<void>;
  /** Leaves the token if nobody rang since `rings` was read and no later generation took over. */
  park(
    ref: RunRef,
    park: { rings: number; gen: number; performed: number; token: string },
  ): Promise<Parked>;
  /** The walk goes on in another call: notes how far commands were performed, and sees to it that whoever parks looks again. */
  leave(ref: RunRef, leave: { gen: number; performed: number }): Promise<'left' | 'later'>;
  /** An advance failed. */
  fail(ref: RunRef, how: Failing): Promise<void>;
  /** An advance went well, or someone resumed a halted run. */
  clear(ref: RunRef): Promise<void>;
  /** The run is over, or nobody here walks it: what is only remembered of its bell may go. */
  forget(ref: RunRef): void;
}

type Changing = { -readonly [Name in keyof Bell]: Bell[Name] };

const initial = {
  ...{ rings: 0, performed: 0, wanted: 'run', force: false, failed: 0, unanswered: 0 },
} as const;

/** The item a run is created with. */
export const newBell = (
  ref: RunRef,
  at: number,
): {
  pk: string;
  sk: string;
  v: number;
  at: number;
  rings: number;
  gen: number;
  performed: number;
  wanted: Wanted;
  failed: number;
} => ({
  ...bellKey(ref),
  v: FORMAT,
  at,
  rings: 0,
  gen: 0,
  performed: 0,
  wanted: 'run',
  failed: 0,
});

const wantedOf = (value: unknown): Wanted =>
  value === 'pause' || value === 'cancel' ? value : 'run';
const count = (value: unknown): number => (typeof value === 'number' ? value : 0);
const missing = (ref: RunRef): NotFound =>
  new NotFound(`run ${ref.run} is not there`, { run: ref.run });

async function demand<T>(ref: RunRef, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Conflict) throw missing(ref);
    throw error;
  }
}

/**
 * Bells on the table, for walkers that live in several processes.
 *
 * @param clock where a sweep looks after the walks: by it a bell tells when its run was rung and parked (walk-signs.ts)
 */
export function tableBells(table: Table, send: SendToken, clock?: Clock): Bells {
  const at = (name: 'rungAt' | 'parkedAt' | 'failedAt'): { readonly [name: string]: number } =>
    clock === undefined ? {} : { [name]: clock.now() };
  const wake = async (ref: RunRef, token: unknown): Promise<void> => {
    if (typeof token !== 'string') return;
    await send(ref, token);
    // Never taken before it is sent (H6): a reporter that dies in between leaves it for the next.
    try {
      await table.update(bellKey(ref), { remove: ['token'] }, { equals: { token } });
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  };
  return {
    durable: true,
    async read(ref) {
      const item = await table.get(bellKey(ref));
      if (item === undefined) return undefined;
      return {
        rings: count(item['rings']),
        performed: count(item['performed']),
        wanted: wantedOf(item['wanted']),
        force: item['force'] === true,
        failed: count(item['failed']),
        unanswered: count(item['unanswered']),
        ...(typeof item['halted'] === 'string' ? { halted: item['halted'] } : {}),
        ...(typeof item['alarm'] === 'number' ? { alarm: item['alarm'] } : {}),
      };
    },
    async ring(ref, alarm) {
      const set = { ...at('rungAt'), ...(alarm === undefined ? {} : { alarm }) };
      const item = await demand(ref, table.update(bellKey(ref), { add: { rings: 1 }, set }));
      await wake(ref, item['token']);
    },
    async want(ref, wanted, options) {
      const set = { wanted, ...(options?.force === true ? { force: true } : {}) };
      // `cancel` absorbs: only a cancel may be written over a cancel.
      const item = await wantUpdate(table, ref, { set, rung: at('rungAt') });
      await wake(ref, item['token']);
    },
    async park(ref, { rings, gen, performed, token }) {
      try {
        await table.update(
          bellKey(ref),
          { set: { token, gen, performed, ...at('parkedAt') }, remove: ['rungAt'] },
          { equals: { rings }, atMost: { gen } },
        );
        return 'parked';
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        const item = await table.get(bellKey(ref));
        return count(item?.['gen']) > gen ? 'later' : 'rung';
      }
    },
    async leave(ref, { gen, performed }) {
      try {
        const set = { gen, performed, ...at('rungAt') };
        const item = await table.update(
          bellKey(ref),
          { add: { rings: 1 }, set },
          { atMost: { gen } },
        );
        await wake(ref, item['token']);
        return 'left';
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        return 'later';
      }
    },
    async fail(ref, { unanswered, halted }) {
      // A walk ends with its run's halt; whoever goes on with the run begins another one.
      const set = { ...at('failedAt'), ...(halted === undefined ? {} : { halted, over: true }) };
      const add = { [unanswered ? 'unanswered' : 'failed']: 1 };
      await demand(ref, table.update(bellKey(ref), { add, set }));
    },
    async clear(ref) {
      const set = { failed: 0, unanswered: 0 };
      await demand(ref, table.update(bellKey(ref), { set, remove: ['halted'] }));
    },
    // All of it is on the table.
    forget: () => {},
  };
}

/** `cancel` absorbs: what was read must still be wanted when the other wish is written, or a cancel in between would be lost. */
async function wantUpdate(
  table: Table,
  ref: RunRef,
  { set, rung }: { set: { wanted: Wanted; force?: boolean }; rung: { [name: string]: number } },
): Promise<{ readonly [name: string]: unknown }> {
  for (let round = 0; round < limits.advanceConflicts; round += 1) {
    const item = await table.get(bellKey(ref));
    if (item === undefined) throw missing(ref);
    const wanted = wantedOf(item['wanted']);
    const absorbed = wanted === 'cancel' && set.wanted !== 'cancel';
    const changes = { ...rung, ...(absorbed ? {} : set) };
    try {
      return await table.update(
        bellKey(ref),
        { set: changes, add: { rings: 1 } },
        { equals: { wanted } },
      );
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
  throw new Conflict('busy', `many ask something of run ${ref.run} at once: ask again`);
}

/**
 * Bells in memory, for the one engine that holds a data directory. What is wanted and the count of failures are on the table
 * as well, because they must outlive the process; that commands were performed is not, so a new engine performs the last outbox again.
 */
export function memoryBells(table: Table, wake: (ref: RunRef) => void): Bells {
  const bells = new Map<string, Changing>();
  const durable = tableBells(table, async () => {});
  const load = async (ref: RunRef): Promise<Changing | undefined> => {
    const key = runKey(ref);
    const known = bells.get(key);
    if (known !== undefined) return known;
    const stored = await durable.read(ref);
    if (stored === undefined) return undefined;
    const first = bells.get(key);
    if (first !== undefined) return first;
    const fresh = {
      ...initial,
      wanted: stored.wanted,
      force: stored.force,
      failed: stored.failed,
      unanswered: stored.unanswered,
      performed: -1,
      ...(stored.halted === undefined ? {} : { halted: stored.halted }),
    };
    bells.set(key, fresh);
    return fresh;
  };
  const ring = async (ref: RunRef): Promise<void> => {
    const bell = await load(ref);
    if (bell === undefined) throw missing(ref);
    bell.rings += 1;
    wake(ref);
  };
  return {
    read: async (ref) => {
      const bell = await load(ref);
      return bell === undefined ? undefined : { ...bell };
    },
    ring,
    async want(ref, wanted, options) {
      const bell = await load(ref);
      if (bell === undefined) throw missing(ref);
      await durable.want(ref, wanted, options);
      if (bell.wanted !== 'cancel') bell.wanted = wanted;
      if (options?.force === true) bell.force = true;
      await ring(ref);
    },
    async park(ref, { rings, performed }) {
      const bell = await load(ref);
      if (bell === undefined) throw missing(ref);
      bell.performed = performed;
      return bell.rings === rings ? 'parked' : 'rung';
    },
    async leave(ref, { performed }) {
      const bell = await load(ref);
      if (bell !== undefined) bell.performed = performed;
      await ring(ref);
      return 'left';
    },
    async fail(ref, how) {
      const bell = await load(ref);
      if (bell === undefined) throw missing(ref);
      await durable.fail(ref, how);
      bell[how.unanswered ? 'unanswered' : 'failed'] += 1;
      if (how.halted !== undefined) bell.halted = how.halted;
    },
    async clear(ref) {
      const bell = await load(ref);
      if (bell === undefined) throw missing(ref);
      if (!hasFailed(bell) && bell.halted === undefined) return;
      await durable.clear(ref);
      bell.failed = 0;
      bell.unanswered = 0;
      delete bell.halted;
    },
    forget: (ref) => void bells.delete(runKey(ref)),
  };
}
