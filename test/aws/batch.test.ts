// The played Batch, asked by the client of the SDK: what it answers is what the service answers, as far as anything here relies on it.
import {
  BatchClient,
  DescribeJobsCommand,
  ListJobsCommand,
  SubmitJobCommand,
  type SubmitJobCommandInput,
  TerminateJobCommand,
  TerminateJobsCommand,
} from '@aws-sdk/client-batch';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { awsNames } from '#schemas/aws.ts';
import { PlayedBatch, type PlayedBatchOptions } from '#support/aws/batch.ts';
import type { JobEvents } from '#support/aws/batch-events.ts';
import type { JobDetail } from '#support/aws/batch-job.ts';
import { Programs } from '#support/aws/containers.ts';

const names = awsNames('dev');
const cpu = { jobQueue: names.jobQueue('cpu'), jobDefinition: names.jobDefinition('cpu') };
const ONE = [
  { type: 'VCPU', value: '1' },
  { type: 'MEMORY', value: '2048' },
] as const;

class Heard implements JobEvents {
  readonly details: JobDetail[] = [];
  tell(detail: JobDetail): void {
    this.details.push(detail);
  }
  async told(): Promise<void> {}
  async close(): Promise<void> {}

  of(id: string): JobDetail[] {
    return this.details.filter(({ jobId }) => jobId === id);
  }
}

let played: PlayedBatch;
let client: BatchClient;
let heard: Heard;
afterEach(async () => {
  client.destroy();
  await played.close();
});

let said: string;

/** Jobs that are this shell command. */
async function playing(command: string, more: Partial<PlayedBatchOptions> = {}): Promise<void> {
  heard = new Heard();
  said = '';
  const log = (_job: string, text: string): void => {
    said += text;
  };
  const containers = new Programs({ command: ['sh', '-c', command], log });
  played = await PlayedBatch.start({ containers, events: heard, ...more });
  client = new BatchClient({
    endpoint: played.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
}

async function submit(more: Partial<SubmitJobCommandInput> = {}): Promise<string> {
  const { jobId = '' } = await client.send(
    new SubmitJobCommand({
      jobName: 'some-job',
      ...cpu,
      containerOverrides: { resourceRequirements: [...ONE] },
      ...more,
    }),
  );
  return jobId;
}

async function described(jobId: string) {
  const { jobs = [] } = await client.send(new DescribeJobsCommand({ jobs: [jobId] }));
  return jobs[0];
}

const reached = async (jobId: string, status: string) =>
  await vi.waitFor(
    async () => {
      const job = await described(jobId);
      expect(job?.status).toBe(status);
      return job;
    },
    { timeout: 20_000, interval: 20 },
  );

describe('a job', () => {
  test('gets what the submission set and what Batch sets, nothing of this machine’s secrets, and tells how it ended once', async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not for programs');
    await playing(
      '[ "$GIVEN" = x ] && [ -n "$AWS_BATCH_JOB_ID" ] && [ -z "$AWS_SECRET_ACCESS_KEY" ]',
    );
    const id = await submit({
      containerOverrides: { environment: [{ name: 'GIVEN', value: 'x' }] },
      tags: { 'millrace:run': 'r' },
    });
    const job = await reached(id, 'SUCCEEDED');
    vi.unstubAllEnvs();
    expect(job).toMatchObject({ jobName: 'some-job', container: { exitCode: 0 } });
    expect(heard.of(id)).toMatchObject([
      {
        jobQueue: `arn:aws:batch:us-east-1:000000000000:job-queue/${names.jobQueue('cpu')}`,
        status: 'SUCCEEDED',
        container: { exitCode: 0 },
        tags: { 'millrace:run': 'r' },
      },
    ]);
  });

  test('that fails says with which code', async () => {
    await playing('echo oh no >&2; exit 3');
    const id = await submit();
    const job = await reached(id, 'FAILED');
    expect(job).toMatchObject({
      statusReason: 'Essential container in task exited',
      container: { exitCode: 3 },
    });
  });

  test('is told to end by TERM, and with it ends what it started', async () => {
    await playing('trap "exit 7" TERM; echo ready; sleep 600 & wait');
    const id = await submit();
    await expect.poll(() => said, { timeout: 20_000 }).toContain('ready');
    await client.send(new TerminateJobCommand({ jobId: id, reason: 'no longer wanted' }));
    const job = await reached(id, 'FAILED');
    expect(job).toMatchObject({ statusReason: 'no longer wanted', container: { exitCode: 7 } });
  });

  test('that does not heed TERM is killed', async () => {
    await playing('trap "" TERM; echo ready; while :; do sleep 1; done', { graceMs: 200 });
    const id = await submit();
    await expect.poll(() => said, { timeout: 20_000 }).toContain('ready');
    await client.send(new TerminateJobCommand({ jobId: id, reason: 'now' }));
    const job = await reached(id, 'FAILED');
    expect(job?.container?.exitCode).toBe(137);
  });

  test('that waits is ended in bulk without having begun; ids nobody knows count as ended', async () => {
    await playing('sleep 600', { atOnce: 1 });
    const ids = [await submit(), await submit(), await submit()];
    await reached(ids[0] ?? '', 'RUNNING');
    const waiting = ids.slice(1);
    const { successful, errors } = await client.send(
      new TerminateJobsCommand({ jobs: [...waiting, 'unknown'], reason: 'cancelled' }),
    );
    expect({ successful, errors }).toEqual({ successful: [...waiting, 'unknown'], errors: [] });
    for (const id of waiting)
      expect(await described(id)).toMatchObject({ status: 'FAILED', statusReason: 'cancelled' });
    expect(await described(ids[1] ?? '')).not.toHaveProperty('startedAt');
  });
});

describe('an array', () => {
  test('is as many jobs, each with its index; its own state follows theirs', async () => {
    await playing('exit $((AWS_BATCH_JOB_ARRAY_INDEX == 1))', { atOnce: 2 });
    const id = await submit({ arrayProperties: { size: 3 } });
    expect(await described(id)).toMatchObject({ arrayProperties: { size: 3 } });
    await reached(id, 'FAILED');
    const listed = async (jobStatus: 'SUCCEEDED' | 'FAILED') => {
      const { jobSummaryList = [] } = await client.send(
        new ListJobsCommand({ arrayJobId: id, jobStatus }),
      );
      return jobSummaryList.map(({ jobId }) => jobId).sort();
    };
    expect(await listed('SUCCEEDED')).toEqual([`${id}:0`, `${id}:2`]);
    expect(await listed('FAILED')).toEqual([`${id}:1`]);
    expect(heard.details.map(({ jobId }) => jobId).sort()).toEqual(
      [id, `${id}:0`, `${id}:1`, `${id}:2`].sort(),
    );
    expect(heard.of(`${id}:1`)).toMatchObject([{ arrayProperties: { index: 1 } }]);
  });

  test('is ended as a whole', async () => {
    await playing('sleep 600', { atOnce: 2, graceMs: 100 });
    const id = await submit({ arrayProperties: { size: 5 } });
    await client.send(new TerminateJobCommand({ jobId: id, reason: 'enough' }));
    const job = await reached(id, 'FAILED');
    expect(job?.arrayProperties?.statusSummary).toEqual({ FAILED: 5 });
  });
});

describe('a listing', () => {
  test('by name takes beginnings, whatever the case and the state, and comes in pages', async () => {
    await playing('true');
    for (const jobName of ['Ab-1', 'ab-2', 'other']) await submit({ jobName });
    const page = async (nextToken?: string) =>
      await client.send(
        new ListJobsCommand({
          jobQueue: `arn:aws:batch:us-east-1:000000000000:job-queue/${cpu.jobQueue}`,
          filters: [{ name: 'JOB_NAME', values: ['AB-*'] }],
          maxResults: 1,
          ...(nextToken === undefined ? {} : { nextToken }),
        }),
      );
    const first = await page();
    const second = await page(first.nextToken);
    expect(second.nextToken).toBeUndefined();
    const found = [...(first.jobSummaryList ?? []), ...(second.jobSummaryList ?? [])];
    expect(found.map(({ jobName }) => jobName).sort()).toEqual(['Ab-1', 'ab-2']);
  });

  test('of a queue shows what runs when no state is named', async () => {
    await playing('sleep 600', { atOnce: 1 });
    const running = await submit();
    await submit();
    await reached(running, 'RUNNING');
    const { jobSummaryList } = await client.send(new ListJobsCommand({ jobQueue: cpu.jobQueue }));
    expect(jobSummaryList?.map(({ jobId }) => jobId)).toEqual([running]);
  });
});

describe('a submission is refused', () => {
  test.each([
    ['a queue that is not there', { jobQueue: 'nowhere' }, /JobQueue nowhere not found/],
    [
      'a definition of another queue',
      { jobDefinition: names.jobDefinition('gpu') },
      /not made for/,
    ],
    [
      'a size that Fargate does not have',
      {
        containerOverrides: {
          resourceRequirements: [
            { type: 'VCPU', value: '0.5' },
            { type: 'MEMORY', value: '8192' },
          ],
        },
      },
      /0.5 vCPU, 8192 MiB/,
    ],
    ['a name with a slash', { jobName: 'run/node' }, /jobName/],
    ['an array of one', { arrayProperties: { size: 1 } }, /size/],
    ['a timeout under a minute', { timeout: { attemptDurationSeconds: 10 } }, /attemptDuration/],
    [
      'a variable of Batch itself',
      { containerOverrides: { environment: [{ name: 'AWS_BATCH_JOB_ID', value: 'x' }] } },
      /reserved/,
    ],
  ] as const)('%s', async (_, more, said) => {
    await playing('true');
    await expect(submit(more as Partial<SubmitJobCommandInput>)).rejects.toMatchObject({
      name: 'ClientException',
      message: expect.stringMatching(said),
    });
  });

  test('more of them in a second than an account may', async () => {
    await playing('true', { submitRate: 2 });
    await submit();
    await submit();
    await expect(submit()).rejects.toMatchObject({ name: 'TooManyRequestsException' });
  });
});

describe('what goes wrong', () => {
  test('a job whose submission nobody hears of is there all the same', async () => {
    await playing('sleep 600');
    played.faults.submit = () => 'lost';
    await expect(submit()).rejects.toThrow();
    expect(played.jobs).toHaveLength(1);
  });

  test('a job vanishes: nothing lists it, and no event comes', async () => {
    await playing('sleep 600');
    const id = await submit();
    await reached(id, 'RUNNING');
    const [job] = played.jobs;
    if (job !== undefined) played.vanish(job);
    await job?.running?.ended;
    expect(await described(id)).toBeUndefined();
    expect(heard.details).toEqual([]);
  });

  test('a machine goes away: the job failed without a code', async () => {
    await playing('sleep 600');
    const id = await submit();
    await reached(id, 'RUNNING');
    const [job] = played.jobs;
    if (job !== undefined) played.loseHost(job);
    expect(await reached(id, 'FAILED')).toMatchObject({
      statusReason: expect.stringMatching(/^Host EC2/),
      container: {},
    });
  });

  test('events come twice, or not at all', async () => {
    await playing('exit $CODE');
    played.faults.events = (detail) => (detail.status === 'FAILED' ? [] : [detail, detail]);
    const environment = (value: string) => ({ environment: [{ name: 'CODE', value }] });
    const well = await submit({ containerOverrides: environment('0') });
    const badly = await submit({ containerOverrides: environment('1') });
    await reached(well, 'SUCCEEDED');
    await reached(badly, 'FAILED');
    await expect.poll(() => heard.of(well)).toHaveLength(2);
    expect(heard.of(badly)).toEqual([]);
  });
});
