// What jobs say as HTTP: who is let in, what is refused before anything is asked, and which status tells what.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSigner } from '#embedded/signer.ts';
import { Transient } from '#errors/families.ts';
import { createAttempts } from '#http/attempts.ts';
import { limits } from '#schemas/limits.ts';
import { type AttemptTokens, createAttemptTokens } from '#service/attempt-token.ts';
import type { RunRef } from '#service/keys.ts';
import { RunningService } from '#support/running-service.ts';

let folder: string;
let here: RunningService;
let tokens: AttemptTokens;
let run: RunRef;
let token: string;
let heard: string[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-attempts-'));
  here = new RunningService();
  run = await here.start('id: p\nnodes:\n  - { id: a, steps: [{ command: "true" }] }');
  tokens = createAttemptTokens({
    signer: createSigner(join(folder, 'signing.keys')),
    clock: here.ports.clock,
  });
  const until = here.ports.clock.now() + 60_000;
  token = await tokens.issue({ ...run, address: 'a', attempt: 1 }, until);
  heard = [];
});
afterEach(() => {
  here.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly authorization?: string | undefined;
  readonly body?: unknown;
  readonly verify?: AttemptTokens['verify'];
}

async function ask(asked: Asked = {}) {
  const { path = '/attempts/claim', method = 'POST', body = { v: 1, job: 'j' } } = asked;
  const authorization = 'authorization' in asked ? asked.authorization : `Bearer ${token}`;
  const answer = createAttempts({
    service: here.service,
    tokens: asked.verify === undefined ? tokens : { verify: asked.verify },
    heard: ({ address }, verb) => heard.push(`${verb} ${address}`),
  });
  const response = await answer(
    new Request(`https://api.internal${path}`, {
      method,
      headers: authorization === undefined ? {} : { authorization },
      body: method === 'GET' ? null : typeof body === 'string' ? body : JSON.stringify(body),
    }),
  );
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

test('a claim is answered, and it is told what it was about', async () => {
  const { status, text } = await ask();
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({ granted: true, name: { address: 'a' } });
  expect(heard).toEqual(['claim a']);
});

test('a stage may stand before the path', async () => {
  expect((await ask({ path: '/live/attempts/claim' })).status).toBe(200);
});

describe('nobody is let in', () => {
  test.each([
    ['without a token', undefined],
    ['with another kind of key', 'Basic YTpi'],
    ['with no token', 'Bearer '],
    ['with two', 'Bearer a b'],
    ['with a made-up one', 'Bearer a.b.c'],
  ])('%s', async (_, authorization) => {
    const { status, headers, text } = await ask({ authorization });
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'not_permitted' } });
    expect(heard).toEqual([]);
  });

  test('with one that has expired, and is not told that', async () => {
    here.ports.clock.advance(60_000);
    const { status, text } = await ask();
    expect(status).toBe(401);
    expect(text).toBe((await ask({ authorization: undefined })).text);
    expect(text).not.toContain(token);
  });

  test('with one of a signer that is not ours', async () => {
    const strange = createAttemptTokens({
      signer: createSigner(join(folder, 'strange.keys')),
      clock: here.ports.clock,
    });
    const until = here.ports.clock.now() + 60_000;
    const other = await strange.issue({ ...run, address: 'a', attempt: 1 }, until);
    expect((await ask({ authorization: `Bearer ${other}` })).status).toBe(401);
  });
});

test.each([
  ['GET', '/attempts/claim'],
  ['POST', '/attempts/unknown'],
  ['POST', '/attempts/toString'],
  ['POST', '/attempts/'],
  ['POST', '/other'],
])('%s %s is not found', async (method, path) => {
  expect((await ask({ method, path })).status).toBe(404);
});

test.each([
  ['no JSON', '{'],
  ['nothing', ''],
  ['another version', { v: 2, job: 'j' }],
  ['a job without a name', { v: 1, job: '' }],
  ['more than is known', { v: 1, job: 'j', name: 'b' }],
])('a body that is %s is refused', async (_, body) => {
  const { status, text } = await ask({ body });
  expect(status).toBe(400);
  expect(JSON.parse(text)).toMatchObject({ error: { family: 'rejected', code: 'invalid' } });
});

test('a body that is too large is refused', async () => {
  const body = `${' '.repeat(limits.jobRequestBytes)}{}`;
  expect((await ask({ body })).status).toBe(413);
});

test('what a job may not do is refused otherwise than a bad token: asking again is of no use', async () => {
  const body = { v: 1, job: 'j', keys: [] };
  expect((await ask({ path: '/attempts/read', body })).status).toBe(403);
});

test('what may be tried again says when', async () => {
  const verify = () => Promise.reject(new Transient('busy', 'later', { afterMs: 1_500 }));
  const { status, headers } = await ask({ verify });
  expect(status).toBe(503);
  expect(headers.get('retry-after')).toBe('2');
});
