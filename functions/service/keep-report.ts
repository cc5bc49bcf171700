// Keeps what an attempt came to, as told by the job that did it, and lets the walk know. Steps (b) to (f) of the recipe; keeps H4 and H6
// (the bell's own part). Needs neither plan nor state of the run.
import { Conflict } from '#errors/families.ts';
import type { Changes, Condition, Item, Key } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptReport, WalkEvent } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { attemptOf, type KeptReport, keepBulk, withoutOutputs } from './bulk.ts';
import { directItem } from './direct.ts';
import { attemptKey, outcomeKey, type RunRef, splitAddress } from './keys.ts';
import { ringOutcomes } from './ring-outcomes.ts';
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
 * `other`: what the same job said before stands, and says something else.
 *
 * @param parts of its log that are noted together with the report
 */
export async function takeReport(
  service: Service,
  told: ToldReport,
  parts = 0,
): Promise<'told' | 'other' | 'ignored'> {
  const { name, job, report } = told;
  const ref: RunRef = { namespace: name.namespace, run: name.run };
  // Of work in this very process nothing is kept apart.
  const ours = job === undefined ? { report } : await keepBulk(service, ref, report);
  const kept = await keepReport(service, ref, told, { ...ours, parts }); // b
  if (kept === undefined) return 'ignored';
  const outcome = outcomeOf(service, ref, name, kept);
  await service.table.putIfAbsent(outcome); // c
  await ringOutcomes(service, ref, [outcome]); // d to f
  return isSame(kept, ours) ? 'told' : 'other';
}

/** The item of the inbox. What would make it large is read where it is kept: an item is paid by its size, twice when it goes. */
export function outcomeOf(
  service: Service,
  ref: RunRef,
  name: AttemptName,
  kept: KeptReport,
): Item {
  const { result } = kept.report;
  const elsewhere =
    kept.bulk !== undefined ||
    (result.result === 'completed' && JSON.stringify(result.outputs).length > limits.toldBytes);
  const event: WalkEvent = {
    event: 'outcome',
    ...splitAddress(name.address),
    attempt: name.attempt,
    result: elsewhere ? withoutOutputs(result) : result,
  };
  return {
    ...outcomeKey(ref, name.address, name.attempt),
    v: FORMAT,
    at: service.clock.now(),
    event,
    ...(elsewhere ? { elsewhere } : {}),
  };
}

const isSame = (one: KeptReport, other: KeptReport): boolean =>
  one.bulk === other.bulk &&
  JSON.stringify(one.report.result) === JSON.stringify(other.report.result);

async function keepReport(
  service: Service,
  ref: RunRef,
  told: ToldReport,
  { report, bulk, parts }: KeptReport & { readonly parts: number },
): Promise<KeptReport | undefined> {
  const { job, name } = told;
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
    const changes = {
      set: { status: 'reported', attempt, ...(bulk === undefined ? {} : { bulk }) },
      ...(parts === 0 ? {} : { add: { parts } }),
    };
    const condition = { equals: { status: 'claimed', job } };
    await service.table.update(key, changes, condition);
    return { report, ...(bulk === undefined ? {} : { bulk }) };
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
  // Told before (and perhaps not rung): what is kept counts, not what came now.
  const item = await service.table.get(key);
  return item?.['job'] === job ? keptIn(item) : undefined;
}

/** Work in this very process is taken in with an advance; what comes here is a bit of it that came too late for that. */
async function keepDirect(
  service: Service,
  ref: RunRef,
  { name, report }: ToldReport,
): Promise<KeptReport | undefined> {
  const put = await service.table.putIfAbsent(directItem(ref, name, report));
  if (put.created) return { report };
  return put.existing['job'] === undefined ? keptIn(put.existing) : undefined;
}

function keptIn(item: Item): KeptReport | undefined {
  const { report } = attemptOf(item);
  const { bulk } = item;
  if (report === undefined) return undefined;
  return typeof bulk === 'string' ? { report, bulk } : { report };
}

/** How the job of an attempt begins that the call of a function is. It says nothing until it ends: its service ends it in time. */
export const FUNCTION_CALL = 'lambda:';

/** The sign of life that a claim is: of the call of a function it lies ahead. */
export const firstBeat = (job: string, now: number): number =>
  job.startsWith(FUNCTION_CALL) ? now + limits.functionTime + limits.functionMargin : now;

/**
 * `offered → claimed (job)`. True also when this job holds the claim already: then its sign of life is renewed.
 *
 * @param beside what is noted of the attempt besides: when a sign of life came last
 */
export async function claimAttempt(
  service: Service,
  job: string,
  name: AttemptName,
  beside: { readonly beat?: number; readonly beatAt: number } = { beatAt: service.clock.now() },
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
  const first = { set: { ...beside, status: 'claimed', job, attempt } };
  if (await changedIf(service, key, first, { status: 'offered' })) return true;
  const { beatAt } = beside;
  return await changedIf(service, key, { set: { beatAt } }, { status: 'claimed', job });
}

async function changedIf(
  { table }: Service,
  key: Key,
  changes: Changes,
  equals: NonNullable<Condition['equals']>,
): Promise<boolean> {
  try {
    await table.update(key, changes, { equals });
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}
