// What an advance takes in: items of the inbox, and reports that wait in this process. Keeps W8 by its bounds.
import { Defect } from '#errors/families.ts';
import type { Item } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { type WalkEvent, walkEvent } from '#schemas/run.ts';
import type { Bell } from './bell.ts';
import { wholeAttempt } from './bulk.ts';
import { inParallel } from './in-parallel.ts';
import type { ToldReport } from './keep-report.ts';
import { addressOf, attemptKey, INBOX, type RunRef, runKey, splitAddress } from './keys.ts';
import type { Service } from './service.ts';

/** A report that the engine in the same process takes in with the advance itself: result and advance are one transaction. */
export type FreshReport = ToldReport;

export interface AdvanceOptions {
  /** Of this walk, tick and retry: never falls. */
  readonly gen: number;
  /** What wakes this walk when it sleeps. */
  readonly token: string;
  /** Asked before each round but the first: true when the rest is better left to another call. */
  readonly enough?: () => boolean;
  /** Waits so many milliseconds. Where it is given, an advance that expects news soon waits for them instead of parking at once. */
  readonly sleep?: (milliseconds: number) => Promise<void>;
  /** Live attempts from which on it does; `limits.lingerLive` when nothing is said. */
  readonly lingerLive?: number;
  /** Takes up to `count` reports that wait in this process. Those it gave are durable when `advanceRun` asks again or returns. */
  readonly take?: (count: number) => readonly FreshReport[];
  /** Gives back what was taken and not saved. */
  readonly giveBack?: (reports: readonly FreshReport[]) => void;
  /** These were saved, or count for nothing any more. */
  readonly saved?: (reports: readonly FreshReport[]) => void;
}

/** What one round has taken in. */
export interface Taken {
  readonly inbox: readonly Item[];
  readonly fresh: readonly FreshReport[];
  readonly events: readonly WalkEvent[];
}

/** Fewer after each failure, so that one item that cannot be taken in stands alone in the end. */
export const batchOf = (service: Service, bell: Bell, share = 1): number =>
  Math.max(1, Math.floor((service.table.bounds.advanceOutcomes * share) / 4 ** bell.failed));

export interface Inbox {
  readonly items: readonly Item[];
  /** There were others, which nobody may ring for any more. */
  readonly more: boolean;
}

/** The oldest items of the inbox: no more than the batch, and no more than fit into one page. */
export async function readInbox(service: Service, ref: RunRef, batch: number): Promise<Inbox> {
  const page = await service.table.query({ pk: runKey(ref), prefix: INBOX, limit: batch });
  const items = await inParallel(page.items, limits.callsAtOnce, (item) =>
    item['elsewhere'] === true ? withOutputs(service, ref, item) : item,
  );
  return { items, more: page.cursor !== undefined };
}

/** An outcome whose outputs are kept with the attempt alone. */
async function withOutputs(service: Service, ref: RunRef, item: Item): Promise<Item> {
  const event = walkEvent.parse(item['event']);
  if (event.event !== 'outcome') return item;
  const { node, instance, attempt } = event;
  const kept = await service.table.get(attemptKey(ref, addressOf(node, instance), attempt));
  const result =
    kept === undefined ? undefined : (await wholeAttempt(service, kept)).report?.result;
  if (result === undefined) throw new Defect(`nothing is kept of what ${item.sk} tells`);
  return { ...item, event: { ...event, result } };
}

/** Outcomes first, then events from outside in the order they came, then what is wanted. */
export function takeEvents(
  inbox: readonly Item[],
  bell: Bell,
  options: AdvanceOptions & { readonly batch: number },
): Taken {
  const fresh = options.take?.(Math.max(0, options.batch - inbox.length)) ?? [];
  const events: WalkEvent[] = fresh.map(({ name, report }) => ({
    event: 'outcome',
    ...splitAddress(name.address),
    attempt: name.attempt,
    result: report.result,
  }));
  const external: { at: number; event: WalkEvent }[] = [];
  for (const item of inbox) {
    const parsed = walkEvent.parse(item['event']);
    if (parsed.event === 'external') external.push({ at: Number(item['at']), event: parsed });
    else events.push(parsed);
  }
  external.sort((left, right) => left.at - right.at);
  events.push(...external.map(({ event }) => event), { event: 'wanted', wanted: bell.wanted });
  return { inbox, fresh, events };
}
