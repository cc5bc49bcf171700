// The token of an attempt: issued for one attempt, good for that one and for its time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSettableClock } from '#embedded/clock.ts';
import { createSigner, type LocalSigner } from '#embedded/signer.ts';
import { Transient } from '#errors/families.ts';
import type { Signer } from '#ports/small.ts';
import { namespace, runId } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { ATTEMPT_TOKEN } from '#schemas/signing.ts';
import { type AttemptTokens, createAttemptTokens } from '#service/attempt-token.ts';

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
let tokens: AttemptTokens;
const issue = (until = START + HOUR) => tokens.issue(attempt, until);
const verify = (token: string) => tokens.verify(token);
const refused = (why: string) => ({
  family: 'rejected',
  code: 'not_permitted',
  message: expect.stringContaining(why),
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-token-'));
  signer = createSigner(join(folder, 'signing.keys'));
  tokens = createAttemptTokens({ signer, clock });
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
  const token = await tokens.issue({ ...attempt, address }, START + HOUR);
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

describe('a session', () => {
  let session: LocalSigner;
  /** Signatures that the signer of all processes gave. */
  let signatures: number;
  let counted: Signer;
  let ofSession: AttemptTokens;
  beforeEach(() => {
    session = createSigner(join(folder, 'session.keys'));
    signatures = 0;
    counted = {
      publicKeys: signer.publicKeys,
      sign: (kid, bytes) => {
        signatures += 1;
        return signer.sign(kid, bytes);
      },
    };
    ofSession = createAttemptTokens({ signer: counted, session, clock });
  });

  test('signs for its process, and whoever trusts the signer trusts it', async () => {
    expect(await tokens.verify(await ofSession.issue(attempt, START + HOUR))).toEqual(attempt);
  });

  test('costs the signer one signature an hour, however many tokens are issued', async () => {
    const many = Array.from({ length: 20 }, () => ofSession.issue(attempt, START + HOUR));
    expect(new Set(await Promise.all(many)).size).toBe(1);
    await ofSession.issue(attempt, START + 2 * HOUR);
    expect(signatures).toBe(1);
    clock.advance(limits.session);
    const token = await ofSession.issue(attempt, START + 2 * HOUR);
    expect(signatures).toBe(2);
    expect(await tokens.verify(token)).toEqual(attempt);
  });

  test('a token that shall hold longer than its session has a longer session made for it', async () => {
    await ofSession.issue(attempt, START + HOUR);
    const until = START + 30 * 24 * HOUR;
    const token = await ofSession.issue(attempt, until);
    for (let turn = 1; turn < 10; turn += 1) await ofSession.issue(attempt, until + turn * 60_000);
    expect(signatures).toBe(2);
    clock.set(until - 1_000);
    expect(await tokens.verify(token)).toEqual(attempt);
    clock.set(until);
    await expect(tokens.verify(token)).rejects.toMatchObject(refused('expired'));
  });

  test('a token of the longest address has room for its session', async () => {
    const longest = { ...attempt, address: `${'字'.repeat(limits.idLength)}[49999]` };
    expect(await tokens.verify(await ofSession.issue(longest, START + HOUR))).toEqual(longest);
  });

  test('that failed to begin is begun again', async () => {
    const signs = counted.sign;
    const failing = new Transient('unavailable', 'away');
    counted = { ...counted, sign: () => Promise.reject(failing) };
    const lame = createAttemptTokens({
      ...{ session, clock },
      signer: { publicKeys: signer.publicKeys, sign: (kid, bytes) => counted.sign(kid, bytes) },
    });
    await expect(lame.issue(attempt, START + HOUR)).rejects.toBe(failing);
    counted = { ...counted, sign: signs };
    expect(await tokens.verify(await lame.issue(attempt, START + HOUR))).toEqual(attempt);
  });

  test('that nobody vouches for, or that another signer vouches for, is refused', async () => {
    const alone = createAttemptTokens({ signer: session, clock });
    await expect(tokens.verify(await alone.issue(attempt, START + HOUR))).rejects.toMatchObject(
      refused('not ours'),
    );
    const stranger = createSigner(join(folder, 'stranger.keys'));
    const strange = createAttemptTokens({ signer: stranger, session, clock });
    await expect(tokens.verify(await strange.issue(attempt, START + HOUR))).rejects.toMatchObject(
      refused('its session was signed with a key that is not ours'),
    );
  });

  test('what vouches for one key vouches for no other', async () => {
    const token = await ofSession.issue(attempt, START + HOUR);
    const [head = '', body = ''] = token.split('.');
    const header = JSON.parse(Buffer.from(head, 'base64url').toString());
    const thief = createSigner(join(folder, 'thief.keys'));
    const [{ kid }] = await thief.publicKeys();
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const name of [kid, header.kid]) {
      const text = `${part({ ...header, kid: name })}.${body}`;
      const seal = Buffer.from(await thief.sign(kid, Buffer.from(text))).toString('base64url');
      await expect(tokens.verify(`${text}.${seal}`)).rejects.toMatchObject({
        code: 'not_permitted',
      });
    }
  });

  test('an attempt token vouches for nothing', async () => {
    const [{ kid }] = await session.publicKeys();
    const forged = await signed({ kid, session: await issue() }, {});
    await expect(verify(forged)).rejects.toMatchObject(refused('no session'));
  });
});
