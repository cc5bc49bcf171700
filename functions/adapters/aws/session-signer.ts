// A signer whose only key lives in this process and dies with it. What it signs is worth nothing until another signer vouches for it.
import { generateKeyPairSync, sign } from 'node:crypto';
import { NotFound } from '#errors/families.ts';
import type { Signer } from '#ports/small.ts';
import { publicKey } from '#schemas/signing.ts';
import { refuseLarge, thumbprint } from './signer.ts';

/** A signer with a new key. */
export function createSessionSigner(): Signer {
  const pair = generateKeyPairSync('ed25519');
  const { x = '' } = pair.publicKey.export({ format: 'jwk' });
  const kid = thumbprint(x);
  const key = publicKey.parse({
    ...{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid, x },
  });
  return {
    publicKeys: async () => [key],
    sign: async (asked, bytes) => {
      refuseLarge(bytes);
      if (asked !== kid) throw new NotFound(`signing key ${asked}: none of this session`);
      return sign(null, bytes, pair.privateKey);
    },
  };
}
