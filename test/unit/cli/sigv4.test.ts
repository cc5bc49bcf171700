// Requests are signed as AWS's own test suite for Signature Version 4 says (aws-sig-v4-test-suite, published with its documentation).
import { expect, test } from 'vitest';
import { signerWith } from '#cli/sigv4.ts';

const sign = signerWith({
  region: 'us-east-1',
  service: 'service',
  credentials: {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  },
  now: () => new Date('2015-08-30T12:36:00Z'),
});

test.each([
  {
    name: 'get-vanilla',
    method: 'GET',
    target: '/',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  },
  {
    name: 'get-vanilla-query-order-key-case',
    method: 'GET',
    target: '/?Param2=value2&Param1=value1',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  {
    name: 'post-vanilla',
    method: 'POST',
    target: '/',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
])('$name', async ({ method, target, signature }) => {
  const headers = await sign({
    method,
    url: new URL(`https://example.amazonaws.com${target}`),
    headers: { host: 'example.amazonaws.com' },
    body: undefined,
  });
  expect(headers).toMatchObject({
    'x-amz-date': '20150830T123600Z',
    authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
  });
});

test('the body is part of what is signed', async () => {
  const signed = (body: string) =>
    sign({
      method: 'POST',
      url: new URL('https://example.amazonaws.com/'),
      headers: { host: 'example.amazonaws.com' },
      body: Buffer.from(body),
    });
  const [one, other] = await Promise.all([signed('{}'), signed('{"a":1}')]);
  expect(one?.['authorization']).not.toEqual(other?.['authorization']);
});

test('credentials of a session are told by their token', async () => {
  const headers = await signerWith({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'A', secretAccessKey: 'B', sessionToken: 'the session' },
  })({
    method: 'GET',
    url: new URL('https://abc.execute-api.eu-west-1.amazonaws.com/v1/default/runs'),
    headers: { host: 'abc.execute-api.eu-west-1.amazonaws.com' },
    body: undefined,
  });
  expect(headers).toMatchObject({
    'x-amz-security-token': 'the session',
    authorization: expect.stringContaining('/eu-west-1/execute-api/aws4_request'),
  });
});
