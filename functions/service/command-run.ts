// What people ask of a run: events from outside, pause, resume, cancel. Answered when durable.
import { holdsReference } from '#core/by-reference.ts';
import { Conflict, Rejected } from '#errors/families.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { RunStatus } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import { externalKey, INBOX, QUARANTINE, type RunRef, runKey } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { stopAgain } from './perform.ts';
import type { Service } from './service.ts';
import { statusOf } from './status.ts';
import { liveSubRuns, tellSubRuns } from './sub-run.ts';

const ENDED: ReadonlySet<RunStatus> = new Set(['completed', 'failed', 'timed_out', 'cancelled']);
const EVENT = /^external\.[\p{L}_][\p{L}\p{N}_.]*$/u;

/** Rejects with `wrong_state` when the run is over. */
async function demandUnfinished(service: Service, ref: RunRef, what: string): Promise<void> {
  const status = await statusOf(service, ref);
  if (ENDED.has(status))
    throw new Rejected('wrong_state', `run ${ref.run} is ${status}: it cannot be ${what}`, {
      status,
    });
}

/**
 * Tells a run of an event from outside. The same key twice is one event.
 *
 * @param event `external.go`
 * @throws Rejected `invalid` for another name or a payload over the limit, `wrong_state` when the run is over
 */
export async function emitEvent(
  service: Service,
  ref: RunRef,
  event: string,
  options: { payload?: Json; key?: string } = {},
): Promise<void> {
  if (!EVENT.test(event) || event.length > limits.idLength) {
    throw new Rejected(
      'invalid',
      `"${event}" is no event from outside: wanted external.NAME, letters, digits, _ and dots`,
    );
  }
  if (JSON.stringify(options.payload ?? null).length > limits.payloadBytes) {
    throw new Rejected('too_large', `the payload of ${event} is over ${limits.payloadBytes} bytes`);
  }
  if (holdsReference(options.payload ?? null)) {
    throw new Rejected(
      'invalid',
      `the payload of ${event} holds a member "$ref", which only the engine may write`,
    );
  }
  if (options.key !== undefined && (options.key === '' || options.key.length > limits.idLength)) {
    throw new Rejected(
      'invalid',
      `the key of ${event} has ${options.key.length} characters: wanted 1 to ${limits.idLength}`,
    );
  }
  await demandUnfinished(service, ref, 'told of events');
  await demandRoom(service, ref);
  const id = options.key === undefined ? service.ids.ulid() : `k#${event}#${options.key}`;
  await service.table.putIfAbsent({
    ...externalKey(ref, id),
    v: FORMAT,
    at: service.clock.now(),
    event: {
      event: 'external',
      name: event,
      ...(options.key === undefined ? {} : { key: options.key }),
      ...(options.payload === undefined ? {} : { payload: options.payload }),
    },
  });
  await service.bells.ring(ref);
}

/** A flood of events must not fill the table faster than a run takes them in. */
async function demandRoom(service: Service, ref: RunRef): Promise<void> {
  const waiting = await service.table.query({
    pk: runKey(ref),
    prefix: `${INBOX}x#`,
    limit: limits.page,
  });
  if (waiting.cursor !== undefined)
    throw new Rejected(
      'too_large',
      `run ${ref.run} has ${waiting.items.length} events waiting and takes no more before it has taken them in`,
    );
}

/** Nothing starts any more; what runs goes on. */
export async function pauseRun(service: Service, ref: RunRef): Promise<void> {
  await demandUnfinished(service, ref, 'paused');
  await service.bells.want(ref, 'pause');
}

/** Goes on with a paused or halted run. */
export async function resumeRun(service: Service, ref: RunRef): Promise<void> {
  await demandUnfinished(service, ref, 'resumed');
  if ((await service.bells.read(ref))?.halted !== undefined) await takeBack(service, ref);
  await service.bells.clear(ref);
  await service.bells.want(ref, 'run');
  // The walk of one that was halted is over.
  await service.takeUp(ref, 'adopt');
  for (const child of await standingBelow(service, ref)) await resumeBelow(service, child);
  await followPause(service, ref);
}

/**
 * Puts back what was set aside before the run was halted: what stood in its way may not have been to blame, and may be mended by now. What
 * is to blame is set aside again.
 */
async function takeBack({ table }: Service, ref: RunRef): Promise<void> {
  const { items } = await table.query({ pk: runKey(ref), prefix: QUARANTINE });
  for (const item of items) {
    const { message: _, ...kept } = item;
    const sk = item.sk.slice(QUARANTINE.length);
    try {
      await table.transact([
        { write: 'delete', key: item, if: { exists: true } },
        { write: 'put', item: { ...kept, sk, v: FORMAT } },
      ]);
    } catch (error) {
      // Somebody else resumes it as well.
      if (!(error instanceof Conflict)) throw error;
    }
  }
}

/** Somebody paused it again, while those below were still being told to go on: they are paused as well, however deep. */
async function followPause(service: Service, ref: RunRef): Promise<void> {
  if ((await service.bells.read(ref))?.wanted !== 'pause') return;
  const held = await hold(service, ref);
  const { state } = await loadRun(held);
  await tellSubRuns(held, state);
  for (const child of await liveSubRuns(held, state)) await followPause(service, child);
}

/** A sub-run may have ended since it was looked at: then there is nothing to go on with. */
async function resumeBelow(service: Service, child: RunRef): Promise<void> {
  try {
    await resumeRun(service, child);
  } catch (error) {
    if (!(error instanceof Rejected) || error.code !== 'wrong_state') throw error;
  }
}

/** Sub-runs that were halted, or paused by themselves; whoever goes on with their parent means them too. */
async function standingBelow(service: Service, ref: RunRef): Promise<readonly RunRef[]> {
  const held = await hold(service, ref);
  const { state } = await loadRun(held);
  const found: RunRef[] = [];
  for (const child of await liveSubRuns(held, state)) {
    const bell = await service.bells.read(child);
    if (bell?.halted !== undefined || bell?.wanted === 'pause') found.push(child);
  }
  return found;
}

/** Stops what runs and starts nothing more; with `force` without a grace period. */
export async function cancelRun(
  service: Service,
  ref: RunRef,
  options: { force?: boolean } = {},
): Promise<void> {
  await demandUnfinished(service, ref, 'cancelled');
  await service.bells.want(ref, 'cancel', options);
  // What is told to stop from now on has no grace period; what was told before hears of it here.
  if (options.force === true) await stopAgain(service, ref);
}
