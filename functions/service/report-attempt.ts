// Reports what an attempt came to, from wherever it ran. The recipe's steps (a) to (f); keeps H4 and H6 (the bell's own part).
import { nodeView } from '#core/walk/view.ts';
import { Conflict } from '#errors/families.ts';
import { FORMAT } from '#schemas/ids.ts';
import type { AttemptReport, WalkEvent } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { cacheWrites } from './cache.ts';
import { directItem } from './direct.ts';
import { attemptKey, outcomeKey, type RunRef, splitAddress } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { attemptOf } from './outputs.ts';
import type { Service } from './service.ts';

/** A report, and the job that tells it. */
export interface ToldReport {
  /** Undefined of direct work, for which there is no claim. */
  readonly job: string | undefined;
  readonly name: AttemptName;
  readonly report: AttemptReport;
}

/**
 * Makes a report durable and rings. First writer wins; a job that does not hold the claim counts for nothing.
 *
 * @param how.secondHand true for one who only saw it from outside (a batch event, a sweep): it looks first whether the attempt is still live
 */
export async function reportAttempt(
  service: Service,
  told: ToldReport,
  how: { secondHand?: boolean } = {},
): Promise<'told' | 'ignored'> {
  const { name } = told;
  const ref: RunRef = { namespace: name.namespace, run: name.run };
  if (how.secondHand === true && !(await isLive(service, ref, name))) return 'ignored'; // a
  const kept = await keepReport(service, ref, told); // b
  if (kept === undefined) return 'ignored';
  const event: WalkEvent = {
    event: 'outcome',
    ...splitAddress(name.address),
    attempt: name.attempt,
    result: kept.result,
  };
  await service.table.putIfAbsent({
    ...outcomeKey(ref, name.address, name.attempt),
    v: FORMAT,
    at: service.clock.now(),
    event,
  }); // c
  await service.bells.ring(ref); // d to f
  return 'told';
}

async function isLive(service: Service, ref: RunRef, name: AttemptName): Promise<boolean> {
  const held = await hold(service, ref);
  const { state } = await loadRun(held);
  const { node, instance } = splitAddress(name.address);
  const whole = nodeView(held.memory.linked.graph, state, node);
  const view = instance === undefined ? whole : whole.instance(instance);
  return view.attempt === name.attempt && (view.status === 'running' || view.status === 'stopping');
}

async function keepReport(
  service: Service,
  ref: RunRef,
  told: ToldReport,
): Promise<AttemptReport | undefined> {
  const { job, name, report } = told;
  const key = attemptKey(ref, name.address, name.attempt);
  if (job === undefined) return keepDirect(service, ref, told);
  const attempt = {
    v: FORMAT,
    address: name.address,
    attempt: name.attempt,
    status: 'reported',
    job,
    report,
  };
  try {
    const changes = { set: { status: 'reported', attempt } };
    const condition = { equals: { status: 'claimed', job } };
    const kept = await cacheWrites(service, ref, told);
    if (kept.length === 0) await service.table.update(key, changes, condition);
    else await service.table.transact([{ write: 'update', key, changes, if: condition }, ...kept]);
    return report;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
  // Told before (and perhaps not rung): what is kept counts, not what came now.
  const item = await service.table.get(key);
  return item?.['job'] === job ? attemptOf(item).report : undefined;
}

async function keepDirect(
  service: Service,
  ref: RunRef,
  { name, report }: ToldReport,
): Promise<AttemptReport | undefined> {
  const put = await service.table.putIfAbsent(directItem(ref, name, report));
  if (put.created) return report;
  return put.existing['job'] === undefined ? attemptOf(put.existing).report : undefined;
}

/** `offered → claimed (job)`. True also when this job holds the claim already. */
export async function claimAttempt(
  service: Service,
  job: string,
  name: AttemptName,
): Promise<boolean> {
  const ref: RunRef = { namespace: name.namespace, run: name.run };
  const key = attemptKey(ref, name.address, name.attempt);
  const attempt = {
    v: FORMAT,
    address: name.address,
    attempt: name.attempt,
    status: 'claimed',
    job,
  };
  try {
    await service.table.update(
      key,
      { set: { status: 'claimed', job, attempt } },
      { equals: { status: 'offered' } },
    );
    return true;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
  const item = await service.table.get(key);
  return item?.['status'] === 'claimed' && item['job'] === job;
}
