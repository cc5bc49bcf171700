// The token by which a runner shows, over HTTPS, that it works for one attempt: a JSON Web Token. It opens that attempt and nothing
// else. Whether the attempt is still live is asked of its item, not of the token.
//
// Where each signature is paid for, a process has a session: a key of its own in memory, for which the signer vouches once an hour.
// What vouches for it travels in the token.
import { Rejected } from '#errors/families.ts';
import type { Clock, Signer } from '#ports/small.ts';
import { type Address, FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Range } from '#schemas/run.ts';
import {
  ATTEMPT_TOKEN,
  type AttemptTokenClaims,
  type AttemptTokenHeader,
  attemptTokenClaims,
  attemptTokenHeader,
  type PublicKey,
  SESSION_TOKEN,
  type SessionTokenClaims,
  sessionTokenClaims,
  sessionTokenHeader,
} from '#schemas/signing.ts';
import type { RunRef } from './keys.ts';
import { isSignedBy, readToken, writeToken } from './signed-token.ts';

export interface Attempt extends RunRef {
  readonly address: Address;
  readonly attempt: number;
  /** Of an array of jobs: from the first to the last instance of the node `address`. */
  readonly instances?: Range;
}

export interface AttemptTokens {
  /** A token for that attempt, good until then (milliseconds since the epoch; what is left of a second is given away). */
  issue(of: Attempt, until: number): Promise<string>;
  /**
   * The attempt a token was issued for. Rejects with `not_permitted` what we did not sign, what was signed for another purpose, and
   * what has expired; the message says which, and never repeats the token.
   */
  verify(token: string): Promise<Attempt>;
}

export interface AttemptTokensOptions {
  /** The one that is known to all processes. */
  readonly signer: Signer;
  /** The one of this process alone; without it the signer signs every token. */
  readonly session?: Signer;
  readonly clock: Clock;
}

/** What vouches for the key of a session, until when it is used, and until when it holds. Seconds. */
interface Vouched {
  readonly token: string;
  readonly renew: number;
  readonly exp: number;
}

const SECOND = 1_000;
const secondsOf = (milliseconds: number): number => Math.floor(milliseconds / SECOND);

/** Tokens that this process issues and verifies. */
export function createAttemptTokens(options: AttemptTokensOptions): AttemptTokens {
  const { signer, session, clock } = options;
  let vouching: Promise<Vouched> | undefined;
  /** What vouches for this session at least until then. */
  const vouched = async (by: Signer, now: number, until: number): Promise<string> => {
    const before = vouching;
    const known = await before?.catch(() => undefined);
    if (known !== undefined && now < known.renew && until <= known.exp) return known.token;
    // Of many that ask at once the first one begins; the others wait for what comes of that.
    if (vouching !== before) return await vouched(by, now, until);
    vouching = vouch(signer, by, { now, until });
    return (await vouching).token;
  };
  return {
    issue: async (of, until) => {
      const now = secondsOf(clock.now());
      const exp = secondsOf(until);
      const { namespace, run, address, attempt, instances } = of;
      const claims: AttemptTokenClaims = {
        ...{ v: FORMAT, namespace, run, address, attempt },
        ...(instances === undefined ? {} : { instances }),
        ...{ iat: now, exp },
      };
      const by = session ?? signer;
      const [{ kid }] = await by.publicKeys();
      const header: AttemptTokenHeader = {
        ...{ alg: 'EdDSA', typ: ATTEMPT_TOKEN, kid },
        ...(session === undefined ? {} : { session: await vouched(session, now, exp) }),
      };
      return await writeToken(by, header, claims);
    },
    verify: (token) => verify(signer, secondsOf(clock.now()), token),
  };
}

async function vouch(
  signer: Signer,
  session: Signer,
  { now, until }: { now: number; until: number },
): Promise<Vouched> {
  const [{ kid }] = await signer.publicKeys();
  const [key] = await session.publicKeys();
  const renew = now + secondsOf(limits.session);
  // Of long tokens that are issued one after the other, each holds a little longer than the one before.
  const exp = Math.max(renew + secondsOf(limits.sessionTokens), until + secondsOf(limits.session));
  const claims: SessionTokenClaims = { v: FORMAT, key, iat: now, exp };
  const token = await writeToken(signer, { ...{ alg: 'EdDSA', typ: SESSION_TOKEN }, kid }, claims);
  return { token, renew, exp };
}

async function verify(signer: Signer, now: number, text: string): Promise<Attempt> {
  if (text.length > limits.tokenLength) refuse(`it is longer than ${limits.tokenLength} letters`);
  const token = readToken(text);
  if (token === undefined) refuse('it has not three parts');
  const header = attemptTokenHeader.safeParse(token.header);
  if (!header.success) refuse('it was not made for an attempt');
  const { kid, session } = header.data;
  const keys =
    session === undefined ? await signer.publicKeys() : [await sessionKey(signer, now, session)];
  const key = keys.find((each) => each.kid === kid);
  if (key === undefined) refuse('it was signed with a key that is not ours');
  if (!(await isSignedBy(key, token))) refuse('its signature does not fit');
  const claims = attemptTokenClaims.safeParse(token.claims);
  if (!claims.success) refuse('it names no attempt');
  const { namespace, run, address, attempt, instances, exp } = claims.data;
  if (now >= exp) refuse('it has expired');
  return {
    ...{ namespace, run, address, attempt },
    ...(instances === undefined ? {} : { instances }),
  };
}

/** The key that a session token vouches for. */
async function sessionKey(signer: Signer, now: number, text: string): Promise<PublicKey> {
  const token = readToken(text);
  const header = sessionTokenHeader.safeParse(token?.header);
  if (token === undefined || !header.success) refuse('what vouches for its key is no session');
  const key = (await signer.publicKeys()).find(({ kid }) => kid === header.data.kid);
  if (key === undefined) refuse('its session was signed with a key that is not ours');
  if (!(await isSignedBy(key, token))) refuse('the signature of its session does not fit');
  const claims = sessionTokenClaims.safeParse(token.claims);
  if (!claims.success) refuse('its session names no key');
  if (now >= claims.data.exp) refuse('its session has expired');
  return claims.data.key;
}

function refuse(why: string): never {
  throw new Rejected('not_permitted', `the attempt token is refused: ${why}`);
}
