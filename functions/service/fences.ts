// Fences: what keeps an attempt that nobody has claimed from being claimed any more, which is its outcome. Keeps H4 and H5.
import { Conflict } from '#errors/families.ts';
import type { Item, Write } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import type { WalkEvent } from '#schemas/run.ts';
import { attemptKey, outcomeKey, type RunRef, splitAddress } from './keys.ts';
import { getAll } from './outputs.ts';
import type { Service } from './service.ts';
import { writeTogether } from './write-together.ts';

export interface Fenced {
  /** The job that holds the claim, where one does. */
  readonly job?: string;
  /** That job asks from time to time whether it shall go on. */
  readonly beats?: boolean;
  /** Its outcome was put, and must be rung. */
  readonly told: boolean;
}

interface Attempt {
  readonly address: string;
  readonly attempt: number;
}

const UNFENCED: Fenced = { told: false };

/**
 * Fences what is not claimed, and puts the outcome `cancelled` of each. Who asks rings afterwards, once for all (H4).
 *
 * @param known attempts (`address#attempt`) that cannot be fenced, because this process works on them
 */
export async function fenceAttempts(
  service: Service,
  ref: RunRef,
  attempts: readonly Attempt[],
  known: ReadonlySet<string>,
): Promise<readonly Fenced[]> {
  const items = await getAll(
    service.table,
    attempts.map(({ address, attempt }) => attemptKey(ref, address, attempt)),
  );
  const found = new Map(attempts.map((attempt, index) => [attempt, items[index]]));
  const fenced = new Map<Attempt, Fenced>();
  const free = attempts.filter((attempt) => {
    const item = found.get(attempt);
    const isKnown = known.has(`${attempt.address}#${attempt.attempt}`);
    if (isKnown) fenced.set(attempt, UNFENCED);
    else if (item?.['status'] === 'claimed') fenced.set(attempt, claimedBy(item));
    return !fenced.has(attempt);
  });
  await writeTogether(service, free, {
    writes: (attempt) => fenceWrites(service, ref, attempt, found.get(attempt)),
    alone: async (attempt) => {
      fenced.set(attempt, await fence(service, ref, attempt));
    },
  });
  return attempts.map((attempt) => fenced.get(attempt) ?? { told: true });
}

const claimedBy = (item: Item | undefined): Fenced => ({
  job: String(item?.['job']),
  beats: typeof item?.['beat'] === 'number',
  told: false,
});

/** An attempt whose job shall end, and what it is told. */
export interface ToldToStop extends Attempt {
  readonly job: string;
  readonly message: string;
}

/** Notes it where these jobs hear of it: with the answer to their next heartbeat. One that has ended meanwhile hears nothing. */
export async function noteStops(
  service: Service,
  ref: RunRef,
  stops: readonly ToldToStop[],
): Promise<void> {
  const writeOf = ({ address, attempt, job, message }: ToldToStop) =>
    ({
      write: 'update',
      key: attemptKey(ref, address, attempt),
      changes: { set: { stop: message } },
      if: { equals: { status: 'claimed', job } },
    }) as const;
  await writeTogether(service, stops, {
    writes: (stop) => [writeOf(stop)],
    alone: async (stop) => {
      const { key, changes, if: condition } = writeOf(stop);
      try {
        await service.table.update(key, changes, condition);
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    },
  });
}

/** None where it stands otherwise than offered or not at all: that is looked at alone. */
function fenceWrites(
  service: Service,
  ref: RunRef,
  { address, attempt }: Attempt,
  item: Item | undefined,
): readonly Write[] {
  const fenced = fencedItem(ref, { address, attempt });
  const outcome: Write = {
    write: 'put',
    item: cancelledItem(service, ref, { address, attempt }),
    if: { exists: false },
  };
  if (item === undefined) return [{ write: 'put', item: fenced, if: { exists: false } }, outcome];
  if (item['status'] !== 'offered') return [];
  return [{ write: 'put', item: fenced, if: { equals: { status: 'offered' } } }, outcome];
}

const fencedItem = (ref: RunRef, { address, attempt }: Attempt): Item => ({
  ...attemptKey(ref, address, attempt),
  v: FORMAT,
  status: 'fenced',
  attempt: { v: FORMAT, address, attempt, status: 'fenced' },
});

async function fence(service: Service, ref: RunRef, attempt: Attempt): Promise<Fenced> {
  const item = fencedItem(ref, attempt);
  const put = await service.table.putIfAbsent(item);
  if (!put.created) {
    const { status } = put.existing;
    if (status === 'claimed') return claimedBy(put.existing);
    if (status !== 'offered' && status !== 'fenced') return UNFENCED;
    try {
      await service.table.transact([{ write: 'put', item, if: { equals: { status } } }]);
    } catch (error) {
      // Somebody claimed it first: then its end is asked for like that of any other.
      if (error instanceof Conflict) return claimedBy(await service.table.get(item));
      throw error;
    }
  }
  await service.table.putIfAbsent(cancelledItem(service, ref, attempt));
  return { told: true };
}

function cancelledItem(service: Service, ref: RunRef, { address, attempt }: Attempt): Item {
  const event: WalkEvent = {
    event: 'outcome',
    ...splitAddress(address),
    attempt,
    result: { result: 'cancelled' },
  };
  return { ...outcomeKey(ref, address, attempt), v: FORMAT, at: service.clock.now(), event };
}
