// What a function makes of a request as the gateway hands it over: IAM has judged the path as it was written, so nothing else may be made of it.
import { describe, expect, test } from 'vitest';
import { onRequest } from '#handlers/lib/wrap.ts';

/** The path that is answered, undefined where nobody is asked. */
async function asked(rawPath: string): Promise<{ path: string | undefined; status: number }> {
  let path: string | undefined;
  const handler = onRequest('api', async (request) => {
    path = new URL(request.url).pathname;
    return Response.json({});
  });
  const event = { rawPath, requestContext: { http: { method: 'GET' } } };
  const { statusCode: status } = await handler(event, {});
  return { path, status };
}

describe('a path that a URL would read as another one is refused', () => {
  test.each([
    '/v1/research/../secret/runs',
    '/v1/research/%2e%2E/secret/runs',
    '/v1/research/.%2e/secret/runs',
    '/v1/research/./runs',
    '/v1/research/runs/..',
  ])('%s', async (rawPath) => {
    expect(await asked(rawPath)).toEqual({ path: undefined, status: 404 });
  });

  test('also where dots are hidden behind signs that URLs pass over', async () => {
    for (const rawPath of ['/v1/research/.\t./secret', '/v1/research/.\n./secret'])
      expect((await asked(rawPath)).path).toMatch(/^\/v1\/research\/\.%0[9a]\.\/secret$/i);
    expect(await asked('/v1/research\\..\\secret')).toMatchObject({
      path: '/v1/research%5C..%5Csecret',
    });
  });
});

test('what is no request is the fault of who sends it', async () => {
  const handler = onRequest('api', async () => Response.json({}));
  const statusOf = async (method: string, headers: Record<string, string> = {}) =>
    (await handler({ rawPath: '/', headers, requestContext: { http: { method } } }, {})).statusCode;
  expect(await statusOf('GET', { 'x-name': '日本' })).toBe(400);
  expect(await statusOf('CONNECT')).toBe(400);
  expect(await statusOf('GET', { 'x-name': 'é' })).toBe(200);
});

test('other paths come as they are', async () => {
  for (const path of ['/v1/a/runs', '/v1/a/runs/R/nodes/x..y/explanation', '/v1/a/runs/...'])
    expect(await asked(path)).toEqual({ path, status: 200 });
  expect((await asked('/v1/a/runs/latest#x?y')).path).toBe('/v1/a/runs/latest%23x%3Fy');
});
