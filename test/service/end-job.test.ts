// What Batch says of jobs that ended, taken in by the service on embedded ports.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSessionSigner } from '#aws/session-signer.ts';
import { jobVariables } from '#schemas/attempts.ts';
import { limits } from '#schemas/limits.ts';
import { type JobDetail, outcomeEvent } from '#schemas/outcome-event.ts';
import { type Attempt, createAttemptTokens } from '#service/attempt-token.ts';
import { cancelRun } from '#service/command-run.ts';
import { endJob } from '#service/end-job.ts';
import { claimAttempt } from '#service/keep-report.ts';
import { attemptKey, type RunRef } from '#service/keys.ts';
import { reportAttempt } from '#service/report-attempt.ts';
import { RunningService } from '#support/running-service.ts';

const STEP = 'steps: [{ command: "true" }]';
const TWO = `id: p
nodes:
  - { id: first, ${STEP} }
  - { id: second, needs: [first], ${STEP} }`;
const EACH = `id: p
nodes:
  - { id: each, forEach: [0, 1, 2, 3], ${STEP} }`;

let here: RunningService;
let run: RunRef;
beforeEach(() => {
  here = new RunningService();
});
afterEach(() => here.close());

/** An event as the service documents it, about a job of this run. */
function ended(name: string, work: Partial<Attempt> = {}): JobDetail {
  const file = path.join(import.meta.dirname, '../fixtures/batch-events', `${name}.json`);
  const event = outcomeEvent.parse(JSON.parse(readFileSync(file, 'utf8')));
  if (!('job' in event)) expect.fail(`${name} is about no job`);
  const of: Attempt = { ...run, address: 'first', attempt: 1, ...work };
  const environment = [{ name: jobVariables.token, value: JSON.stringify(of) }];
  return { ...event.job, container: { ...event.job.container, environment } };
}

const JOB = '4c7599ae-0a82-49aa-ba5a-4727fcce14a8';
const nameOf = (address = 'first', attempt = 1) => ({ ...run, address, attempt });
const claim = (job = JOB, address = 'first') =>
  claimAttempt(here.service, job, nameOf(address), { beat: 0, beatAt: here.ports.clock.now() });
/** Told in plain text here. */
const plain = { verify: async (token: string): Promise<Attempt> => JSON.parse(token) };
const take = async (detail: JobDetail, tokens = plain) => {
  const came = await endJob(here.service, tokens, detail);
  await here.settle();
  return came;
};
const first = async () => (await here.report(run)).nodes['first'];
const resultOf = async (address = 'first', attempt = 1) => {
  const item = await here.ports.table.get(attemptKey(run, address, attempt));
  return (item?.['attempt'] as { report?: { result: unknown } } | undefined)?.report?.result;
};

test('an event says which job it is about, and what of; what is not ours is none', () => {
  const file = (name: string) =>
    path.join(import.meta.dirname, '../fixtures/batch-events', `${name}.json`);
  const parsed = outcomeEvent.parse(JSON.parse(readFileSync(file('array-child'), 'utf8')));
  expect(parsed).toMatchObject({ job: { jobId: `${JOB}:3`, arrayProperties: { index: 3 } } });
  expect(outcomeEvent.safeParse({ 'detail-type': 'Batch Job Queue Blocked' }).success).toBe(false);
});

describe('a job that claimed its attempt', () => {
  beforeEach(async () => {
    run = await here.start(TWO);
    await claim();
  });

  test('and reported is not heard of again', async () => {
    const result = { result: 'completed', outputs: {} } as const;
    const report = { result, endedAt: here.ports.clock.now() };
    await reportAttempt(here.service, { job: JOB, name: nameOf(), report });
    await here.settle();
    for (const name of ['succeeded', 'failed', 'host-terminated', 'timed-out'])
      expect(await take(ended(name))).toBe('ignored');
    expect(await first()).toMatchObject({ status: 'completed', attempts: 1 });
  });

  test('and whose report was kept but never told is told to the end when its container failed', async () => {
    const key = attemptKey(run, 'first', 1);
    const report = { result: { result: 'completed', outputs: { n: 1 } }, endedAt: 1 };
    const attempt = { v: 1, address: 'first', attempt: 1, status: 'reported', job: JOB, report };
    await here.ports.table.update(key, { set: { status: 'reported', attempt } });
    expect(await take(ended('succeeded'))).toBe('ignored');
    expect(await first()).toMatchObject({ status: 'running' });
    expect(await take(ended('failed'))).toBe('told');
    expect(await first()).toMatchObject({ status: 'completed', outputs: { n: 1 } });
  });

  test.each([
    ['failed', 'its container ended with code 1: Essential container in task exited'],
    ['terminated', 'its container ended with code 143: someone cancelled the run'],
    ['succeeded', 'its container ended without a report'],
  ])(
    'and ended without a report (%s) was interrupted, and is followed by another',
    async (name, message) => {
      expect(await take(ended(name))).toBe('told');
      expect(await resultOf()).toEqual({ result: 'interrupted', message });
      await here.advanceTime(limits.retryMaxDelay);
      expect(here.ports.jobs.orders.at(-1)?.name).toMatchObject({ address: 'first', attempt: 2 });
    },
  );

  test('and used up the time that Batch gave it has timed out', async () => {
    await take(ended('timed-out'));
    expect(await resultOf()).toMatchObject({
      ...{ result: 'timed_out', message: expect.stringContaining('exceeded timeout') },
    });
  });

  test('and was out of memory says so', async () => {
    await take(ended('out-of-memory'));
    expect(await resultOf()).toMatchObject({
      ...{ result: 'failed', reason: 'out_of_memory', exitCode: 137 },
    });
  });

  test.each(['host-terminated', 'spot-interrupted'])(
    'on a machine that went away (%s) may still work: its lease decides',
    async (name) => {
      here.ports.clock.advance(limits.jobLease);
      expect(await take(ended(name))).toBe('lease');
      expect(await first()).toMatchObject({ status: 'running' });
      here.ports.clock.advance(1);
      expect(await take(ended(name))).toBe('told');
      expect(await resultOf()).toMatchObject({
        ...{ result: 'interrupted', message: expect.stringContaining('its machine went away') },
      });
    },
  );

  test('is heard of once, however often and in whatever order it is told', async () => {
    const failed = ended('failed');
    const before = { ...failed, status: 'RUNNING' };
    expect(await take(before)).toBe('ignored');
    expect(await take(failed)).toBe('told');
    expect(await take(before)).toBe('ignored');
    await take(failed);
    await take(ended('succeeded'));
    expect((await here.eventNames(run)).filter((name) => name === 'first.retrying')).toHaveLength(
      1,
    );
    await here.advanceTime(limits.retryMaxDelay);
    // Attempt 2 is another job's.
    expect(await take(failed)).toBe('ignored');
    expect(await first()).toMatchObject({ status: 'running', attempts: 2 });
  });

  test('is the only one that counts', async () => {
    const other = { ...ended('failed'), jobId: 'another-job' };
    expect(await take(other)).toBe('ignored');
    expect(await first()).toMatchObject({ status: 'running', attempts: 1 });
  });

  test('of a run that was cancelled ends it', async () => {
    await cancelRun(here.service, run);
    await here.settle();
    expect(await take(ended('terminated'))).toBe('told');
    expect(await first()).toMatchObject({ status: 'cancelled' });
    expect((await here.report(run)).status).toBe('cancelled');
  });
});

describe('a job that never claimed', () => {
  beforeEach(async () => {
    run = await here.start(TWO);
  });

  test('because it could not begin fails its node, in the words of the service', async () => {
    expect(await take(ended('image-missing'))).toBe('told');
    expect(await first()).toMatchObject({
      ...{ status: 'failed', reason: 'start_failed' },
      message: expect.stringContaining('CannotPullContainerError'),
    });
    // Should it begin after all, it is not granted any more.
    expect(await claim('another-job')).toBe(false);
  });

  test('because it was killed before its first word fails its node, with its code', async () => {
    expect(await take(ended('failed'))).toBe('told');
    expect(await resultOf()).toMatchObject({
      ...{ result: 'failed', reason: 'start_failed', exitCode: 1 },
      message: expect.stringMatching(/^its job ended before it began/),
    });
  });

  test.each(['host-terminated', 'spot-interrupted'])(
    'because its machine was taken away (%s) was interrupted',
    async (name) => {
      expect(await take(ended(name))).toBe('told');
      expect(await resultOf()).toMatchObject({ result: 'interrupted' });
    },
  );

  test('because its attempt was stopped changes nothing', async () => {
    await cancelRun(here.service, run);
    await here.settle();
    expect(await take(ended('terminated'))).toBe('ignored');
    expect(await first()).toMatchObject({ status: 'cancelled' });
  });
});

describe('jobs of an array', () => {
  beforeEach(async () => {
    run = await here.start(EACH);
  });
  const child = { address: 'each', instances: [0, 3] as [number, number] };

  test('count each for its instance', async () => {
    await claim(`${JOB}:3`, 'each[3]');
    expect(await take(ended('array-child', child))).toBe('told');
    expect(await resultOf('each[3]')).toMatchObject({ result: 'interrupted' });
    expect(await resultOf('each[2]')).toBeUndefined();
  });

  test('count for none where the array has no such instance, and the array as a whole counts for nothing', async () => {
    const small = { ...child, instances: [0, 2] as [number, number] };
    expect(await take(ended('array-child', small))).toBe('ignored');
    expect(await take(ended('array-parent', child))).toBe('ignored');
    expect(await resultOf('each[3]')).toBeUndefined();
  });
});

test('what is no job of ours, or of a run that is gone, is passed over', async () => {
  run = await here.start(TWO);
  const failed = ended('failed');
  expect(await take({ ...failed, container: {} })).toBe('ignored');
  const environment = [{ name: 'OTHER', value: '{' }, {}];
  expect(await take({ ...failed, container: { environment } })).toBe('ignored');
  expect(await take(ended('failed', { run: run.run.replace(/.$/, 'Z') }))).toBe('ignored');
});

test('whoever may tell of jobs as well, as functions of nodes may, cannot tell of one whose token it does not know', async () => {
  run = await here.start(TWO);
  const { clock } = here.ports;
  const tokens = createAttemptTokens({ signer: createSessionSigner(), clock });
  const others = createAttemptTokens({ signer: createSessionSigner(), clock });
  const withToken = (value: string): JobDetail => ({
    ...ended('failed'),
    container: { environment: [{ name: jobVariables.token, value }] },
  });
  const until = clock.now() + 60_000;
  const forged = await others.issue({ ...run, address: 'first', attempt: 1 }, until);
  for (const token of [forged, 'made up', '', JSON.stringify(nameOf())])
    await expect(take(withToken(token), tokens)).rejects.toMatchObject({ code: 'not_permitted' });
  expect(await first()).toMatchObject({ status: 'running' });
  const ours = await tokens.issue({ ...run, address: 'first', attempt: 1 }, until);
  expect(await take(withToken(ours), tokens)).toBe('told');
});
