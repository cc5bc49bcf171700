// The token of an attempt: issued for one attempt, good for that one and for its time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSettableClock } from '#embedded/clock.ts';
import { createSigner, type LocalSigner } from '#embedded/signer.ts';
import { namespace, runId } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { ATTEMPT_TOKEN } from '#schemas/signing.ts';
import { issueAttemptToken, verifyAttemptToken } from '#service/attempt-token.ts';

const attempt = {
  namespace: namespace.parse('one'),
  run: runId.parse('01JAHBCDEFGHJKMNPQRSTVWXYZ'),
  address: 'straße[3]',
  attempt: 2,
};
const START = Date.UTC(2028, 0, 1);
const HOUR = 3_600_000;

let folder: string;
let signer: LocalSigner;
const clock = createSettableClock(START);
const issue = (until = START + HOUR) => issueAttemptToken({ signer, clock }, attempt, until);
const verify = (token: string) => verifyAttemptToken({ signer, clock }, token);
const refused = (why: string) => ({
  family: 'rejected',
  code: 'not_permitted',
  message: expect.stringContaining(why),
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-token-'));
  signer = createSigner(join(folder, 'signing.keys'));
  clock.set(START);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A token of any header and claims, signed as ours are. */
async function signed(header: object, claims: object): Promise<string> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const [{ kid }] = await signer.publicKeys();
  const text = `${part({ alg: 'EdDSA', typ: ATTEMPT_TOKEN, kid, ...header })}.${part(claims)}`;
  return `${text}.${Buffer.from(await signer.sign(kid, Buffer.from(text))).toString('base64url')}`;
}

test('a token answers the attempt it was issued for', async () => {
  expect(await verify(await issue())).toEqual(attempt);
});

test('a token of an address as long as there may be can be signed', async () => {
  const address = `${'字'.repeat(limits.idLength)}[49999]`;
  const token = await issueAttemptToken({ signer, clock }, { ...attempt, address }, START + HOUR);
  expect(await verify(token)).toEqual({ ...attempt, address });
});

test('it holds until its time and not any longer', async () => {
  const token = await issue();
  clock.set(START + HOUR - 1);
  await verify(token);
  clock.set(START + HOUR);
  await expect(verify(token)).rejects.toMatchObject(refused('expired'));
});

test('what was signed before a rotation still holds; of a key that has gone it does not', async () => {
  const token = await issue();
  await signer.rotate();
  expect(await verify(token)).toEqual(attempt);
  expect(await verify(await issue())).toEqual(attempt);
  for (let turn = 0; turn < limits.signingKeys; turn += 1) await signer.rotate();
  await expect(verify(token)).rejects.toMatchObject(refused('not ours'));
});

test('another attempt written into it makes the signature not fit', async () => {
  const [head, body = '', seal] = (await issue()).split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, attempt: 3 })).toString('base64url');
  await expect(verify(`${head}.${forged}.${seal}`)).rejects.toMatchObject(
    refused('signature does not fit'),
  );
});

test('a signature of another key under a known name does not fit', async () => {
  const [{ kid }] = await signer.publicKeys();
  await signer.rotate();
  const claims = JSON.parse(
    Buffer.from((await issue()).split('.')[1] ?? '', 'base64url').toString(),
  );
  await expect(verify(await signed({ kid }, claims))).rejects.toMatchObject(
    refused('signature does not fit'),
  );
});

test.each([[{ alg: 'none' }], [{ alg: 'HS256' }], [{ typ: 'JWT' }]])(
  'a token signed for something else is refused: %j',
  async (header) => {
    const token = await signed(header, {});
    await expect(verify(token)).rejects.toMatchObject(refused('not made for an attempt'));
  },
);

test('one that names no attempt, or comes from a later version, is refused', async () => {
  const claims = { ...attempt, iat: 0, exp: START };
  for (const spoilt of [{}, { ...claims, v: 9 }, { ...claims, v: 1, attempt: 0 }]) {
    await expect(verify(await signed({}, spoilt))).rejects.toMatchObject(
      refused('names no attempt'),
    );
  }
});

test.each(['', 'a', 'a.b', 'a.b.c.d', '..', '!.!.!', 'x'.repeat(limits.tokenLength + 1)])(
  'what is no token is refused and not repeated: %j',
  async (text) => {
    await expect(verify(text)).rejects.toMatchObject({ code: 'not_permitted' });
    if (text.length > 5) await expect(verify(text)).rejects.not.toThrow(text);
  },
);

test('a token has one spelling: bits behind its end are refused', async () => {
  const token = await issue();
  const last = token.at(-1) ?? '';
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const other = alphabet[alphabet.indexOf(last) + 1] ?? 'B';
  await expect(verify(token.slice(0, -1) + other)).rejects.toMatchObject(
    refused('signature does not fit'),
  );
});
