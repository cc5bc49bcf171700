// The function that jobs speak to, on the emulator: a played runner does an attempt with nothing but its token and HTTP.
import { createHash } from 'node:crypto';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createSigner } from '#aws/signer.ts';
import { compile } from '#core/compile/compile.ts';
import { Defect } from '#errors/families.ts';
import type { Cloud } from '#handlers/lib/ports.ts';
import { type AttemptAnswer, type AttemptVerb, attemptVerbs } from '#schemas/attempts.ts';
import { awsVariables } from '#schemas/aws.ts';
import type { Json } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { advanceRun } from '#service/advance-run.ts';
import { createAttemptTokens } from '#service/attempt-token.ts';
import type { RunRef } from '#service/keys.ts';
import { readRunLogs } from '#service/logs.ts';
import { readReport } from '#service/read-run.ts';
import { startRun } from '#service/start-run.ts';
import { type FreshBucket, freshBucket } from '#support/aws/buckets.ts';
import { ministack } from '#support/aws/clients.ts';
import { emulated } from '#support/aws/emulated.ts';
import { type Recorded, record } from '#support/aws/recorded.ts';
import { type FreshTable, freshTable } from '#support/aws/tables.ts';

const PIPELINE = `id: p
nodes:
  - { id: first, env: { KEY: "{{ secret.API_KEY }}" }, steps: [{ command: "true" }] }
  - { id: second, needs: [first], inputs: { f: "{{ first.file }}" }, steps: [{ command: "true" }] }`;

type Handler = (event: unknown, context: object) => Promise<{ statusCode: number; body: string }>;

let table: FreshTable;
let bucket: FreshBucket;
let handler: Handler;
let cloud: Cloud;
let key: string;
let orders: WorkOrder[];
let run: RunRef;
let token: string;
let gen = 0;
/** What the function wrote into its log. */
let said = '';

/** A request as API Gateway hands it to the function. */
async function call(verb: string, said: object, by = token) {
  const { statusCode, body } = await handler(
    {
      version: '2.0',
      rawPath: `/attempts/${verb}`,
      headers: { authorization: `Bearer ${by}`, 'content-type': 'application/json' },
      body: JSON.stringify({ v: 1, job: 'job-1', ...said }),
      requestContext: { http: { method: 'POST' } },
    },
    {},
  );
  const answer: unknown = JSON.parse(body);
  return { statusCode, answer };
}

async function say<V extends AttemptVerb>(verb: V, said: object): Promise<AttemptAnswer<V>> {
  const { statusCode, answer } = await call(verb, said);
  expect({ statusCode, answer }).toMatchObject({ statusCode: 200 });
  return attemptVerbs[verb].answer.parse(answer) as AttemptAnswer<V>;
}

const tick = () => {
  gen += 1;
  return advanceRun(cloud.service, run, { gen, token: `tick-${gen}` });
};

async function tokenFor(address: string): Promise<string> {
  const client = new KMSClient(emulated(ministack));
  const signer = createSigner({ client, keys: [key] });
  const tokens = createAttemptTokens({ signer, clock: cloud.service.clock });
  return await tokens.issue({ ...run, address, attempt: 1 }, Date.now() + 60_000);
}

describe.skipIf(ministack === '')('jobs that speak over HTTPS', () => {
  beforeAll(async () => {
    [table, bucket] = await Promise.all([freshTable(ministack), freshBucket(ministack)]);
    const keys = new KMSClient(emulated(ministack));
    const made = await keys.send(
      new CreateKeyCommand({ KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' }),
    );
    key = made.KeyMetadata?.Arn ?? '';
    const secrets = new SecretsManagerClient(emulated(ministack));
    await secrets.send(
      new CreateSecretCommand({ Name: 'millrace/dev/default/API_KEY', SecretString: 'hush' }),
    );
    const set = {
      AWS_ENDPOINT_URL: ministack,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      [awsVariables.stage]: 'dev',
      [awsVariables.table]: table.name,
      [awsVariables.bucket]: bucket.bucket,
      [awsVariables.walker]: 'arn:aws:states:us-east-1:000000000000:stateMachine:none',
      [awsVariables.signingKey]: key,
    };
    for (const [name, value] of Object.entries(set)) vi.stubEnv(name, value);
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
    const { openCloud } = await import('#handlers/lib/ports.ts');
    const module = await import('#handlers/attempts.ts');
    handler = module.handler as Handler;
    cloud = openCloud({
      settings: {
        ...{ table: table.name, bucket: bucket.bucket },
        walker: set[awsVariables.walker] ?? '',
      },
      ports: {
        jobs: {
          direct: new Set(),
          start: async (given) => void orders.push(...given),
          stop: async () => {},
          adopt: async () => [],
        },
        alarms: { wake: async () => {} },
      },
    });
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    await Promise.all([table?.close(), bucket?.close()]);
  });
  beforeEach(async () => {
    orders = [];
    const compiled = compile({ text: PIPELINE });
    if (!compiled.ok) throw new Defect('the pipeline of the test has problems');
    const request = { plan: compiled.plan as Json, inputs: {}, sources: {} };
    run = await startRun(cloud.service, 'default', request);
    await tick();
    token = await tokenFor('first');
  });
  const line = (n: number) =>
    `${JSON.stringify({ at: Date.now(), n, step: 's', stream: 'stdout', text: `line ${n}` })}\n`;
  const content = 'a,b\n1,2\n';
  const sha256 = createHash('sha256').update(content).digest('hex');
  const fileKey = () => `NS/default/artifacts/${run.run}/first/table.csv`;
  const wanted = () => ({
    objects: [{ key: fileKey(), size: content.length, sha256, mediaType: 'text/csv' }],
  });

  test('do an attempt from claim to report: a file is really put, and the run goes on with it', async () => {
    expect(await say('claim', {})).toMatchObject({ granted: true });
    expect(await say('secrets', { names: ['API_KEY'] })).toEqual({
      ...{ values: { API_KEY: 'hush' }, missing: [] },
    });
    const news = { at: Date.now(), message: 'at work', progress: 0.5 };
    expect(await say('beat', { counter: 1, said: news })).toEqual({ gone: false });
    expect((await readReport(cloud.service, run)).nodes['first']).toMatchObject({
      ...{ status: 'running', progress: 0.5 },
    });
    await say('log', { log: { first: 1, text: line(1) + line(2) } });

    const { to } = (await say('write', wanted())).objects[0] ?? {};
    if (to === undefined) throw new Defect('no address to write to');
    const put = await fetch(to.url, { method: to.method, headers: to.headers, body: content });
    expect(put.status).toBe(200);
    expect(await say('write', wanted())).toEqual({ objects: [{ key: fileKey() }] });

    const file = {
      $file: {
        key: fileKey(),
        name: 'table.csv',
        size: content.length,
        sha256,
        mediaType: 'text/csv',
      },
    };
    const report = {
      result: { result: 'completed', outputs: { file, much: 'x'.repeat(20_000) } },
      endedAt: Date.now(),
    };
    const last = { report, log: { first: 3, text: line(3) } };
    expect(await say('report', last)).toEqual({ taken: true });
    expect(await say('report', last)).toEqual({ taken: true });
    await tick();
    expect((await readReport(cloud.service, run)).nodes['first']).toMatchObject({
      ...{ status: 'completed', outputs: report.result.outputs },
    });
    expect(orders.map(({ node }) => node)).toEqual(['first', 'second']);
    expect(orders[1]?.work).toMatchObject({ scope: { nodes: { first: { file } } } });

    token = await tokenFor('second');
    await say('claim', {});
    const { from } = (await say('read', { keys: [fileKey()] })).objects[0] ?? {};
    const got = await fetch(from?.url ?? '', { headers: from?.headers ?? {} });
    expect(await got.text()).toBe(content);

    const page = await readRunLogs(cloud.service, run, { node: 'first', ended: true });
    expect(page.lines.map(({ n, text }) => `${n} ${text}`)).toEqual([
      '1 line 1',
      '2 line 2',
      '3 line 3',
    ]);
    // Which run and node, but nothing that opens anything.
    expect(said).toContain(run.run);
    expect(said).not.toContain('hush');
    expect(said).not.toContain(token.slice(-20));
  });

  test('cannot put another content than they said', async () => {
    await say('claim', {});
    const { to } = (await say('write', wanted())).objects[0] ?? {};
    if (to === undefined) throw new Defect('no address to write to');
    const other = 'x'.repeat(content.length);
    const report = {
      result: {
        result: 'completed',
        outputs: { file: { $file: { key: fileKey(), name: 'x', size: content.length, sha256 } } },
      },
      endedAt: Date.now(),
    };
    const put = await fetch(to.url, { method: to.method, headers: to.headers, body: other });
    expect(put.ok).toBe(false);
    expect(await say('report', { report })).toEqual({ taken: true });
    await tick();
    expect((await readReport(cloud.service, run)).nodes['first']).toMatchObject({
      ...{ status: 'failed', reason: 'malformed_outputs' },
    });
  });

  test('cost a write unit for each thing they say, and three for a report', async () => {
    const counted: Recorded = record(table.client);
    // What the function writes is not seen by this client: the same calls are made here, by the same service.
    const { answerAttempt } = await import('#service/attempt-calls.ts');
    const { openTable } = await import('#aws/table.ts');
    const { tableBells } = await import('#service/bell.ts');
    const own = openTable(table.client, table.name);
    const service = {
      ...cloud.service,
      table: own,
      bells: tableBells(own, async () => {}),
    };
    const about = { token: { ...run, address: 'first', attempt: 1 } };
    const job = { v: 1, job: 'job-1' } as const;
    const cost = async (work: () => Promise<unknown>) => {
      counted.forget();
      await work();
      return { ...counted.units };
    };
    expect(await cost(() => answerAttempt(service, 'claim', { ...about, body: job }))).toEqual({
      ...{ write: 1, read: 0 },
    });
    const beat = { ...job, counter: 1, said: { at: Date.now(), message: 'm', progress: 0.1 } };
    expect(await cost(() => answerAttempt(service, 'beat', { ...about, body: beat }))).toEqual({
      ...{ write: 1, read: 0 },
    });
    const log = { ...job, log: { first: 1, text: line(1) } };
    expect(await cost(() => answerAttempt(service, 'log', { ...about, body: log }))).toEqual({
      ...{ write: 1, read: 1 },
    });
    const result = { result: 'completed' as const, outputs: { n: 1 } };
    const report = { ...job, report: { result, endedAt: Date.now() } };
    const { write, read } = await cost(() =>
      answerAttempt(service, 'report', { ...about, body: report }),
    );
    // The attempt, the inbox, the ring; and the token of the parked tick is taken away. Then a look whether the run still goes on.
    expect({ write, read }).toEqual({ write: 4, read: 1 });
  });

  test('are refused without a token of ours, and with that of another attempt', async () => {
    expect((await call('claim', {}, 'a.b.c')).statusCode).toBe(401);
    await say('claim', {});
    const other = await tokenFor('second');
    const { statusCode, answer } = await call('beat', { counter: 1 }, other);
    expect({ statusCode, answer }).toEqual({ statusCode: 200, answer: { gone: true } });
    expect((await call('write', wanted(), other)).statusCode).toBe(403);
  });
});
