// Takes over a run that another process left: every live attempt is either still being worked on, or offered again, or interrupted.
import { liveAttempts } from '#core/walk/view.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { addressOf, attemptKey, type RunRef } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { type Offer, startAttempts } from './perform.ts';
import { reportAttempt } from './report-attempt.ts';
import type { Service } from './service.ts';

const GONE = 'the program that did the work went away without a report';

/**
 * Settles what a gone engine or a gone runner left of a run, then rings it. The caller has made sure that nothing the gone runner
 * started is alive any more, or is known to `jobs`.
 */
export async function adoptRun(service: Service, ref: RunRef): Promise<void> {
  const held = await hold(service, ref);
  const { state } = await loadRun(held);
  const live: Offer[] = liveAttempts(held.memory.linked.graph, state).map((entry) => ({
    ...entry,
    address: addressOf(entry.node, entry.instance),
  }));
  const nameOf = (offer: Offer): AttemptName => ({
    ...ref,
    address: offer.address,
    attempt: offer.attempt,
  });
  const known = new Set(
    (await service.jobs.adopt(live.map(nameOf))).map((name) => `${name.address}#${name.attempt}`),
  );
  const left = live.filter((offer) => !known.has(`${offer.address}#${offer.attempt}`));
  const items = await service.table.getMany(
    left.map((offer) => attemptKey(ref, offer.address, offer.attempt)),
  );
  const offered: Offer[] = [];
  for (const [index, offer] of left.entries()) {
    const item = items[index];
    if (item === undefined || item['status'] === 'offered') offered.push(offer);
    if (item?.['status'] !== 'claimed') continue;
    const report = {
      result: { result: 'interrupted', message: GONE },
      endedAt: service.clock.now(),
    } as const;
    await reportAttempt(service, { job: String(item['job']), name: nameOf(offer), report });
  }
  await startAttempts(held, state, offered, { again: true });
  await service.bells.ring(ref);
}
