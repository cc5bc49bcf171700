// Keys that prove what we signed, and the token that a runner shows for its attempt.
import * as z from 'zod';
import { address, format, namespace, runId } from './ids.ts';
import { limits } from './limits.ts';
import { range } from './run.ts';

const base64url = z.string().regex(/^[A-Za-z0-9_-]*$/);

/** The public half of an Ed25519 key as a JSON Web Key (RFC 8037); `kid` is its thumbprint (RFC 7638). */
export const publicKey = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  alg: z.literal('EdDSA'),
  use: z.literal('sig'),
  kid: base64url.length(43),
  x: base64url.length(43),
});
export type PublicKey = z.infer<typeof publicKey>;

/** The file of keys on one machine, the newest first. `v` is looked at first: a newer one may have other members. */
export const signingFile = z.object({
  v: z.int(),
  keys: z
    .array(
      z.strictObject({
        kid: base64url.length(43),
        x: base64url.length(43),
        d: base64url.length(43),
      }),
    )
    .min(1)
    .max(limits.signingKeys),
});
export type SigningFile = z.infer<typeof signingFile>;
export const signingVersion = signingFile.pick({ v: true });

/** What kind of token it is: one that was signed for something else is never taken for this. */
export const ATTEMPT_TOKEN = 'millrace-attempt+jwt';
export const SESSION_TOKEN = 'millrace-session+jwt';

export const attemptTokenHeader = z.object({
  alg: z.literal('EdDSA'),
  typ: z.literal(ATTEMPT_TOKEN),
  kid: base64url.length(43),
  /** A session token for the key that signed, where that is none of the signer's own. */
  session: z.string().max(limits.tokenLength).exactOptional(),
});
export type AttemptTokenHeader = z.infer<typeof attemptTokenHeader>;

export const sessionTokenHeader = z.object({
  alg: z.literal('EdDSA'),
  typ: z.literal(SESSION_TOKEN),
  kid: base64url.length(43),
});

/** What a session token says: until then attempt tokens that this key signed are ours. */
export const sessionTokenClaims = z.object({
  v: format,
  key: publicKey,
  iat: z.int().nonnegative(),
  exp: z.int().nonnegative(),
});
export type SessionTokenClaims = z.infer<typeof sessionTokenClaims>;

/** What an attempt token says: this attempt, and no other, until then. Times are seconds, as a JSON Web Token has them. */
export const attemptTokenClaims = z.object({
  v: format,
  namespace,
  run: runId,
  address,
  attempt: z.int().positive(),
  /** Of an array of jobs: the instances that it is good for; `address` is the node. */
  instances: range.exactOptional(),
  iat: z.int().nonnegative(),
  exp: z.int().nonnegative(),
});
export type AttemptTokenClaims = z.infer<typeof attemptTokenClaims>;
