// Functions that do the work of nodes on the emulated cloud: called by the submitter, heard of by the function `outcome`. The emulator knows
// destinations of failures only; what it would tell of a success the function in this test tells by itself.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  LambdaClient,
  PutFunctionEventInvokeConfigCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { routes } from '#schemas/api.ts';
import { awsNames } from '#schemas/aws.ts';
import { type Cloud, openCloud } from '#support/aws/cloud.ts';
import { emulated } from '#support/aws/emulated.ts';
import { Scripted } from '#support/aws/scripted.ts';

const ground = inject('ground');
const names = awsNames('dev');
const FUNCTION = `${names.nodeFunctions}score`;
const OUTCOME = `arn:aws:lambda:us-east-1:000000000000:function:${names.function('outcome')}`;

const SOURCE = `
export const handler = async (event, context) => {
  if (event.config.mood === 'bad') throw new Error('no such model');
  const responsePayload = { score: event.input.n * 2, key: event.idempotencyKey, attempt: event.attempt };
  const record = {
    version: '1.0',
    timestamp: new Date().toISOString(),
    requestContext: { requestId: context.awsRequestId, functionArn: context.invokedFunctionArn, condition: 'Success', approximateInvokeCount: 1 },
    requestPayload: event,
    responseContext: { statusCode: 200, executedVersion: '$LATEST' },
    responsePayload,
  };
  const address = process.env.AWS_ENDPOINT_URL + '/2015-03-31/functions/${names.function('outcome')}/invocations';
  const answer = await fetch(address, { method: 'POST', headers: { 'x-amz-invocation-type': 'Event' }, body: JSON.stringify(record) });
  if (!answer.ok) throw new Error('the outcome was not told: ' + answer.status);
  return responsePayload;
};
`;

let cloud: Cloud;
let lambda: LambdaClient;
let folder: string;

describe.skipIf(ground === undefined)('functions of nodes on the emulated cloud', () => {
  beforeAll(async () => {
    if (ground === undefined) return;
    const containers = new Scripted({ script: () => ({ result: 'completed', outputs: {} }) });
    cloud = await openCloud(ground, { containers });
    lambda = new LambdaClient(emulated(ground.endpoint));
    folder = mkdtempSync(path.join(tmpdir(), 'millrace-function-'));
    writeFileSync(path.join(folder, 'index.mjs'), SOURCE);
    execFileSync('python3', ['-m', 'zipfile', '-c', 'function.zip', 'index.mjs'], { cwd: folder });
    await lambda.send(
      new CreateFunctionCommand({
        ...{ FunctionName: FUNCTION, Runtime: 'nodejs24.x', Handler: 'index.handler' },
        Role: 'arn:aws:iam::000000000000:role/node',
        Code: { ZipFile: readFileSync(path.join(folder, 'function.zip')) },
        Environment: { Variables: { AWS_ENDPOINT_URL: ground.endpoint } },
      }),
    );
    await lambda.send(
      new PutFunctionEventInvokeConfigCommand({
        ...{ FunctionName: FUNCTION, MaximumRetryAttempts: 0 },
        DestinationConfig: { OnFailure: { Destination: OUTCOME } },
      }),
    );
  });
  afterAll(async () => {
    await lambda?.send(new DeleteFunctionCommand({ FunctionName: FUNCTION }));
    lambda?.destroy();
    await cloud?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (source: string) =>
    (await cloud.api.ask(routes.start, { body: { source, inputs: {} } })).run;

  test('one that returns gives its node its outputs, one that throws fails it, one that is not there too', async () => {
    const run = await start(`id: functions
failFast: false
nodes:
  - { id: first, inputs: { n: 21 }, function: { name: score, config: { mood: good } } }
  - { id: second, needs: [first], inputs: { n: "{{ first.score }}" }, function: { name: score } }
  - { id: bad, inputs: { n: 1 }, function: { name: score, config: { mood: bad } } }
  - { id: absent, function: { name: nobody } }
  - { id: each, forEach: [1, 2, 3], inputs: { n: "{{ item }}" }, function: { name: score } }`);
    const report = await cloud.api.ended(run);
    expect(report.nodes).toMatchObject({
      first: { status: 'completed', outputs: { score: 42, key: `${run}/first/1`, attempt: 1 } },
      second: { status: 'completed', outputs: { score: 84 } },
      bad: { status: 'failed', reason: 'function_failed', message: 'no such model' },
      absent: {
        ...{ status: 'failed', reason: 'start_failed' },
        message: `function "nobody": there is no Lambda function ${names.nodeFunctions}nobody`,
      },
      each: { status: 'completed', outputs: { items: [{ score: 2 }, { score: 4 }, { score: 6 }] } },
    });
    expect(report.status).toBe('failed');
  });
});
