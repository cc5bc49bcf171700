// Looks after all runs that are not over, every few minutes: walks that died are begun anew, attempts whose end nobody heard of are settled.
// Everything else is awake by itself, so what a sweep costs is a read or two for each run.
import { Conflict, Defect, NotFound } from '#errors/families.ts';
import type { Walks } from '#ports/small.ts';
import type { Item, Query } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { advanceFailed } from './advance-run.ts';
import { inParallel } from './in-parallel.ts';
import { activeRunsKey, bellKey, headKey, NAMESPACES, type RunRef } from './keys.ts';
import type { Service } from './service.ts';
import { sweepAttempts } from './sweep-attempts.ts';
import { judgeWalk, readSigns, type Signs } from './walk-signs.ts';
import { beginNextWalk } from './walks.ts';

export interface SweepParts {
  readonly service: Service;
  readonly walks: Walks;
  /** Milliseconds until whoever sweeps is ended from outside. */
  readonly remaining: () => number;
  /** Told what goes wrong with one run; the others are looked after all the same. */
  readonly failed: (ref: RunRef, error: unknown) => void;
  /** Told of each walk that was begun. */
  readonly began: (ref: RunRef) => void;
  /** Told of each run that is halted because its walks die again and again. */
  readonly halted: (ref: RunRef) => void;
}

export interface Swept {
  /** Runs that are not over. */
  runs: number;
  /** Walks that were begun, and that were rung once more. */
  walks: number;
  rung: number;
  /** Attempts that were settled or offered anew. */
  attempts: number;
  /** Runs whose attempts were left to the next sweep. */
  left: number;
}

/** What is told of a walk that was killed. */
const DIED = 'its walk ended at work without a word: out of memory or time, or stopped by somebody';

/** Looks after every run of every namespace. What one run rejects with keeps no other from being looked after. */
export async function sweep(parts: SweepParts): Promise<Swept> {
  const { service } = parts;
  const active = await allActive(service);
  const swept: Swept = { runs: active.length, walks: 0, rung: 0, attempts: 0, left: 0 };
  const signs = await readSigns(service.table, active);
  const alive = await inParallel(active, limits.sweptAtOnce, (ref, index) =>
    guarded(parts, ref, async () => {
      const seen = signs[index];
      return seen !== undefined && (await lookAfterWalk(parts, ref, { seen, swept }));
    }),
  );
  const walked = rotated(
    active.filter((_, index) => alive[index] === true && signs[index]?.halted === false),
    service.clock.now(),
  );
  await inParallel(walked, limits.sweptAtOnce, async (ref, index) => {
    if (index >= limits.sweptRuns || parts.remaining() < limits.tickReserve) {
      swept.left += 1;
      return;
    }
    await guarded(parts, ref, async () => {
      swept.attempts += await sweepAttempts(service, ref, (child) =>
        lookAfterChild(parts, child, swept),
      );
    });
  });
  return swept;
}

async function guarded<T>(
  { failed }: SweepParts,
  ref: RunRef,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    // Deleted meanwhile, or somebody else was faster.
    if (!(error instanceof NotFound) && !(error instanceof Conflict)) failed(ref, error);
    return undefined;
  }
}

/** True when its walk is alive. */
async function lookAfterWalk(
  parts: SweepParts,
  ref: RunRef,
  { seen, swept }: { readonly seen: Signs; readonly swept: Swept },
): Promise<boolean> {
  const { service, walks } = parts;
  const now = service.clock.now();
  let verdict = judgeWalk(seen, now);
  if (verdict === 'look') verdict = judgeWalk(seen, now, await savedAt(service, ref));
  switch (verdict) {
    case 'ring':
      await service.bells.ring(ref);
      swept.rung += 1;
      return false;
    case 'suspect':
      await service.table.update(bellKey(ref), { set: { suspectAt: now } });
      return false;
    case 'dead':
      // Killed at work, by its memory or its time, it could note nothing: this is where that is counted. One that slept was stopped.
      if (!seen.asleep && (await advanceFailed(service, ref, new Defect(DIED))) === 'halted') {
        parts.halted(ref);
        return false;
      }
      if (await beginNextWalk({ table: service.table, clock: service.clock, walks }, ref, seen)) {
        swept.walks += 1;
        parts.began(ref);
      }
      return false;
    default:
      return true;
  }
}

/** A sub-run that its parent waits for. It may have ended and never have told so: then it is in no list. */
async function lookAfterChild(parts: SweepParts, ref: RunRef, swept: Swept): Promise<void> {
  const [seen] = await readSigns(parts.service.table, [ref]);
  if (seen !== undefined) await lookAfterWalk(parts, ref, { seen, swept });
}

/** The time of the run's last advance that changed something. */
async function savedAt({ table }: Service, ref: RunRef): Promise<number> {
  const at = (await table.get(headKey(ref)))?.['at'];
  return typeof at === 'number' ? at : 0;
}

async function allActive({ table }: Service): Promise<readonly RunRef[]> {
  const namespaces = await all(table, { pk: NAMESPACES });
  const lists = await inParallel(namespaces, limits.sweptAtOnce, async ({ sk: namespace }) => {
    const items = await all(table, { pk: activeRunsKey(namespace) });
    return items.map(({ sk: run }) => ({ namespace, run }));
  });
  return lists.flat();
}

async function all(table: Service['table'], query: Query): Promise<readonly Item[]> {
  const found: Item[] = [];
  let cursor: string | undefined;
  do {
    const page = await table.query({ ...query, ...(cursor === undefined ? {} : { cursor }) });
    found.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

/**
 * Where a sweep begins that cannot look after all: by the golden ratio, so that wherever the time is up, sooner or later each comes
 * first. By equal steps the same ones might always be those that are left.
 */
export function firstSwept(count: number, now: number): number {
  const turn = Math.floor(now / limits.sweepEvery);
  return Math.floor(((turn * GOLDEN) % 1) * count);
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

function rotated<T>(things: readonly T[], now: number): readonly T[] {
  const first = firstSwept(things.length, now);
  return [...things.slice(first), ...things.slice(0, first)];
}
