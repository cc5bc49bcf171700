// Saves what a walk decided, all in one transaction. Keeps S1: it goes through only if nobody saved meanwhile.
import { encode, encodeChunk } from '#core/walk/codec.ts';
import { Conflict, Rejected } from '#errors/families.ts';
import type { Write } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Command } from '#schemas/run.ts';
import { undecidedWrites } from './approvals.ts';
import { keptWrites } from './cache.ts';
import { directItem, isDirect } from './direct.ts';
import { attemptKey, chunkKey, headKey, logKey, type RunRef } from './keys.ts';
import type { LoadedRun } from './load-run.ts';
import { addressesOf, getAll } from './outputs.ts';
import { finishWrites, offeredAttempt } from './perform.ts';
import type { Held } from './service.ts';
import type { AdvanceOptions, FreshReport, Taken } from './take-events.ts';
import type { Walked } from './walk-run.ts';

/** What is saved, and what it came from. */
export interface Saving {
  readonly loaded: LoadedRun;
  readonly result: Walked;
  readonly taken: Taken;
  readonly options: AdvanceOptions;
  /** Of the bounds of a walk, what this one was given. */
  readonly share: number;
}

/** Answers the new sequence, or undefined after a lost race; `too_many` when less must be walked at once for one transaction to hold it. */
export async function saveWalk(
  held: Held,
  saving: Saving,
): Promise<number | 'too_many' | undefined> {
  const { service, memory } = held;
  const { loaded, result, taken, options } = saving;
  const sequence = loaded.sequence + 1;
  const writes = await writesOf(held, saving);
  const offers = offersOf(held, result.commands);
  if (writes.length + offers.length <= service.table.bounds.transactItems) writes.push(...offers);
  try {
    await service.table.transact(writes);
  } catch (error) {
    const lostRace = error instanceof Conflict;
    if (lostRace && taken.fresh.length > 0) await putBack(held, taken.fresh, options);
    else options.giveBack?.(taken.fresh);
    if (isTooMany(error, saving)) return 'too_many';
    if (!lostRace) throw error;
    memory.saved = undefined;
    return undefined;
  }
  memory.saved = { sequence, state: result.state };
  options.saved?.(taken.fresh);
  return sequence;
}

/** Too many items, or too large ones: of less they are fewer and smaller, down to a single change. */
function isTooMany(error: unknown, { share }: Saving): boolean {
  const tooLarge = error instanceof Rejected && error.code === 'too_large';
  return tooLarge && share * limits.advanceChanges > 1;
}

async function writesOf(held: Held, { loaded, result, taken }: Saving): Promise<Write[]> {
  const { service, ref } = held;
  const sequence = loaded.sequence + 1;
  const alarm = result.commands.find((command) => command.command === 'wake-at');
  const wakeAt = alarm?.at ?? loaded.wakeAt;
  const writes: Write[] = [
    {
      write: 'put',
      item: {
        ...headKey(ref),
        v: FORMAT,
        at: result.now,
        sequence,
        outbox: result.commands,
        head: encode(result.state).head,
        ...(wakeAt === undefined ? {} : { wakeAt }),
      },
      if: { exists: true, equals: { sequence: loaded.sequence } },
    },
    ...result.changed.map(
      (key): Write => ({
        write: 'put',
        item: { ...chunkKey(ref, key), v: FORMAT, data: encodeChunk(result.state, key) },
      }),
    ),
    ...taken.inbox.map((item): Write => ({ write: 'delete', key: item, if: { exists: true } })),
    ...taken.fresh.map((fresh): Write => reportWrite(ref, fresh)),
    ...undecidedWrites(held, result.facts, result.events),
    ...(await keptWrites(held, taken)),
  ];
  if (result.facts.length > 0)
    writes.push({
      write: 'put',
      item: { ...logKey(ref, sequence), v: FORMAT, facts: result.facts },
      if: { exists: false },
    });
  for (const command of result.commands) {
    if (command.command === 'finish-run')
      writes.push(...finishWrites(service, ref, command.status));
  }
  return writes;
}

/** After a lost race: an attempt that was settled in another way meanwhile would lose the race for ever, so its report counts for nothing. */
async function putBack(
  { service, ref }: Held,
  fresh: readonly FreshReport[],
  options: AdvanceOptions,
): Promise<void> {
  const items = await getAll(
    service.table,
    fresh.map(({ name }) => attemptKey(ref, name.address, name.attempt)),
  );
  const isOpen = ({ job }: FreshReport, index: number): boolean => {
    const item = items[index];
    if (job === undefined) return item === undefined;
    return item?.['status'] === 'claimed' && item['job'] === job;
  };
  options.saved?.(fresh.filter((report, index) => !isOpen(report, index)));
  options.giveBack?.(fresh.filter(isOpen));
}

function reportWrite(ref: RunRef, { job, name, report }: FreshReport): Write {
  if (job === undefined)
    return { write: 'put', item: directItem(ref, name, report), if: { exists: false } };
  return {
    write: 'put',
    item: {
      ...attemptKey(ref, name.address, name.attempt),
      v: FORMAT,
      status: 'reported',
      job,
      attempt: {
        v: FORMAT,
        address: name.address,
        attempt: name.attempt,
        status: 'reported',
        job,
        report,
      },
    },
    if: { exists: true, equals: { status: 'claimed', job } },
  };
}

function offersOf({ service, ref, memory }: Held, commands: readonly Command[]): Write[] {
  if (service.table.bounds.transactItems <= limits.transactItems) return [];
  const offers: Write[] = [];
  for (const command of commands) {
    if (command.command !== 'start-node' || isDirect(service, memory.linked, command.node))
      continue;
    for (const { address } of addressesOf(command)) {
      offers.push({
        write: 'put',
        item: offeredAttempt(service, ref, { address, attempt: command.attempt }),
        if: { exists: false },
      });
    }
  }
  return offers;
}
