// Takes over a run that another process left: every live attempt is either still being worked on, or offered again, or interrupted.
import { type LiveAttempt, liveAttempts } from '#core/walk/queries.ts';
import { nextDeadline } from '#core/walk/timers.ts';
import { view } from '#core/walk/view.ts';
import type { Item } from '#ports/table.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { isDirect, reportLost } from './direct.ts';
import { addressOf, attemptKey, type RunRef } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { getAll } from './outputs.ts';
import { startAttempts, stopAttempts, stopOf } from './perform.ts';
import { reportAttempt } from './report-attempt.ts';
import type { Held, Service } from './service.ts';
import { subRunOf } from './sub-run-view.ts';

const GONE = 'the program that did the work went away without a report';
const LOST = 'the engine that did the work in its own process went away';

type Live = LiveAttempt & { readonly address: string };

/**
 * Settles what a gone engine or a gone runner left of a run, then rings it. The caller has made sure that nothing the gone runner
 * started is alive any more, or is known to `jobs`.
 *
 * @param gone what went away. With an engine went the work that it did itself; then the caller sees to it that nobody advances the run
 *   before this returns, because what is about to be started is not yet known to `jobs` either
 */
export async function adoptRun(
  service: Service,
  ref: RunRef,
  gone: 'engine' | 'runner' = 'engine',
): Promise<void> {
  const held = await hold(service, ref);
  const { state, wakeAt } = await loadRun(held);
  const { graph } = held.memory.linked;
  const live: Live[] = liveAttempts(graph, state).map((entry) => ({
    ...entry,
    address: addressOf(entry.node, entry.instance),
  }));
  // Read before `jobs` is asked: a claim never moves, so what was claimed then and is not known now is gone for good.
  const items = await getAll(
    service.table,
    live.map((attempt) => attemptKey(ref, attempt.address, attempt.attempt)),
  );
  const known = await knownTo(held, live);
  const offered: Live[] = [];
  for (const [index, attempt] of live.entries()) {
    const item = items[index];
    if (known.has(keyOf(attempt))) continue;
    if (item?.['status'] === 'offered' && !attempt.stopping) offered.push(attempt);
    else await settleUnknown(held, { attempt, item, gone });
  }
  // Told to stop, and perhaps never heard: fenced where nobody has claimed it, asked again where it runs.
  const stops = live.filter((attempt) => attempt.stopping).map((attempt) => stopOf(held, attempt));
  if (stops.length > 0) await stopAttempts(service, ref, stops);
  // Another runner does not know of it.
  if (view(graph, state).status === 'paused') await service.jobs.pause?.(ref, true);
  await startAttempts(held, state, offered, { again: true });
  // Alarms do not outlive the process that set them; what is overdue is seen by the advance that follows.
  const now = service.clock.now();
  const due = nextDeadline(state, now);
  const set = wakeAt !== undefined && wakeAt > now ? wakeAt : due;
  if (due !== undefined && set !== undefined)
    await service.alarms.wake(ref.namespace, ref.run, Math.min(due, set));
  await service.bells.ring(ref);
}

/** An attempt that nobody works on: it is lost, or its end was not heard of yet. */
async function settleUnknown(
  { service, ref, memory }: Held,
  { attempt, item, gone }: { attempt: Live; item: Item | undefined; gone: 'engine' | 'runner' },
): Promise<void> {
  const name = nameOf(ref, attempt);
  if (item === undefined && gone === 'engine' && isDirect(service, memory.linked, attempt.node))
    return reportLost(service, name, LOST);
  // One that is `reported` was perhaps never put into the inbox: telling it again does that, with what is kept.
  if (item?.['status'] !== 'claimed' && item?.['status'] !== 'reported') return;
  const child = item['status'] === 'claimed' ? subRunOf(item['job']) : undefined;
  if (child !== undefined) {
    // It is alive as long as its run is; one that has ended and was not heard of tells its end again.
    await service.takeUp({ ...ref, run: child }, 'adopt');
    await service.bells.ring({ ...ref, run: child });
    return;
  }
  const job = item['job'] === undefined ? undefined : String(item['job']);
  const result = { result: 'interrupted', message: GONE } as const;
  await reportAttempt(service, { job, name, report: { result, endedAt: service.clock.now() } });
}

const nameOf = (ref: RunRef, { address, attempt }: Live): AttemptName => ({
  ...ref,
  address,
  attempt,
});

const keyOf = ({ address, attempt }: { address: string; attempt: number }): string =>
  `${address}#${attempt}`;

/** Attempts that somebody still works on, or will. */
async function knownTo(
  { service, ref }: Held,
  live: readonly Live[],
): Promise<ReadonlySet<string>> {
  const names = live.map(({ address, attempt }) => ({ ...ref, address, attempt }));
  return new Set((await service.jobs.adopt(names)).map(keyOf));
}
