// Jobs on AWS: the contract, done by real programs of the job's bundle, then what only queues, arrays and Batch can meet. SQS is the
// emulator's; Batch is played.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BatchClient } from '@aws-sdk/client-batch';
import {
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SendMessageBatchCommand,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createMachines } from '#aws/batch-submit.ts';
import { createJobs } from '#aws/jobs.ts';
import { createObjects } from '#embedded/objects.ts';
import type { Jobs } from '#ports/jobs.ts';
import type { Objects } from '#ports/objects.ts';
import { awsNames } from '#schemas/aws.ts';
import { limits } from '#schemas/limits.ts';
import { type Submission, submission } from '#schemas/submission.ts';
import { type WorkOrder, workOrder } from '#schemas/work-order.ts';
import { PlayedBatch } from '#support/aws/batch.ts';
import { emulated, ministack } from '#support/aws/clients.ts';
import { buildBundles } from '#support/aws/cloud.ts';
import { type Container, type Containers, Programs } from '#support/aws/containers.ts';
import { type DeskServer, serveDesk } from '#support/aws/desk-server.ts';
import { type FreshQueue, freshQueue } from '#support/aws/queues.ts';
import { failureNamed } from '#support/aws/recorded.ts';
import { createMemoryDesk, type MemoryDesk } from '#support/memory-desk.ts';
import { jobsContract } from '../contract/jobs-contract.ts';
import { anOrder, type OrderOptions } from '../runner/orders.ts';

const prefix = awsNames('dev').jobs;
const PATIENCE = { timeout: 20_000 };
const batchClient = (endpoint: string) =>
  new BatchClient({ ...emulated(endpoint), maxAttempts: 1 });

/** Messages that wait, read and deleted. */
async function drain({ client, queueUrl }: FreshQueue): Promise<Message[]> {
  const found: Message[] = [];
  for (;;) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        ...{ QueueUrl: queueUrl, MaxNumberOfMessages: 10 },
        MessageSystemAttributeNames: ['MessageGroupId'],
      }),
    );
    if (Messages.length === 0) return found;
    found.push(...Messages);
    for (const { ReceiptHandle } of Messages)
      await client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }));
  }
}

const submissionsIn = async (queue: FreshQueue): Promise<Submission[]> =>
  (await drain(queue)).map(({ Body = '' }) => submission.parse(JSON.parse(Body)));

// Real programs beside other tests: under load one of them was seen twice that never claimed its attempt; here nobody would begin it again.
describe.skipIf(ministack === '')('jobs on Batch', { retry: 1 }, () => {
  beforeAll(buildBundles, 60_000);

  jobsContract('Batch and the submit queue', openCloudJobs, { many: 20 });
});

/** Jobs as the contract wants them: what is in the queue is submitted at once, what is submitted runs as a program. */
async function openCloudJobs() {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-cloud-jobs-'));
  const desk = createMemoryDesk();
  const server = await serveDesk(desk);
  const queue = await freshQueue(ministack);
  const job = path.join(import.meta.dirname, '../../dist/job.mjs');
  const containers = new Programs({ command: [process.execPath, job] });
  const batch = await PlayedBatch.start({ containers, graceMs: 5_000, submitRate: 1_000 });
  const client = batchClient(batch.endpoint);
  const objects = createObjects(path.join(folder, 'objects'));
  const jobs = createJobs({
    batch: client,
    prefix,
    queue: queue.client,
    queueUrl: queue.queueUrl,
    objects,
  });
  const submit = submitter(queue, client, server);
  const told: Jobs = {
    ...jobs,
    start: async (orders) => {
      await jobs.start(orders);
      await submit();
    },
    stop: async (stops) => {
      server.stop(stops);
      await jobs.stop(stops);
    },
  };
  const close = async () => {
    await batch.close();
    client.destroy();
    await queue.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { jobs: told, desk, folder, close };
}

/** Stands in for the function `submit`: takes what is in the queue, with neither table nor walker. */
function submitter(queue: FreshQueue, client: BatchClient, { url, tokens }: DeskServer) {
  const machines = createMachines({ client, prefix, attemptsUrl: url, pace: async () => {} });
  return async () => {
    for (const each of await submissionsIn(queue)) {
      const { namespace, run, address, attempt, instances } = each;
      const range = instances === undefined ? {} : { instances };
      const token = await tokens.issue({ namespace, run, address, attempt, ...range }, Date.now());
      await machines.submit({ submission: each, token });
    }
  };
}

/** Containers that never end by themselves, and remember what they were begun with. */
class Idle implements Containers {
  readonly begun: Container[] = [];
  begin(container: Container) {
    this.begun.push(container);
    let end: (ended: { exitCode: number }) => void = () => {};
    const ended = new Promise<{ exitCode: number }>((resolve) => {
      end = resolve;
    });
    return { ended, stop: () => end({ exitCode: 143 }), kill: () => end({ exitCode: 137 }) };
  }
  async close(): Promise<void> {}
}

describe.skipIf(ministack === '')('orders', () => {
  let queue: FreshQueue;
  let folder: string;
  let objects: Objects;
  let batch: PlayedBatch;
  let client: BatchClient;
  let jobs: Jobs;
  let desk: MemoryDesk;
  let server: DeskServer;
  beforeEach(async () => {
    queue = await freshQueue(ministack);
    folder = mkdtempSync(path.join(tmpdir(), 'millrace-orders-'));
    objects = createObjects(folder);
    batch = await PlayedBatch.start({ containers: new Idle(), submitRate: 10_000 });
    client = batchClient(batch.endpoint);
    jobs = createJobs({
      ...{ batch: client, prefix, queue: queue.client, queueUrl: queue.queueUrl, objects },
    });
    desk = createMemoryDesk();
    server = await serveDesk(desk);
  });
  afterEach(async () => {
    await batch.close();
    client.destroy();
    await queue.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const submitAll = () => submitter(queue, client, server)();

  const instance = (index: number, options: OrderOptions = {}): WorkOrder =>
    anOrder(['true'], { address: `each[${index}]`, instance: index, ...options });
  const instances = (from: number, to: number, options: OrderOptions = {}) =>
    Array.from({ length: to - from + 1 }, (_, offset) => instance(from + offset, options));
  const linesOf = async ({ orders }: Submission): Promise<WorkOrder[]> => {
    const key = 'key' in orders ? orders.key : '';
    const text = Buffer.from((await objects.get(key)) ?? []).toString();
    return text
      .trim()
      .split('\n')
      .map((line) => workOrder.parse(JSON.parse(line)));
  };

  test('small ones travel with their job, in the group of their namespace', async () => {
    const order = anOrder(['true'], { resources: { cpu: 2, spot: true }, timeout: 60_000 });
    await jobs.start([order]);
    const [message] = await drain(queue);
    expect(message?.Attributes?.MessageGroupId).toBe('default');
    const sent = submission.parse(JSON.parse(message?.Body ?? ''));
    expect(sent).toMatchObject({
      ...{ kind: 'steps', address: order.name.address, attempt: 1, orders: { order } },
      ...{ resources: { cpu: 2, spot: true }, timeout: 60_000 },
    });
    expect(sent.instances).toBeUndefined();
  });

  test('large ones are objects; the same again is the same object', async () => {
    const order = anOrder([`true ${'#'.repeat(limits.orderInlineBytes)}`]);
    await jobs.start([order]);
    await jobs.start([order]);
    const [first, second] = await submissionsIn(queue);
    expect(first).toEqual(second);
    expect(first?.orders).toMatchObject({
      key: expect.stringMatching(/^NS\/default\/orders\/[0-9A-Z]{26}\/[0-9a-f]{32}\.jsonl$/),
    });
    expect(first && (await linesOf(first))).toEqual([order]);
  });

  test('of instances beside each other become one array, a line for each of its jobs', async () => {
    const orders = instances(10, 14);
    await jobs.start(orders);
    const [sent, ...others] = await submissionsIn(queue);
    expect(others).toEqual([]);
    expect(sent).toMatchObject({ address: 'each', node: 'each', instances: [10, 14], attempt: 1 });
    expect(sent && (await linesOf(sent))).toEqual(orders);
  });

  test('of other nodes, attempts, or with a gap between them are apart', async () => {
    await jobs.start([
      ...instances(0, 1),
      instance(3),
      instance(4, { attempt: 2 }),
      anOrder(['true'], { address: 'other[5]', instance: 5 }),
      anOrder(['true']),
    ]);
    const sent = await submissionsIn(queue);
    expect(sent.map(({ address, instances: range }) => [address, range])).toEqual([
      ...[['each', [0, 1]]],
      ...['each[3]', 'each[4]', 'other[5]'].map((address) => [address, undefined]),
      [expect.stringMatching(/^node\d+$/), undefined],
    ]);
  });

  test('of one array are no more than each of its jobs can look through', async () => {
    const large = `true ${'#'.repeat(100_000)}`;
    const orders = Array.from({ length: 50 }, (_, index) =>
      anOrder([large], { address: `each[${index}]`, instance: index }),
    );
    await jobs.start(orders);
    const sent = await submissionsIn(queue);
    expect(sent.map(({ instances: range }) => range)).toEqual([
      [0, 40],
      [41, 49],
    ]);
  });

  test('that are many go together, and those that the queue did not take go again', async () => {
    const sizes: number[] = [];
    queue.client.middlewareStack.add(
      (next, context) => async (args) => {
        if (context.commandName !== 'SendMessageBatchCommand') return next(args);
        const { Entries = [] } = args.input as SendMessageBatchCommand['input'];
        sizes.push(Entries.length);
        if (sizes.length !== 1) return next(args);
        Object.assign(args.input, { Entries: Entries.slice(1) });
        const answer = await next(args);
        const Failed = [{ Id: Entries[0]?.Id, Code: 'InternalError', SenderFault: false }];
        Object.assign(answer.output as object, { Failed });
        return answer;
      },
      { step: 'initialize', name: 'refusal' },
    );
    await jobs.start(Array.from({ length: 25 }, () => anOrder(['true'])));
    expect(sizes.toSorted((one, other) => one - other)).toEqual([1, 5, 10, 10]);
    expect(await submissionsIn(queue)).toHaveLength(25);
  });

  test('that the queue cannot take now are a matter of time', async () => {
    queue.client.middlewareStack.add(
      () => async () => {
        throw failureNamed('RequestThrottled');
      },
      { step: 'initialize', name: 'throttle' },
    );
    const started = jobs.start([anOrder(['true'])]);
    await expect(started).rejects.toMatchObject({ family: 'transient', code: 'busy' });
    queue.client.middlewareStack.remove('throttle');
  });

  test('are known while their jobs wait or run, alone or in an array, and not afterwards', async () => {
    const single = anOrder(['true']);
    const many = instances(0, 9);
    const lone = instance(20);
    const absent = [anOrder(['true']).name, instance(30).name, instance(3, { attempt: 2 }).name];
    await jobs.start([single, ...many, lone]);
    const names = [...absent, single.name, ...many.map(({ name }) => name), lone.name];
    expect(await jobs.adopt(names)).toEqual([]);
    await submitAll();
    expect(await jobs.adopt(names)).toEqual(names.slice(absent.length));
    await jobs.stop(names.map((name) => ({ name, grace: 0, message: 'enough' })));
    await expect.poll(() => batch.jobs.every(({ over }) => over), PATIENCE).toBe(true);
    expect(await jobs.adopt(names)).toEqual([]);
  });

  test('of many nodes are looked up together', async () => {
    const orders = Array.from({ length: limits.jobLookups + 5 }, () => anOrder(['true']));
    await jobs.start(orders);
    await submitAll();
    const before = batch.asked['listjobs'] ?? 0;
    const names = orders.map(({ name }) => name);
    expect(await jobs.adopt(names)).toEqual(names);
    expect((batch.asked['listjobs'] ?? 0) - before).toBe(4);
  });

  test('that are all stopped are ended as one array, otherwise job by job; the others go on', async () => {
    await jobs.start([...instances(0, 9), ...instances(0, 4, { attempt: 2 })]);
    await submitAll();
    const stops = (orders: readonly WorkOrder[]) =>
      orders.map(({ name }) => ({ name, grace: 0, message: 'someone cancelled' }));
    const asked: string[][] = [];
    client.middlewareStack.add(
      (next, context) => (args) => {
        if (context.commandName === 'TerminateJobsCommand')
          asked.push((args.input as { jobs: string[] }).jobs);
        return next(args);
      },
      { step: 'initialize', name: 'listener' },
    );
    await jobs.stop(stops([...instances(2, 3), ...instances(0, 4, { attempt: 2 })]));
    const [part, whole] = batch.jobs.filter(({ children }) => children.length > 0);
    expect(asked.map((ids) => ids.toSorted())).toEqual([
      [`${part?.id}:2`, `${part?.id}:3`, whole?.id].toSorted(),
    ]);
    await expect.poll(() => whole?.children.every(({ over }) => over), PATIENCE).toBe(true);
    await expect.poll(() => part?.children.filter(({ over }) => over).length, PATIENCE).toBe(2);
    expect(whole?.children[0]?.end?.statusReason).toBe('someone cancelled');
  });

  test('10,000 instances in arrays of 500 are submitted, and cancelled, in a few requests', async () => {
    for (let from = 0; from < 10_000; from += 500) await jobs.start(instances(from, from + 499));
    await submitAll();
    expect(batch.submitted).toHaveLength(20);
    const before = { ...batch.asked };
    const stops = instances(0, 9_999).map(({ name }) => ({ name, grace: 0, message: 'enough' }));
    for (let from = 0; from < 10_000; from += 2_000)
      await jobs.stop(stops.slice(from, from + 2_000));
    await expect.poll(() => batch.jobs.every(({ over }) => over), PATIENCE).toBe(true);
    const used = (verb: string) => (batch.asked[verb] ?? 0) - (before[verb] ?? 0);
    expect([used('listjobs'), used('terminatejobs')]).toEqual([20, 5]);
  });
});
