// Hands work over to the machines that do it: what the submitter does with one message of its queue.
import { Rejected } from '#errors/families.ts';
import type { Machines } from '#ports/machines.ts';
import { limits } from '#schemas/limits.ts';
import type { Submission } from '#schemas/submission.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import type { Attempt } from './attempt-token.ts';
import { type Caller, callFunction } from './call-function.ts';
import { inParallel } from './in-parallel.ts';
import { claimAttempt } from './keep-report.ts';
import { attemptKey, type RunRef } from './keys.ts';
import { addressesOf, getAll } from './outputs.ts';
import { reportAttempt } from './report-attempt.ts';
import type { Service } from './service.ts';

export interface Submitter extends Caller {
  readonly machines: Machines;
}

/** How the message came. */
export interface Delivery {
  /** The same each time it comes. */
  readonly id: string;
  /** It came before, and how far that went is not known. */
  readonly again: boolean;
}

/**
 * Submits a job, or an array of them, or begins the call of a function.
 *
 * What was stopped while its message waited is not submitted: that costs one look at each attempt, a job that begins only to be told
 * so costs its machine for a minute. A message that comes again, or was sent again, is looked up first. One that is doubled unseen makes a second job,
 * whose claim is refused: that is rare, and a look-up for each job would be slower than all jobs may be submitted.
 *
 * @returns `submitted` or `called`; `known` where a job of it is there already; `over` where nobody waits for it any more; `refused` where no machine
 *   takes it: then its attempts have failed and say why
 * @throws Transient where it may go well later
 */
export async function submitWork(
  submitter: Submitter,
  submission: Submission,
  delivery: Delivery,
): Promise<'submitted' | 'called' | 'known' | 'over' | 'refused'> {
  const { service, machines } = submitter;
  const until = tokenUntil(service, submission);
  // Its claim is the look at whether anybody waits for it.
  if (submission.kind === 'function')
    return await callFunction(submitter, submission, { id: delivery.id, until });
  if ((await openAttempts(service, submission)).length === 0) return 'over';
  const again = delivery.again || submission.again === true;
  if (again && (await known(machines, submission))) return 'known';
  try {
    const token = await submitter.tokens.issue(attemptOf(submission), until);
    await machines.submit({ submission, token });
    return 'submitted';
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    await refuse(service, submission, { job: `submit:${delivery.id}`, why: error });
    return 'refused';
  }
}

/** What no machine takes is not known to any. */
async function known(machines: Machines, submission: Submission): Promise<boolean> {
  try {
    return await machines.knows(submission);
  } catch (error) {
    if (error instanceof Rejected) return false;
    throw error;
  }
}

const attemptOf = ({ namespace, run, address, attempt, instances }: Submission): Attempt => ({
  ...{ namespace, run, address, attempt },
  ...(instances === undefined ? {} : { instances }),
});

/** It may wait long before it begins, and its programs may take as long as their node. */
export const tokenUntil = ({ clock }: Service, { timeout }: Submission): number =>
  clock.now() + limits.jobQueued + (timeout ?? limits.jobTimeout) + limits.jobMargin;

/** Attempts of a submission that nobody has claimed or fenced. */
export async function openAttempts(
  { table }: Service,
  submission: Submission,
): Promise<readonly AttemptName[]> {
  const names = namesOf(submission);
  const items = await getAll(
    table,
    names.map((name) => attemptKey(refOf(name), name.address, name.attempt)),
  );
  return names.filter((_, index) => items[index]?.['status'] === 'offered');
}

function namesOf({
  namespace,
  run,
  address,
  attempt,
  instances,
}: Submission): readonly AttemptName[] {
  return addressesOf({ node: address, instances }).map((place) => ({
    ...{ namespace, run, address: place.address, attempt },
  }));
}

const refOf = ({ namespace, run }: AttemptName): RunRef => ({ namespace, run });

/** Ends what can never be begun: its attempts fail, so that the run goes on. */
export async function refuse(
  service: Service,
  submission: Submission,
  { job, why }: { readonly job: string; readonly why: Rejected },
): Promise<void> {
  const message = why.message.slice(0, limits.messageLength);
  const result = { result: 'failed', reason: 'start_failed', message } as const;
  await inParallel(namesOf(submission), limits.callsAtOnce, async (name) => {
    if (!(await claimAttempt(service, job, name))) return;
    await reportAttempt(service, { job, name, report: { result, endedAt: service.clock.now() } });
  });
}
