// The application for several namespaces behind HTTP, and the client before it: as a server serves people, with a gateway between.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';
import { type Application, type ControlOf, createApplication } from '#http/application.ts';
import { endpoints } from '#http/endpoints.ts';
import { createClient } from '#local/client.ts';
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { fakeControl, RUN } from '#support/fake-control.ts';
import { type ServedApplication, serveApplication } from '#support/served-engine.ts';

let served: ServedApplication | undefined;

afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function serve(controlOf: ControlOf, caller?: string): Promise<ServedApplication> {
  const application: Application = createApplication(controlOf, { endpoints });
  served = await serveApplication(application, caller);
  return served;
}

test('each namespace has a Control of its own, and none is asked for what is no namespace', async () => {
  const controls = { one: fakeControl(), two: fakeControl() };
  const { url } = await serve((namespace) => controls[namespace as 'one' | 'two']);
  const clientOf = (namespace: string) => createClient({ server: { url }, namespace });

  await clientOf('one').pause(RUN);
  await clientOf('two').resume(RUN);

  expect(controls.one.asked).toEqual([`pause "${RUN}"`]);
  expect(controls.two.asked).toEqual([`resume "${RUN}"`]);
  await expect(clientOf('three').find(RUN)).rejects.toMatchObject({ code: 'not_found' });
  await expect(clientOf('One#').find(RUN)).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('"One#" is no namespace'),
  });
});

test('who asks decides, whatever name they give', async () => {
  const control = fakeControl();
  const { url } = await serve(() => control, 'Operator/ana');

  const { by } = await createClient({ server: { url } }).decide(RUN, 'review', {
    approve: true,
    by: 'somebody else',
  });

  expect(by).toBe('Operator/ana');
  expect(control.asked).toEqual(['decide {"node":"review","approve":true,"by":"Operator/ana"}']);
});

test('what is signed goes where nobody reads it on the way', async () => {
  const sign = async () => ({});
  const to = (url: string) => () => createClient({ server: { url, sign } });
  for (const url of ['http://example.com', 'http://127.0.0.1.example.com', 'http://10.0.0.1:8080'])
    expect(to(url)).toThrow(/are signed: .* wanted is https:/);
  for (const url of [
    'https://example.com',
    'http://localhost:1',
    'http://127.0.0.1:1',
    'http://[::1]:1',
  ])
    expect(to(url)).not.toThrow();
  expect(() => createClient({ server: { url: 'http://example.com' } })).not.toThrow();
});

test('a server that never stops answering is not listened to for ever', async () => {
  const piece = Buffer.alloc(1 << 20, 'x');
  const server = createServer((_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const client = createClient({ server: { url: `http://127.0.0.1:${port}` } });
  await expect(client.report(RUN)).rejects.toMatchObject({ code: 'too_large' });
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

test('a plan of 10,000 nodes goes through a gateway, packed', async () => {
  const nodes = Array.from({ length: 10_000 }, (_, index) => ({
    id: `n${index}`,
    ...(index === 0 ? {} : { needs: [`n${index - 1}`] }),
    steps: [{ command: `./work --part ${index}`, env: { PART: `${index}` } }],
  }));
  const compiled = compile({ text: JSON.stringify({ id: 'wide', nodes }) });
  if (!compiled.ok) expect.unreachable();
  const control = fakeControl();
  const { url, headers } = await serve(() => control);

  await createClient({ server: { url } }).start({
    plan: compiled.plan as Json,
    inputs: {},
    sources: {},
  });

  expect(headers()).toMatchObject({ 'content-encoding': 'gzip' });
  // A function takes 6 MB, in letters of which four carry three bytes.
  expect(Number(headers()['content-length'])).toBeLessThan(2_000_000);
  expect(control.asked[0]?.length).toBeGreaterThan(1_000_000);
}, 30_000);

test('a body that unpacks to too much is refused while it is unpacked', async () => {
  const application = createApplication(() => fakeControl(), { endpoints });
  const bomb = gzipSync(Buffer.alloc(limits.requestBytes + 1));
  const answer = await application(
    new Request('http://x/v1/default/runs', {
      method: 'POST',
      headers: { 'content-encoding': 'gzip' },
      body: bomb,
    }),
  );
  expect(answer.status).toBe(413);
});

test.each([
  { encoding: 'gzip', body: 'no gzip' },
  { encoding: 'br', body: '{}' },
])('a body that is not what $encoding says is refused', async ({ encoding, body }) => {
  const application = createApplication(() => fakeControl(), { endpoints });
  const headers = { 'content-encoding': encoding };
  const answer = await application(
    new Request('http://x/v1/default/runs', { method: 'POST', headers, body }),
  );
  expect(answer.status).toBe(400);
});

test('a large answer is packed, and one that would not get through says so', async () => {
  const control = fakeControl();
  const text = Array.from({ length: 5_000 }, (_, index) => `line ${index} of the log`);
  control.lines = text.map((each, index) => ({
    ...{ at: index, n: index + 1, step: 's', stream: 'stdout' as const },
    ...{ text: each, node: 'a', attempt: 1 },
  }));
  const over = (answerBytes: number): Application =>
    createApplication(() => control, { endpoints, answerBytes });
  const logs = `http://x/v1/default/runs/${RUN}/logs`;
  const asked = { headers: { 'accept-encoding': 'gzip' } };

  const packed = await over(1_000_000)(new Request(logs, asked));
  expect(packed.headers.get('content-encoding')).toBe('gzip');
  const refused = await over(10_000)(new Request(logs, asked));
  expect(refused.status).toBe(413);
  expect(await refused.json()).toMatchObject({ error: { code: 'too_large' } });

  served = await serveApplication(over(1_000_000));
  const page = await createClient({ server: { url: served.url } }).logs(RUN);
  expect(page.lines).toEqual(control.lines);
});

test('of a request that is none of its kinds it is said what is wrong with the nearest', async () => {
  const application = createApplication(() => fakeControl(), { endpoints });
  const body = JSON.stringify({ source: 'id: x', inputs: [], nmae: 'x.yaml' });
  const answer = await application(
    new Request('http://x/v1/default/runs', { method: 'POST', body }),
  );
  const { error } = (await answer.json()) as { error: { message: string } };
  expect(error.message).toContain('nmae');
  expect(error.message).toContain('inputs');
  expect(error.message).not.toContain('plan');
});

test.each([
  { status: 403, code: 'not_permitted', text: '{"message":"Forbidden"}' },
  { status: 429, code: 'busy', text: '{"message":"Too Many Requests"}' },
  { status: 503, code: 'unavailable', text: '{"message":"Service Unavailable"}' },
  { status: 404, code: 'not_found', text: '{"message":"Not Found"}' },
])('what a gateway answers itself is understood: $status', async ({ status, code, text }) => {
  const gateway = createServer((_, response) => response.writeHead(status).end(text));
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;

  const caught = createClient({ server: { url } }).find(RUN);

  await expect(caught).rejects.toMatchObject({ code, message: expect.stringContaining(url) });
  gateway.closeAllConnections();
  gateway.close();
});

test('an address that leads nowhere is for whoever gave it; a server that goes away is waited for', async () => {
  const nobody = createClient({ server: { url: 'http://127.0.0.1:9' } });
  await expect(nobody.find(RUN)).rejects.toMatchObject({
    family: 'rejected',
    message: expect.stringContaining('http://127.0.0.1:9'),
  });

  const { url, close } = await serve(() => fakeControl());
  const client = createClient({ server: { url } });
  await client.find(RUN);
  await close();
  served = undefined;
  await expect(client.find(RUN)).rejects.toMatchObject({
    family: 'transient',
    code: 'unavailable',
  });
});

test('what is no address is refused before anything is asked', () => {
  expect(() => createClient({ server: { url: 'nowhere' } })).toThrow('--server "nowhere"');
});
