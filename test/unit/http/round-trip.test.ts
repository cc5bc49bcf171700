// The application behind a real socket, and the client before it: together they are Control again.
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Conflict, Defect, HasProblems, NotFound, Rejected, Transient } from '#errors/families.ts';
import { type ApplicationOptions, createApplication, onlyNamespace } from '#http/application.ts';
import { endpoints as allEndpoints } from '#http/endpoints.ts';
import { createClient } from '#local/client.ts';
import { type EngineServer, serveControl } from '#local/serve.ts';
import { routes } from '#schemas/api.ts';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';
import { aReport, fakeControl, RUN } from '#support/fake-control.ts';

const applicationOf = (control: Control, options: Partial<ApplicationOptions> = {}) =>
  createApplication(onlyNamespace('default', control), { endpoints: allEndpoints, ...options });

let folder: string;
let socketPath: string;
let server: EngineServer;
let client: Control;
let engine = fakeControl();

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-http-'));
  socketPath = path.join(folder, 'engine.sock');
  engine = fakeControl(
    aReport({ a: { status: 'completed', outputs: { n: 1, list: [1, { x: null }] } } }),
  );
  server = await serveControl(socketPath, engine);
  client = createClient({ socketPath });
});

afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

test('every call of Control arrives as it was made, and its answer comes back', async () => {
  const wanted = {
    plan: { id: 'x' },
    plans: [{ id: 'y' }],
    inputs: { year: 2013 },
    sources: {},
    allowEnv: ['A'],
  };
  await expect(client.start(wanted)).resolves.toEqual({ run: RUN });
  await expect(client.find('latest')).resolves.toBe(RUN);
  await expect(client.report(RUN)).resolves.toEqual(engine.shown);
  await expect(client.runs({ limit: 5, status: 'running', all: true })).resolves.toHaveLength(1);
  await expect(client.variables(RUN)).resolves.toEqual(await engine.variables(RUN));
  await expect(client.explain(RUN, 'per_region[3]')).resolves.toMatchObject({
    node: 'per_region[3]',
  });
  await client.events(RUN, { children: true });
  await client.pause(RUN);
  await client.resume(RUN);
  await client.cancel(RUN, { force: true });
  await client.retry(RUN, { from: 'a' });
  await client.emit(RUN, 'external.go', { payload: { by: 'ana' }, key: 'k' });
  expect(engine.asked).toEqual([
    `start ${JSON.stringify(wanted)}`,
    'find "latest"',
    `report "${RUN}"`,
    'runs {"limit":5,"status":"running","all":true}',
    'explain "per_region[3]"',
    'events {"children":true}',
    `pause "${RUN}"`,
    `resume "${RUN}"`,
    'cancel {"force":true}',
    'retry {"from":"a"}',
    'emit {"event":"external.go","payload":{"by":"ana"},"key":"k"}',
  ]);
});

test('a question that waits is answered as soon as something happens', async () => {
  const page = client.events(RUN, { after: '', wait: 30_000 });
  await client.find(RUN);
  engine.tell('a.started', { node: 'a', attempt: 1 });
  await expect(page).resolves.toMatchObject({
    events: [{ event: 'a.started', node: 'a', attempt: 1 }],
    last: false,
  });
});

test('logs come with the place they belong to', async () => {
  engine.lines = [{ at: 1, n: 1, step: 's', stream: 'stdout', text: 'ü\n', node: 'a', attempt: 2 }];
  await expect(client.logs(RUN, { node: 'a' })).resolves.toMatchObject({ lines: engine.lines });
});

test('a namespace has one spelling, by which others may have judged who may ask', async () => {
  const answer = applicationOf(engine);
  const statusOf = async (path: string) => (await answer(new Request(`http://x${path}`))).status;
  expect(await statusOf('/v1/default/runs')).toBe(200);
  expect(await statusOf('/v1/d%65fault/runs')).toBe(404);
  expect(engine.asked).toHaveLength(1);
});

test.each([
  new NotFound('run "x" is not here', { run: 'x' }),
  new Rejected('wrong_state', 'it has ended'),
  new Rejected('ambiguous', 'two runs begin so', { runs: ['a', 'b'] }),
  new Conflict('condition_failed', 'lost a race'),
  new Transient('no_space', 'the disk is full', { afterMs: 3000 }),
  new Defect('a bug'),
])('an error keeps its family, code, message and details: $name $code', async (error) => {
  engine.failNext(error);
  const caught: unknown = await client.report(RUN).catch((thrown: unknown) => thrown);
  expect(caught).toBeInstanceOf(error.constructor);
  expect(caught).toMatchObject({
    code: error.code,
    message: error.message,
    details: error.details,
  });
});

test('problems of a pipeline come back as data', async () => {
  const problem = {
    code: 'cycle',
    severity: 'error',
    path: '',
    line: 1,
    column: 2,
    message: 'm',
  } as const;
  engine.failNext(new HasProblems([problem]));
  await expect(client.find(RUN)).rejects.toMatchObject({ code: 'problems', problems: [problem] });
});

test('a socket that nobody answers is a transient failure that says so', async () => {
  const nobody = createClient({ socketPath: path.join(folder, 'nobody.sock') });
  const caught: unknown = await nobody.find(RUN).catch((thrown: unknown) => thrown);
  expect(caught).toBeInstanceOf(Transient);
  expect(caught).toMatchObject({ code: 'unavailable' });
});

test('an engine that goes away in the middle of a question is a transient failure', async () => {
  const page = client.events(RUN, { wait: 30_000 }).catch((thrown: unknown) => thrown);
  await client.find(RUN);
  await server.close();
  expect(await page).toMatchObject({ code: 'unavailable' });
  server = await serveControl(socketPath, engine);
});

test('each route declares a permission, and each is answered', () => {
  for (const route of Object.values(routes)) expect(route.permission).toBeDefined();
  const answered = allEndpoints.map(({ route }) => route);
  expect(new Set(answered)).toEqual(new Set(Object.values(routes)));
});

test('a route that declares no permission is refused', async () => {
  const open = { ...routes.report, permission: undefined };
  const { permission: _, ...bare } = open;
  const endpoints = [{ route: bare, answer: async () => ({ secret: 1 }) }];
  const answer = await applicationOf(engine, { endpoints })(
    new Request(`http://x/v1/default/runs/${RUN}`),
  );
  expect(answer.status).toBe(403);
  expect(await answer.json()).toMatchObject({
    error: { family: 'rejected', code: 'not_permitted' },
  });
});

test('who may not, does not', async () => {
  const application = applicationOf(engine, {
    permits: (permission) => permission === 'runs.read',
  });
  const cancel = new Request(`http://x/v1/default/runs/${RUN}/cancel`, { method: 'POST' });
  expect((await application(cancel)).status).toBe(403);
  expect((await application(new Request(`http://x/v1/default/runs/${RUN}`))).status).toBe(200);
  expect(engine.asked).toEqual([`report "${RUN}"`]);
});

test.each([
  { what: 'another namespace', target: '/v1/other/runs', status: 404 },
  { what: 'no route', target: '/v1/default/nothing', status: 404 },
  { what: 'no JSON', target: `/v1/default/runs/${RUN}/cancel`, body: '{', status: 400 },
  {
    what: 'an unknown key',
    target: `/v1/default/runs/${RUN}/cancel`,
    body: '{"forse":1}',
    status: 400,
  },
  { what: 'an unknown parameter', target: '/v1/default/runs?limt=3', status: 400 },
  { what: 'a limit over the page', target: '/v1/default/runs?limit=99999', status: 400 },
])('$what is refused with $status and a message', async ({ target, body, status }) => {
  const init = body === undefined ? {} : { method: 'POST', body };
  const answer = await applicationOf(engine)(new Request(`http://x${target}`, init));
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ error: { message: expect.any(String) } });
  expect(engine.asked).toEqual([]);
});

test('a body over the limit is refused before it is read', async () => {
  const status = await new Promise<number>((resolve, reject) => {
    const asked = request(
      {
        socketPath,
        path: '/v1/default/runs',
        method: 'POST',
        headers: { 'content-length': String(limits.requestBytes + 1) },
      },
      (response) => resolve(response.statusCode ?? 0),
    );
    asked.on('error', reject);
    asked.flushHeaders();
  });
  expect(status).toBe(413);
});

test('a cursor that names thousands of attempts arrives whole', async () => {
  const after = Array.from({ length: 5_000 }, (_, index) => `per_region[${index}]#1=1`).join(',');
  await client.logs(RUN, { after });
  expect(engine.asked).toEqual([`logs ${JSON.stringify({ after })}`]);
});

test('clients that come at once, before anything of HTTP is loaded, are all answered', async () => {
  const found = await Promise.all(Array.from({ length: 20 }, () => client.find('latest')));
  expect(found).toEqual(Array.from({ length: 20 }, () => RUN));
});
