// Files that are dropped into the store: each is an event for the runs that wait for it, once.
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { objectCreated } from '#schemas/lambda.ts';
import type { FileValue } from '#schemas/values.ts';
import type { RunRef } from '#service/keys.ts';
import { receiveDrop } from '#service/receive-drop.ts';
import { RunningService } from '#support/running-service.ts';

let here: RunningService;
let kept: string[];
beforeEach(() => {
  here = new RunningService();
  kept = [];
});
afterEach(() => here.close());

const SHA = 'a'.repeat(64);
const fixture = new URL('../fixtures/drop-events/object-created.json', import.meta.url);
const { object } = objectCreated.parse(JSON.parse(readFileSync(fixture, 'utf8'))).detail;

async function keep(namespace: string, name: string): Promise<FileValue> {
  kept.push(`${namespace} ${name}`);
  return { $file: { key: `NS/${namespace}/files/${SHA}/${name}`, name, size: 5, sha256: SHA } };
}

const drop = (more: { key?: string; etag?: string } = {}) =>
  receiveDrop(here.service, { key: object.key, etag: object.etag, ...more }, keep);

const waitingFor = (event: string): Promise<RunRef> =>
  here.start(`
id: waits
nodes:
  - id: load
    startWhen: event:external.${event}
    inputs: { orders: "{{ payload('external.${event === '*' ? 'orders' : event}').file }}" }
    steps: [{ command: "wc {{ orders }}" }]
`);

test('whoever waits for it gets the file; whoever does not hears nothing', async () => {
  const [one, other] = [await waitingFor('orders'), await waitingFor('invoices')];

  expect(await drop()).toEqual({
    namespace: 'default',
    event: 'external.orders',
    told: [one.run],
  });
  await here.settle();

  expect(kept).toEqual(['default Bestellungen März+1.csv']);
  const [event] = (await here.events(one)).filter(({ event: name }) => name === 'external.orders');
  expect(event?.payload).toMatchObject({
    payload: {
      file: { $file: { sha256: SHA } },
      name: 'Bestellungen März+1.csv',
      key: object.key,
    },
  });
  expect((await here.report(one)).nodes['load']?.status).toBe('running');
  expect(await here.eventNames(other)).not.toContain('external.orders');
});

test('told twice it is one event, and another content of the same name is another one', async () => {
  const run = await waitingFor('orders');
  await drop();
  await drop();
  await here.settle();
  await drop();
  await drop({ etag: 'another' });
  await here.settle();

  const names = await here.eventNames(run);
  expect(names.filter((name) => name === 'external.orders')).toHaveLength(2);
});

test('what nobody waits for is not copied, and told as such', async () => {
  await waitingFor('invoices');
  expect(await drop()).toMatchObject({ told: [] });
  expect(kept).toEqual([]);
});

test('a run that is over waits for nothing', async () => {
  const run = await waitingFor('orders');
  await drop();
  await here.settle();
  await here.complete('load');
  expect((await here.report(run)).status).toBe('completed');
  expect(await drop({ etag: 'later' })).toMatchObject({ told: [] });
});

test.each([
  'drops/default/orders.csv',
  'drops/Default/orders/x.csv',
  'drops/default/or ders/x.csv',
  'drops/default/orders/',
  'NS/default/files/x',
])('a key of another form becomes no event: %s', async (key) => {
  await expect(drop({ key })).rejects.toMatchObject({ code: 'invalid' });
});
