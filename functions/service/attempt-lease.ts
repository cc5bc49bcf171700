// Leases: of many jobs that could build the same, one does. A lease names its holder and ends by our clock unless it is renewed.
import { Conflict } from '#errors/families.ts';
import type { Item, Key } from '#ports/table.ts';
import type { AttemptAnswer } from '#schemas/attempts.ts';
import { FORMAT, type Namespace } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Speaker } from './attempt-calls.ts';
import type { Service } from './service.ts';

const leaseKey = (namespace: Namespace, name: string): Key => ({
  pk: `NS#${namespace}#LEASES`,
  sk: name,
});

/** Takes, renews or gives back. Who asks again in time keeps it; who asks too late may find that another one has it. */
export async function leaseOf(
  service: Service,
  { name: attempt, job }: Speaker,
  asked: { readonly name: string; readonly hold: boolean },
): Promise<AttemptAnswer<'lease'>> {
  const { namespace, run, address } = attempt;
  const key = leaseKey(namespace, asked.name);
  const holder = `${run}/${address}/${attempt.attempt}/${job}`;
  if (!asked.hold) {
    await calmly(service.table.transact([{ write: 'delete', key, if: { equals: { holder } } }]));
    return { held: false, milliseconds: 0 };
  }
  const now = service.clock.now();
  const until = now + limits.jobLease;
  const held = { held: true, milliseconds: limits.jobLease } as const;
  const put = await service.table.putIfAbsent({ ...key, v: FORMAT, holder, until });
  if (put.created) return held;
  const before = endOf(put.existing);
  if (put.existing['holder'] !== holder && before > now) return later(before - now);
  const taken = await calmly(
    service.table.update(
      key,
      { set: { holder, until } },
      // Exactly the one that was seen: it may have been renewed, or taken, in between.
      { equals: { holder: String(put.existing['holder']), until: before } },
    ),
  );
  return taken ? held : later(limits.leaseAgain);
}

const endOf = (item: Item): number => Number(item['until']);

/** Who waits asks often: what is built in seconds need not be waited for until the lease ends. */
const later = (milliseconds: number): AttemptAnswer<'lease'> => ({
  held: false,
  milliseconds: Math.max(1, Math.min(milliseconds, limits.leaseAgain)),
});

/** False where somebody else was first. */
async function calmly(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}
