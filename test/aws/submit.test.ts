// Jobs submitted to a played Batch: what is asked of it, and what comes of its refusals; functions called on an emulated Lambda.
import { BatchClient } from '@aws-sdk/client-batch';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMachines, jobRequest } from '#aws/batch-submit.ts';
import { createNodeFunctions } from '#aws/lambda-functions.ts';
import type { Machines } from '#ports/machines.ts';
import { awsNames } from '#schemas/aws.ts';
import { functionCall } from '#schemas/function-call.ts';
import { limits } from '#schemas/limits.ts';
import { type Submission, submission } from '#schemas/submission.ts';
import { PlayedBatch } from '#support/aws/batch.ts';
import { emulated, ministack } from '#support/aws/clients.ts';
import { Programs } from '#support/aws/containers.ts';
import { failureNamed } from '#support/aws/recorded.ts';
import { anOrder, type OrderOptions } from '../runner/orders.ts';

const { jobs: prefix, nodeFunctions } = awsNames('dev');
const place = { prefix, attemptsUrl: 'https://there/attempts' };

function message(more: Partial<Submission> = {}, options: OrderOptions = {}): Submission {
  const order = anOrder(['true'], { address: 'score', ...options });
  const { namespace, run, address, attempt } = order.name;
  return submission.parse({
    ...{ v: 1, namespace, run, pipeline: 'p', node: 'score', address, attempt, kind: 'steps' },
    ...{ orders: { order }, ...more },
  });
}
const requestFor = (more: Partial<Submission> = {}) =>
  jobRequest({ submission: message(more), token: 'a-token' }, place);
const variables = (request: ReturnType<typeof jobRequest>) =>
  Object.fromEntries(
    (request.containerOverrides?.environment ?? []).map(({ name, value }) => [name, value]),
  );

describe('a job', () => {
  test('is told by its environment what it needs, and nothing else of the deployment', () => {
    const request = requestFor();
    const { MILLRACE_ORDER, ...others } = variables(request);
    expect(JSON.parse(MILLRACE_ORDER ?? '')).toMatchObject({ name: { address: 'score' } });
    expect(others).toEqual({
      ...{ MILLRACE_ATTEMPTS_URL: 'https://there/attempts', MILLRACE_ATTEMPT_TOKEN: 'a-token' },
    });
  });

  test('is tried once, and carries whose it is', () => {
    expect(requestFor({ pipeline: 'träume & "schäume" [1]' })).toMatchObject({
      ...{ retryStrategy: { attempts: 1 }, propagateTags: true },
      ...{ jobQueue: 'millrace-dev-cpu', jobDefinition: 'millrace-dev-cpu' },
      tags: {
        'millrace:namespace': 'default',
        'millrace:pipeline': 'träume _ _schäume_ _1_',
        'millrace:run': '01KAN6V0000000000000000000',
      },
    });
  });

  test('is ended by Batch only well after its runner should have', () => {
    const seconds = (timeout?: number) =>
      requestFor(timeout === undefined ? {} : { timeout }).timeout?.attemptDurationSeconds;
    expect(seconds()).toBe(24 * 3_600);
    expect(seconds(90_500)).toBe(Math.ceil((90_500 + limits.stopGrace + limits.jobMargin) / 1_000));
    expect(seconds(0)).toBeGreaterThanOrEqual(60);
  });

  test('of a node with a graphics processor waits where there are some', () => {
    const request = requestFor({ resources: { gpu: 1, cpu: 4, memory: 2 ** 33 } });
    expect(request).toMatchObject({
      jobQueue: 'millrace-dev-gpu',
      jobDefinition: 'millrace-dev-gpu',
    });
    expect(request.containerOverrides?.resourceRequirements).toEqual([
      { type: 'VCPU', value: '4' },
      { type: 'MEMORY', value: '8192' },
      { type: 'GPU', value: '1' },
    ]);
  });

  test('with the longest order that travels along is not too large for Batch', () => {
    const filler = '"'.repeat((limits.orderInlineBytes - 1_200) / 2);
    const order = anOrder([`true '${filler}'`], { address: 'score' });
    expect(JSON.stringify(order).length).toBeGreaterThan(limits.orderInlineBytes - 600);
    const request = jobRequest(
      { submission: message({ orders: { order } }), token: 'x'.repeat(limits.tokenLength) },
      place,
    );
    expect(JSON.stringify(request).length).toBeLessThan(30 * 1024);
  });
});

describe('submitting', () => {
  let batch: PlayedBatch;
  let client: BatchClient;
  let machines: Machines;
  let pauses: number[];
  beforeEach(async () => {
    batch = await PlayedBatch.start({ containers: new Programs({ command: ['sleep', '60'] }) });
    batch.hold(true);
    client = new BatchClient({ ...emulated(batch.endpoint), maxAttempts: 1 });
    pauses = [];
    machines = createMachines({
      ...{ ...place, client, pace: async () => {} },
      pause: async (milliseconds) => {
        pauses.push(milliseconds);
      },
    });
  });
  afterEach(async () => {
    client.destroy();
    await batch.close();
  });
  const submit = (more: Partial<Submission> = {}) =>
    machines.submit({ submission: message(more), token: 'a-token' });

  test('answers the id; from then on the job is known, in its queue', async () => {
    const spot = message({ resources: { spot: true } });
    expect(await machines.knows(spot)).toBe(false);
    const id = await machines.submit({ submission: spot, token: 'a-token' });
    expect(batch.jobs.map((job) => [job.id, job.queue])).toEqual([[id, 'millrace-dev-cpu-spot']]);
    expect(await machines.knows(spot)).toBe(true);
    expect(await machines.knows(message({ instances: [0, 4] }))).toBe(false);
    expect(await machines.knows(message({ attempt: 2 }))).toBe(false);
  });

  test('too fast waits, longer each time, and goes on', async () => {
    let refusals = 4;
    batch.faults.submit = () => (refusals-- > 0 ? 'throttled' : undefined);
    await submit();
    expect(pauses).toEqual([25, 50, 100, 200]);
    expect(batch.submitted).toHaveLength(1);
  });

  test('too fast for too long is left to the queue', async () => {
    batch.faults.submit = () => 'throttled';
    await expect(submit()).rejects.toMatchObject({ family: 'transient', code: 'busy' });
    expect(pauses).toHaveLength(limits.submitTries - 1);
  });

  test('that is not answered is looked for before it is tried again: the job may be there', async () => {
    batch.faults.submit = () => 'lost';
    const id = await submit();
    expect(batch.jobs.map((job) => job.id)).toEqual([id]);
    expect(batch.asked['submitjob']).toBe(1);
  });

  test('what Batch, or no machine, will ever take is refused', async () => {
    batch.faults.submit = () => 'refused';
    await expect(submit()).rejects.toMatchObject({
      ...{ family: 'rejected', message: 'Batch refuses the job: refused for a test' },
    });
    await expect(submit({ resources: { gpu: 16 } })).rejects.toMatchObject({ family: 'rejected' });
    expect(batch.asked['submitjob']).toBe(1);
  });
});

describe.skipIf(ministack === '')('calling a function', () => {
  let client: LambdaClient;
  beforeEach(() => {
    client = new LambdaClient(emulated(ministack));
  });
  afterEach(() => client.destroy());
  const call = (name: string) =>
    createNodeFunctions({ client, prefix: nodeFunctions }).call(
      name,
      functionCall.parse({
        ...{ v: 1, namespace: 'default', run: '01KAN6V0000000000000000000', node: 'score' },
        ...{ address: 'score', attempt: 1, input: {}, config: {}, idempotencyKey: 'k' },
        runner: { url: 'https://there', token: 't', job: 'lambda:1' },
      }),
    );
  const refusing = (name: string) =>
    client.middlewareStack.add(
      (next, context) => async (args) => {
        if (context.commandName !== InvokeCommand.name) return next(args);
        throw failureNamed(name);
      },
      { step: 'initialize', name: 'refusal' },
    );

  test('that is not there, or has no name that could be one, is refused', async () => {
    await expect(call('nobody')).rejects.toMatchObject({
      family: 'rejected',
      message: 'function "nobody": there is no Lambda function millrace-dev-node-nobody',
    });
    await expect(call('a b')).rejects.toMatchObject({
      ...{ family: 'rejected', message: expect.stringContaining('letters, digits, - and _') },
    });
    await expect(call('x'.repeat(64))).rejects.toMatchObject({ family: 'rejected' });
  });

  test.each([
    ['RequestTooLargeException', 'rejected'],
    ['TooManyRequestsException', 'transient'],
    ['AccessDeniedException', 'defect'],
  ])('that Lambda refuses (%s) is for whom it may concern: %s', async (name, family) => {
    refusing(name);
    await expect(call('score')).rejects.toMatchObject({ family });
  });
});
