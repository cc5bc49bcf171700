// The API over DynamoDB and S3: files that are uploaded and dropped, expressions by a function that may only read, and whoever asks.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '#aws/clock.ts';
import { createDrops } from '#aws/drops.ts';
import { createObjects } from '#aws/objects.ts';
import { openTable } from '#aws/table.ts';
import { keepDrop } from '#handlers/lib/drop-file.ts';
import { callerOf, openApplication } from '#handlers/lib/namespaces.ts';
import { readOnly } from '#handlers/lib/reader.ts';
import { createClient } from '#local/client.ts';
import { uploadFiles } from '#local/upload.ts';
import type { Objects } from '#ports/objects.ts';
import { tableBells } from '#service/bell.ts';
import type { Control } from '#service/control.ts';
import { evaluateInRun } from '#service/evaluate.ts';
import { receiveDrop } from '#service/receive-drop.ts';
import { createService, type Service } from '#service/service.ts';
import { createIds } from '#shared/ids.ts';
import { type FreshBucket, freshBucket } from '#support/aws/buckets.ts';
import { ministack } from '#support/aws/clients.ts';
import { type FreshTable, freshTable } from '#support/aws/tables.ts';
import { type ServedApplication, serveApplication } from '#support/served-engine.ts';

const PIPELINE = `
id: waits
inputs: { orders: { type: file } }
nodes:
  - id: load
    startWhen: event:external.orders
    steps: [{ command: "wc {{ pipeline.input.orders }}" }]
`;
const PATH = new URL(import.meta.url).pathname;

describe.skipIf(ministack === '')('the API on AWS', () => {
  let table: FreshTable;
  let bucket: FreshBucket;
  let objects: Objects;
  let service: Service;
  let served: ServedApplication;
  let taken: string[];
  let control: Control;

  beforeAll(async () => {
    [table, bucket] = await Promise.all([freshTable(ministack), freshBucket(ministack)]);
    objects = createObjects(bucket);
    const opened = openTable(table.client, table.name);
    const none = () => Promise.reject(new Error('nothing is worked on here'));
    taken = [];
    service = createService({
      table: opened,
      objects,
      jobs: { direct: new Set(), start: none, stop: none, adopt: none },
      alarms: { wake: none },
      secrets: { get: none, put: none, remove: none, names: none },
      clock: systemClock,
      ids: createIds({ clock: systemClock }),
      bells: tableBells(opened, async () => {}, systemClock),
    });
    const own: Service['takeUp'] = async ({ run }, how) => void taken.push(`${how} ${run}`);
    served = await serveApplication(
      openApplication({ service, own }),
      callerOf('arn:aws:sts::123456789012:assumed-role/Operator/ana'),
    );
    control = createClient({ server: { url: served.url }, namespace: 'team' });
  });
  afterAll(async () => {
    await served.close();
    await Promise.all([table.close(), bucket.close()]);
  });

  async function aFile(name: string) {
    const bytes = await readFile(PATH);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { path: PATH, name, size: bytes.length, sha256 };
  }

  async function aRun(): Promise<string> {
    const { path: _, ...file } = await aFile('orders.csv');
    await uploadFiles([{ path: PATH, ...file }], control);
    const { file: orders } = await control.file(file);
    return (await control.start({ source: PIPELINE, inputs: { orders: orders as never } })).run;
  }

  test('a file is brought by a presigned address, once, and is what a run is given', async () => {
    const file = await aFile('first.csv');
    expect((await control.file(without(file))).put).toBeDefined();

    await uploadFiles([file], control);

    const { file: value, put } = await control.file(without(file));
    expect(put).toBeUndefined();
    const key = `NS/team/files/${file.sha256}/first.csv`;
    expect(value).toMatchObject({ $file: { key, size: file.size } });
    expect(await objects.info(key)).toMatchObject({ sha256: file.sha256 });
    // Asked for again, as by somebody who did not know.
    await uploadFiles([file], control);
  });

  test('a content that is not what was said is refused by the store', async () => {
    const file = await aFile('other.csv');
    const wrong = { ...file, sha256: createHash('sha256').update('other').digest('hex') };
    await expect(uploadFiles([wrong], control)).rejects.toMatchObject({
      message: expect.stringContaining('was not uploaded: 400'),
    });
  });

  test('a run that is started or asked to go on is taken up; another namespace does not see it', async () => {
    const run = await aRun();
    expect(taken).toContain(`new ${run}`);
    await control.resume(run);
    expect(taken).toContain(`adopt ${run}`);

    expect((await control.report(run)).pipeline).toBe('waits');
    const other = createClient({ server: { url: served.url }, namespace: 'other' });
    await expect(other.report(run)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a dropped file becomes an event with a file of the namespace; a new one in its place is not taken for it', async () => {
    const run = await aRun();
    const key = 'drops/team/orders/a folder/März+1.csv';
    const { ETag = '' } = await bucket.client.send(
      new PutObjectCommand({ Bucket: bucket.bucket, Key: key, Body: 'hello' }),
    );
    const drop = { key, etag: ETag.replaceAll('"', '') };
    const drops = createDrops(bucket);
    const keep = (namespace: string, name: string) =>
      keepDrop({ drops, objects }, drop, { namespace, name });

    const received = await receiveDrop(service, drop, keep);
    expect(received.told).toContain(run);
    const sha256 = createHash('sha256').update('hello').digest('hex');
    const kept = await objects.get(`NS/team/files/${sha256}/März+1.csv`);
    expect(Buffer.from(kept ?? []).toString()).toBe('hello');
    expect((await receiveDrop(service, drop, keep)).told).toContain(run);

    await bucket.client.send(
      new PutObjectCommand({ Bucket: bucket.bucket, Key: key, Body: 'something else' }),
    );
    await expect(receiveDrop(service, drop, keep)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('an expression is evaluated by a function that cannot write', async () => {
    const run = await aRun();
    const reader = createService({ ...service, table: readOnly(service.table) });
    const ref = { namespace: 'team', run };
    await expect(
      evaluateInRun(reader, ref, 'event:external.orders || event:load.failed'),
    ).resolves.toMatchObject({ is: 'open', truth: 'not_yet', tree: { kind: 'or' } });
    await expect(reader.table.update({ pk: 'x', sk: 'y' }, {})).rejects.toMatchObject({
      code: 'read_only',
    });
  });
});

const without = ({
  path: _,
  ...file
}: {
  path: string;
  name: string;
  size: number;
  sha256: string;
}) => file;

test.each([
  ['arn:aws:iam::123456789012:user/ana', 'ana'],
  ['arn:aws:iam::123456789012:user/division/team/ana', 'ana'],
  ['arn:aws:sts::123456789012:assumed-role/Operator/ana@example.com', 'Operator/ana@example.com'],
  ['arn:aws:sts::123456789012:federated-user/Bob', 'federated-user/Bob'],
  ['arn:aws:iam::123456789012:root', 'account/root'],
])('%s is called %s', (arn, name) => {
  expect(callerOf(arn)).toBe(name);
});
