// What a job says over HTTPS while it works on an attempt, and what it is answered. Its token says which attempt; that this job holds
// the claim is asked of the attempt's item by every call. A call costs one conditional write, or one read.
import { Conflict, Rejected } from '#errors/families.ts';
import type { Item } from '#ports/table.ts';
import {
  type AttemptAnswer,
  type AttemptBody,
  type AttemptVerb,
  attemptVerbs,
  type LogPart,
} from '#schemas/attempts.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { leaseOf } from './attempt-lease.ts';
import { addressesToRead, addressesToWrite } from './attempt-objects.ts';
import type { Attempt } from './attempt-token.ts';
import { judgeReport } from './judge-report.ts';
import { claimAttempt, FUNCTION_CALL, firstBeat, takeReport } from './keep-report.ts';
import { addressOf, attemptKey } from './keys.ts';
import { keepLogPart, refuseLogPart } from './log-parts.ts';
import type { Service } from './service.ts';

/** A job, and the attempt that its token is good for. */
export interface Speaker {
  readonly name: AttemptName;
  readonly job: string;
}

type Calls = {
  readonly [V in AttemptVerb]: (
    service: Service,
    speaker: Speaker,
    body: AttemptBody<V>,
  ) => Promise<AttemptAnswer<V>>;
};

/** The one attempt that a job speaks for: of an array it is the one with the job's index. Rejects with `not_permitted`. */
export function attemptMeant(token: Attempt, index: number | undefined): AttemptName {
  const { namespace, run, address, attempt, instances } = token;
  const refuse = (why: string): never => {
    throw new Rejected('not_permitted', `the token of ${address} is not good for this job: ${why}`);
  };
  if (instances === undefined) {
    if (index !== undefined) refuse('it is for a job without an index');
    return { namespace, run, address, attempt };
  }
  const [from, to] = instances;
  if (index === undefined)
    return refuse('it is for the jobs of an array, which have an index each');
  if (index > to - from) return refuse(`it has no index ${index}`);
  return { namespace, run, address: addressOf(address, from + index), attempt };
}

/**
 * Answers what a job says. All of it may come twice.
 *
 * Rejects with `not_permitted` where this job does not hold the claim, but for `claim`, `beat` and `report`: these say so in their answer.
 */
export async function answerAttempt<V extends AttemptVerb>(
  service: Service,
  verb: V,
  { token, body }: { readonly token: Attempt; readonly body: AttemptBody<V> },
): Promise<AttemptAnswer<V>> {
  const speaker = { name: attemptMeant(token, body.index), job: body.job };
  const call: Calls[V] = CALLS[verb];
  return await call(service, speaker, body);
}

export const isAttemptVerb = (text: string): text is AttemptVerb =>
  Object.hasOwn(attemptVerbs, text);

const CALLS: Calls = {
  claim: async (service, { name, job }) => {
    const beside = { beat: 0, beatAt: firstBeat(job, service.clock.now()) };
    if (await claimAttempt(service, job, name, beside)) {
      return { granted: true, name, heartbeat: limits.jobHeartbeat, lease: limits.jobLease };
    }
    return { granted: false, because: whyNot(await itemOf(service, name)) };
  },
  beat: async (service, speaker, { said, log }) => {
    const parts = await partsOf(service, speaker, { log });
    if (parts === undefined) return { gone: true };
    const notice = said === undefined ? {} : { notice: { ...said, state: 'running' as const } };
    const item = await changed(service, speaker, {
      set: { ...signOfLife(speaker.job, service.clock.now()), ...notice },
      add: { beat: 1, ...(parts === 0 ? {} : { parts }) },
    });
    if (item === undefined) return { gone: true };
    const { stop } = item;
    return { gone: false, ...(typeof stop === 'string' ? { stop } : {}) };
  },
  log: async (service, speaker, { log }) => {
    refuseLogPart(log);
    if (isFull(await demandHeld(service, speaker))) return {};
    await keepLogPart(service, speaker.name, log);
    await changed(service, speaker, { add: { parts: 1 } });
    return {};
  },
  read: async (service, speaker, { keys }) => {
    await demandHeld(service, speaker);
    return { objects: await addressesToRead(service, speaker.name, keys) };
  },
  write: async (service, speaker, { objects }) => {
    const prepares = (await demandHeld(service, speaker))['prepares'] === true;
    return { objects: await addressesToWrite(service, { ...speaker.name, prepares }, objects) };
  },
  secrets: async (service, speaker, { names }) => {
    const { secrets } = await demandHeld(service, speaker);
    return await secretsFor(service, speaker.name, {
      names,
      allowed: new Set<unknown>(Array.isArray(secrets) ? secrets : []),
    });
  },
  lease: async (service, speaker, { name, hold: wanted }) => {
    await demandHeld(service, speaker);
    return await leaseOf(service, speaker, { name, hold: wanted });
  },
  report: async (service, speaker, { report, log }) => {
    const parts = await partsOf(service, speaker, { log, last: true });
    const judged = await judgeReport(service, speaker.name, report);
    const how = await takeReport(service, { ...speaker, report: judged }, parts ?? 0);
    return { taken: how === 'told' };
  },
};

/** Functions need not beat: one that does, and then works on in silence, must not count as lost before its service would end it. */
const signOfLife = (job: string, now: number): { readonly beatAt?: number } =>
  job.startsWith(FUNCTION_CALL) ? {} : { beatAt: now };

const itemOf = (service: Service, name: AttemptName): Promise<Item | undefined> =>
  service.table.get(attemptKey(name, name.address, name.attempt));

function whyNot(item: Item | undefined): string {
  switch (item?.['status']) {
    case undefined:
      return 'nothing is known of such an attempt';
    case 'fenced':
      return 'it was told to stop before it began';
    case 'reported':
      return 'it has ended';
    default:
      return 'another job does it';
  }
}

const holds = (item: Item | undefined, job: string): boolean =>
  item?.['status'] === 'claimed' && item['job'] === job;

const isFull = (item: Item | undefined): boolean => Number(item?.['parts'] ?? 0) >= limits.logParts;

async function demandHeld(service: Service, { name, job }: Speaker): Promise<Item> {
  const item = await itemOf(service, name);
  if (item !== undefined && holds(item, job)) return item;
  throw new Rejected(
    'not_permitted',
    `attempt ${name.attempt} of ${name.address} is not, or no longer, what this job works on`,
  );
}

type Changes = Parameters<Service['table']['update']>[1];

/** Undefined where this job does not hold the claim. */
async function changed(
  service: Service,
  { name, job }: Speaker,
  changes: Changes,
): Promise<Item | undefined> {
  const key = attemptKey(name, name.address, name.attempt);
  try {
    return await service.table.update(key, changes, { equals: { status: 'claimed', job } });
  } catch (error) {
    if (error instanceof Conflict) return undefined;
    throw error;
  }
}

/** Keeps lines that came along, before anything tells that they are there. Undefined where this job does not hold the claim. */
async function partsOf(
  service: Service,
  { name, job }: Speaker,
  { log, last = false }: { readonly log: LogPart | undefined; readonly last?: boolean },
): Promise<number | undefined> {
  if (log === undefined) return 0;
  refuseLogPart(log);
  const item = await itemOf(service, name);
  if (!holds(item, job)) return undefined;
  // How a program ended is worth more than its middle.
  if (isFull(item) && !last) return 0;
  await keepLogPart(service, name, log);
  return 1;
}

async function secretsFor(
  service: Service,
  name: AttemptName,
  { names, allowed }: { readonly names: readonly string[]; readonly allowed: ReadonlySet<unknown> },
): Promise<AttemptAnswer<'secrets'>> {
  const other = names.find((each) => !allowed.has(each));
  if (other !== undefined)
    throw new Rejected('not_permitted', `${name.address} does not name the secret ${other}`);
  const found = await Promise.all(
    names.map(async (each) => [each, await service.secrets.get(name.namespace, each)] as const),
  );
  const values = found.flatMap(([each, value]) => (value === undefined ? [] : [[each, value]]));
  return {
    values: Object.fromEntries(values),
    missing: found.flatMap(([each, value]) => (value === undefined ? [each] : [])),
  };
}
