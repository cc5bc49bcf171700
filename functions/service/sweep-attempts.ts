// Attempts whose end nobody heard of: their job vanished, its event or the message of its work was lost, or whoever told it died half way.
// Only those are touched of which nothing was heard for longer than they may be silent.
import { type LiveAttempt, liveAttempts } from '#core/walk/queries.ts';
import type { StopOrder } from '#ports/jobs.ts';
import type { Item } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { REASONS } from '#schemas/reasons.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { attemptOf } from './bulk.ts';
import { addressOf, attemptKey, type RunRef } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { getAll } from './outputs.ts';
import { startAttempts } from './perform.ts';
import { reportAttempt } from './report-attempt.ts';
import { forget, type Held, type Service } from './service.ts';
import { subRunOf } from './sub-run-view.ts';

const SILENT = 'nothing was heard of its job for too long';

type Live = LiveAttempt & { readonly address: string };

/** What is wrong with an attempt. */
type Suspicion =
  | { readonly what: 'none' }
  /** Nobody claimed it for so long that its work may have been lost on the way. */
  | { readonly what: 'unclaimed' }
  /** Its job must have ended itself by now. */
  | { readonly what: 'lost'; readonly job: string }
  /** Its report is kept, and was perhaps never told. */
  | { readonly what: 'untold' }
  | { readonly what: 'sub-run'; readonly run: string };

/** Judges an attempt that is live by its item. */
export function suspect(item: Item | undefined, now: number): Suspicion {
  switch (item?.['status']) {
    case 'offered':
      return silentFor(item['at'], limits.offerSilence, now) ? { what: 'unclaimed' } : NONE;
    case 'claimed': {
      const run = subRunOf(item['job']);
      if (run !== undefined) return { what: 'sub-run', run };
      // Of a function that is called it lies ahead: it says nothing until it ends.
      const lost = silentFor(item['beatAt'], limits.jobLease + limits.leaseMargin, now);
      return lost ? { what: 'lost', job: String(item['job']) } : NONE;
    }
    case 'reported':
      return silentFor(attemptOf(item).report?.endedAt, limits.reportSilence, now)
        ? { what: 'untold' }
        : NONE;
    default:
      return NONE;
  }
}

const NONE = { what: 'none' } as const;

const silentFor = (since: unknown, limit: number, now: number): boolean =>
  typeof since === 'number' && now - since > limit;

/**
 * Settles them.
 *
 * @param lookAfter told of each sub-run that a live attempt waits for
 * @returns how many attempts were settled or offered anew
 */
export async function sweepAttempts(
  service: Service,
  ref: RunRef,
  lookAfter: (child: RunRef) => Promise<void>,
): Promise<number> {
  const held = await hold(service, ref);
  try {
    const { state } = await loadRun(held);
    const live = liveOf(held, liveAttempts(held.memory.linked.graph, state));
    const items = await getAll(
      service.table,
      live.map(({ address, attempt }) => attemptKey(ref, address, attempt)),
    );
    const now = service.clock.now();
    const unclaimed: Live[] = [];
    const stops: StopOrder[] = [];
    let settled = 0;
    for (const [index, attempt] of live.entries()) {
      const item = items[index];
      const suspicion = suspect(item, now);
      if (suspicion.what === 'sub-run') await lookAfter({ ...ref, run: suspicion.run });
      else if (suspicion.what === 'unclaimed') unclaimed.push(attempt);
      else if (suspicion.what !== 'none') {
        settled += await settle(service, nameOf(ref, attempt), item, suspicion);
        if (suspicion.what === 'lost') stops.push(stopOf(ref, attempt));
      }
    }
    // A machine that lost its way to us may still run its container.
    if (stops.length > 0) await service.jobs.stop(stops);
    return settled + (await offerAnew(held, state, unclaimed));
  } finally {
    if (service.runs.size > limits.rememberedRuns) forget(service, ref);
  }
}

/** Live attempts that others work on. Approvals wait for people, and are not work. */
function liveOf({ memory }: Held, live: readonly LiveAttempt[]): readonly Live[] {
  const { plan, graph } = memory.linked;
  return live.flatMap((attempt) => {
    const kind = plan.nodes[graph.index.get(attempt.node) ?? -1]?.executor.kind;
    if (kind === 'approval') return [];
    return [{ ...attempt, address: addressOf(attempt.node, attempt.instance) }];
  });
}

async function settle(
  service: Service,
  name: AttemptName,
  item: Item | undefined,
  suspicion: Extract<Suspicion, { what: 'lost' | 'untold' }>,
): Promise<number> {
  const now = service.clock.now();
  const result = { result: 'interrupted', message: SILENT } as const;
  // Of one that is reported what is kept counts, and is told again.
  const job = item?.['job'] === undefined ? undefined : String(item['job']);
  const report = { result, endedAt: now };
  const secondHand = suspicion.what === 'lost';
  const told = await reportAttempt(service, { job, name, report }, { secondHand });
  return told === 'ignored' ? 0 : 1;
}

/** Submits again what nobody knows of. It is noted, so that it is not submitted by each sweep. */
async function offerAnew(
  held: Held,
  state: Parameters<typeof startAttempts>[1],
  unclaimed: readonly Live[],
): Promise<number> {
  const { service, ref } = held;
  const waiting = unclaimed.filter(({ stopping }) => !stopping);
  if (waiting.length === 0) return 0;
  const known = await service.jobs.adopt(waiting.map((attempt) => nameOf(ref, attempt)));
  const keys = new Set(known.map(({ address, attempt }) => `${address}#${attempt}`));
  const lost = waiting.filter(({ address, attempt }) => !keys.has(`${address}#${attempt}`));
  for (const { address, attempt } of lost) {
    const key = attemptKey(ref, address, attempt);
    const changes = { set: { at: service.clock.now() } };
    await service.table.update(key, changes, { equals: { status: 'offered' } });
  }
  if (lost.length > 0) await startAttempts(held, state, lost, { again: true });
  return lost.length;
}

const nameOf = (ref: RunRef, { address, attempt }: Live): AttemptName => ({
  ...{ ...ref, address, attempt },
});

const stopOf = (ref: RunRef, attempt: Live): StopOrder => ({
  name: nameOf(ref, attempt),
  grace: 0,
  message: REASONS.interrupted,
});
