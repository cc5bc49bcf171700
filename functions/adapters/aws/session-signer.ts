// A signer whose only key lives in this process and dies with it. What it signs is worth nothing until another signer vouches for it.
import { generateKeyPairSync, sign } from 'node:crypto';
import { NotFound } from '#errors/families.ts';
import type { Signer } from '#ports/small.ts';
import { publicHalf, refuseLarge } from '#shared/signing.ts';

/** A signer with a new key. */
export function createSessionSigner(): Signer {
  const pair = generateKeyPairSync('ed25519');
  const { x = '' } = pair.publicKey.export({ format: 'jwk' });
  const key = publicHalf(x);
  return {
    publicKeys: async () => [key],
    sign: async (asked, bytes) => {
      refuseLarge(bytes);
      if (asked !== key.kid) throw new NotFound(`signing key ${asked}: none of this session`);
      return sign(null, bytes, pair.privateKey);
    },
  };
}
