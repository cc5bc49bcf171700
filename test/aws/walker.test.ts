// The stack of the control plane on the emulator: deployed as it is deployed to AWS, with a stand-in for the tick.
import path from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  ListExecutionsCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { tickOrder } from '#schemas/walker.ts';
import { emulated, ministack } from '#support/aws/clients.ts';
import { type Deployed, deploy } from '#support/aws/deploy.ts';
import { remove, standIns } from '#support/infra.ts';

const LIMIT = 6;
const bundles = standIns();
let machines: SFNClient;
let objects: S3Client;
let deployed: Deployed;

describe.skipIf(ministack === '')('the walker on MiniStack', () => {
  beforeAll(async () => {
    await build({
      entryPoints: { 'tick/index': path.join(import.meta.dirname, '../support/aws/stubs/tick.ts') },
      outdir: bundles,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'esm',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
    });
    machines = new SFNClient(emulated(ministack));
    objects = new S3Client({ ...emulated(ministack), forcePathStyle: true });
    deployed = await deploy({
      endpoint: ministack,
      bundles,
      context: { ticksPerExecution: String(LIMIT) },
    });
  }, 240_000);
  afterAll(() => {
    machines?.destroy();
    objects?.destroy();
    remove(bundles);
  });

  const start = async (namespace: string, run: string): Promise<string> => {
    const name = `r${run}`;
    const { executionArn = '' } = await machines.send(
      new StartExecutionCommand({
        stateMachineArn: deployed.OutWalker,
        name: `${name}-1-0-0`,
        input: JSON.stringify({ namespace, run, name, walk: 1, tick: 0, retry: 0 }),
      }),
    );
    return executionArn;
  };

  const ended = async (executionArn: string) =>
    await vi.waitFor(
      async () => {
        const said = await machines.send(new DescribeExecutionCommand({ executionArn }));
        expect(said.status).not.toBe('RUNNING');
        return said;
      },
      { timeout: 30_000, interval: 50 },
    );

  const orders = async (namespace: string, run: string) => {
    const Bucket = deployed.OutBucket;
    const { Contents = [] } = await objects.send(
      new ListObjectsV2Command({ Bucket, Prefix: `NS/${namespace}/${run}/` }),
    );
    return await Promise.all(
      Contents.map(async ({ Key }) => {
        const { Body } = await objects.send(new GetObjectCommand({ Bucket, Key }));
        return tickOrder.parse(JSON.parse((await Body?.transformToString()) ?? ''));
      }),
    );
  };

  test('ticks until the run is done', async () => {
    const run = '01JD000000000000000000000A';
    const { status } = await ended(await start('count-3', run));
    expect(status).toBe('SUCCEEDED');
    expect((await orders('count-3', run)).map(({ tick }) => tick)).toEqual([0, 1, 2]);
  });

  test('waits on its token until somebody has news', async () => {
    const run = '01JD000000000000000000000B';
    const executionArn = await start('park', run);
    const [order] = await vi.waitFor(
      async () => {
        const found = await orders('park', run);
        expect(found).toHaveLength(1);
        return found;
      },
      { timeout: 30_000, interval: 50 },
    );
    const output = JSON.stringify({ next: 'tick' });
    await machines.send(new SendTaskSuccessCommand({ taskToken: order?.token, output }));
    expect((await ended(executionArn)).status).toBe('SUCCEEDED');
    expect((await orders('park', run)).map(({ tick }) => tick)).toEqual([0, 1]);
  });

  test('hands over to a new execution, which goes on counting', async () => {
    const run = '01JD000000000000000000000C';
    await ended(await start('count-15', run));
    const all = await vi.waitFor(
      async () => {
        const { executions = [] } = await machines.send(
          new ListExecutionsCommand({ stateMachineArn: deployed.OutWalker }),
        );
        const ours = executions.filter(({ name }) => name?.startsWith(`r${run}`));
        expect(ours.map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
        return ours;
      },
      { timeout: 30_000, interval: 50 },
    );
    expect(all.map(({ name }) => name).sort()).toEqual(
      ['1-0-0', '1-12-0', '1-6-0'].map((numbers) => `r${run}-${numbers}`),
    );
    const ticks = (await orders('count-15', run)).map(({ tick }) => tick);
    expect(ticks).toEqual(Array.from({ length: 15 }, (_, index) => index));
  });

  test('a halted run fails its walk, and says which run', async () => {
    const run = '01JD000000000000000000000D';
    const { status, error, cause } = await ended(await start('fail', run));
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'Millrace.WalkFailed' });
    expect(cause).toContain(run);
  });
});
