// The token by which a runner shows, over HTTPS, that it works for one attempt: a JSON Web Token (RFC 7519, 8037) that our
// signer signs. It opens that attempt and nothing else. Whether the attempt is still live is asked of its item, not of the token.
import { Rejected } from '#errors/families.ts';
import type { Clock, Signer } from '#ports/small.ts';
import { type Address, FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import {
  ATTEMPT_TOKEN,
  type AttemptTokenClaims,
  attemptTokenClaims,
  attemptTokenHeader,
  type PublicKey,
} from '#schemas/signing.ts';
import type { RunRef } from './keys.ts';

export interface Attempt extends RunRef {
  readonly address: Address;
  readonly attempt: number;
}

interface Signing {
  readonly signer: Signer;
  readonly clock: Clock;
}

const SECOND = 1_000;
const encoder = new TextEncoder();

/** A token for that attempt, good until then (milliseconds since the epoch; what is left of a second is given away). */
export async function issueAttemptToken(
  { signer, clock }: Signing,
  of: Attempt,
  until: number,
): Promise<string> {
  const [{ kid }] = await signer.publicKeys();
  const { namespace, run, address, attempt } = of;
  const claims: AttemptTokenClaims = {
    ...{ v: FORMAT, namespace, run, address, attempt },
    iat: Math.floor(clock.now() / SECOND),
    exp: Math.floor(until / SECOND),
  };
  const signed = `${partOf({ alg: 'EdDSA', typ: ATTEMPT_TOKEN, kid })}.${partOf(claims)}`;
  return `${signed}.${toBase64url(await signer.sign(kid, encoder.encode(signed)))}`;
}

/**
 * The attempt a token was issued for. Rejects with `not_permitted` what we did not sign, what was signed for another purpose, and
 * what has expired; the message says which, and never repeats the token.
 */
export async function verifyAttemptToken(
  { signer, clock }: Signing,
  token: string,
): Promise<Attempt> {
  if (token.length > limits.tokenLength) refuse(`it is longer than ${limits.tokenLength} letters`);
  const [head = '', body = '', seal = '', ...rest] = token.split('.');
  if (seal === '' || rest.length > 0) refuse('it has not three parts');
  const header = attemptTokenHeader.safeParse(jsonOf(head));
  if (!header.success) refuse('it was not made for an attempt');
  const key = (await signer.publicKeys()).find(({ kid }) => kid === header.data.kid);
  if (key === undefined) refuse('it was signed with a key that is not ours');
  if (!(await isSigned(key, `${head}.${body}`, seal))) refuse('its signature does not fit');
  const claims = attemptTokenClaims.safeParse(jsonOf(body));
  if (!claims.success) refuse('it names no attempt');
  const { namespace, run, address, attempt, exp } = claims.data;
  if (clock.now() >= exp * SECOND) refuse('it has expired');
  return { namespace, run, address, attempt };
}

async function isSigned(key: PublicKey, text: string, seal: string): Promise<boolean> {
  const { kty, crv, x } = key;
  const signature = fromBase64url(seal);
  if (signature === undefined) return false;
  const verifying = await crypto.subtle.importKey('jwk', { kty, crv, x }, crv, false, ['verify']);
  return await crypto.subtle.verify(crv, verifying, signature, encoder.encode(text));
}

const partOf = (value: object): string => toBase64url(encoder.encode(JSON.stringify(value)));

/** Undefined where it is no JSON. */
function jsonOf(part: string): unknown {
  const bytes = fromBase64url(part);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

const toBase64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** Undefined where it is none: one token has one spelling. */
function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64url'));
  return toBase64url(bytes) === text ? bytes : undefined;
}

function refuse(why: string): never {
  throw new Rejected('not_permitted', `the attempt token is refused: ${why}`);
}
