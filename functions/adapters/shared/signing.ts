// What all signers say of their keys, and what they refuse to sign.
import { createHash } from 'node:crypto';
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { type PublicKey, publicKey } from '#schemas/signing.ts';

/** The public half of an Ed25519 key, of which `x` is all that matters, under its own name. */
export const publicHalf = (x: string): PublicKey =>
  publicKey.parse({
    ...{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: thumbprint(x), x },
  });

/** RFC 7638: the digest of the members that make the key, in the order of their names. */
export function thumbprint(x: string): string {
  const members = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x });
  return createHash('sha256').update(members).digest('base64url');
}

/** Refuses more bytes than the narrowest of the signers takes. */
export function refuseLarge(bytes: Uint8Array): void {
  if (bytes.length <= limits.signedBytes) return;
  throw new Rejected(
    'too_large',
    `${bytes.length} bytes to be signed, at most ${limits.signedBytes}; sign a digest of them`,
  );
}
