// Takes in what Batch says of a job that ended. The runner reports by itself: what is heard here counts only where it did not, and only
// from the job that holds the claim. Doubled, late and in any order it comes to the same.
import { assertNever } from '#errors/families.ts';
import { jobVariables } from '#schemas/attempts.ts';
import { limits } from '#schemas/limits.ts';
import type { JobDetail } from '#schemas/outcome-event.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import type { Attempt, AttemptTokens } from './attempt-token.ts';
import { claimAttempt } from './keep-report.ts';
import { addressOf, attemptKey } from './keys.ts';
import { reportAttempt } from './report-attempt.ts';
import type { Service } from './service.ts';

/** `told`: it is the attempt's outcome now. `lease`: whether its programs are gone is known only when its lease has expired. */
export type JobEnded = 'told' | 'ignored' | 'lease';

/** The attempt that a job worked on. Undefined of an array as a whole. */
function attemptOfJob(of: Attempt, { arrayProperties }: JobDetail): AttemptName | undefined {
  const { namespace, run, address, attempt, instances } = of;
  if (instances === undefined) return { namespace, run, address, attempt };
  const index = arrayProperties?.index;
  if (index === undefined || instances[0] + index > instances[1]) return undefined;
  return { namespace, run, address: addressOf(address, instances[0] + index), attempt };
}

/**
 * Takes the end of a job in. Other changes of its state are passed over, and jobs that were given no token: they are not ours.
 *
 * @param tokens tell by the token that the job was given what it worked on: programs of others may call whoever takes this in, too
 * @throws Rejected `not_permitted` where its token is not ours
 */
export async function endJob(
  service: Service,
  tokens: Pick<AttemptTokens, 'verify'>,
  job: JobDetail,
): Promise<JobEnded> {
  if (job.status !== 'SUCCEEDED' && job.status !== 'FAILED') return 'ignored';
  const { environment = [] } = job.container ?? {};
  const token = environment.find(({ name }) => name === jobVariables.token)?.value;
  if (token === undefined) return 'ignored';
  const name = attemptOfJob(await tokens.verify(token), job);
  if (name === undefined) return 'ignored';
  const { namespace, run } = name;
  const item = await service.table.get(attemptKey({ namespace, run }, name.address, name.attempt));
  const status = item?.['status'];
  if (item === undefined || status === 'fenced') return 'ignored';
  // It has said all, or was told so: a container that failed may have died between the two.
  if (status === 'reported' && job.status === 'SUCCEEDED') return 'ignored';
  if (status === 'offered') {
    if (!(await claimAttempt(service, job.jobId, name))) return 'ignored';
    return await tell(service, job, name, neverBegan(job));
  }
  if (item['job'] !== job.jobId) return 'ignored';
  const how = howEnded(job);
  if (how === 'unknown' && status === 'claimed' && !isLeaseOver(service, item)) return 'lease';
  return await tell(service, job, name, brokenOff(job, how));
}

async function tell(
  service: Service,
  { jobId }: JobDetail,
  name: AttemptName,
  result: AttemptResult,
): Promise<JobEnded> {
  const report = { result, endedAt: service.clock.now() };
  const told = await reportAttempt(service, { job: jobId, name, report }, { secondHand: true });
  return told === 'ignored' ? 'ignored' : 'told';
}

type How = 'finished' | 'timed_out' | 'out_of_memory' | 'ended' | 'unknown';

/** What became of the container: that it has ended is sure only where it left a code, or Batch itself ended it. */
function howEnded({ status, statusReason = '', container }: JobDetail): How {
  if (status === 'SUCCEEDED') return 'finished';
  if (/exceeded timeout/i.test(statusReason)) return 'timed_out';
  if (/^OutOfMemory/i.test(container?.reason ?? '')) return 'out_of_memory';
  return container?.exitCode === undefined ? 'unknown' : 'ended';
}

function brokenOff(job: JobDetail, how: How): AttemptResult {
  const { exitCode } = job.container ?? {};
  switch (how) {
    case 'finished':
      return interrupted('its container ended without a report');
    case 'timed_out':
      return { result: 'timed_out', message: bounded(`the time of its job was up: ${said(job)}`) };
    case 'out_of_memory':
      return {
        ...{ result: 'failed', reason: 'out_of_memory' },
        message: bounded(`its container was out of memory: ${said(job)}`),
        ...(exitCode === undefined ? {} : { exitCode }),
      };
    case 'ended':
      return interrupted(`its container ended with code ${exitCode}: ${said(job)}`);
    case 'unknown':
      return interrupted(`its machine went away: ${said(job)}`);
    default:
      return assertNever(how, 'end of a job');
  }
}

/** It ended before its runner said anything. Machines that were taken away are nobody's fault; all else comes again the next time. */
function neverBegan(job: JobDetail): AttemptResult {
  if (isTakenAway(job)) return interrupted(`its machine went away: ${said(job)}`);
  const message = bounded(`its job ended before it began: ${said(job)}`);
  const { exitCode } = job.container ?? {};
  return {
    ...{ result: 'failed', reason: 'start_failed', message },
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

/** Reclaimed, or broken. */
const isTakenAway = ({ statusReason = '' }: JobDetail): boolean =>
  /^Host EC2|spot (task|interrupt)/i.test(statusReason);

const interrupted = (message: string): AttemptResult => ({
  result: 'interrupted',
  message: bounded(message),
});

/** In the service's own words. */
function said({ status, statusReason, container }: JobDetail): string {
  const words = [statusReason, container?.reason].filter((each) => each !== undefined);
  return words.length === 0 ? status : words.join('; ');
}

const bounded = (message: string): string => message.slice(0, limits.messageLength);

/** No sign of life for so long that its runner must have ended itself. */
function isLeaseOver({ clock }: Service, item: { readonly [name: string]: unknown }): boolean {
  const { beatAt } = item;
  return typeof beatAt === 'number' && clock.now() - beatAt > limits.jobLease;
}
