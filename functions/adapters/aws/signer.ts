// Signs with Ed25519 keys in KMS, which never leave it. What a JSON Web Token wants, KMS gives as it is: the 64 bytes over the raw
// message. A key of KMS that signs is never rotated by it: a rotation is a new key named before the old one.
import { createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { Defect, NotFound } from '#errors/families.ts';
import type { Signer } from '#ports/small.ts';
import { limits } from '#schemas/limits.ts';
import type { PublicKey } from '#schemas/signing.ts';
import { publicHalf, refuseLarge } from '#shared/signing.ts';
import { asked } from './service-errors.ts';

const KEY_SPEC = 'ECC_NIST_EDWARDS25519';

export interface SignerOptions {
  readonly client: KMSClient;
  /** Ids, ARNs or aliases; the first one signs. */
  readonly keys: readonly [string, ...string[]];
}

interface Known {
  readonly id: string;
  readonly key: PublicKey;
}
type AllKnown = readonly [Known, ...Known[]];

/** A signer with those keys. Their public halves are asked once in the life of a process. */
export function createSigner(options: SignerOptions): Signer {
  let asking: Promise<AllKnown> | undefined;
  const known = async (): Promise<AllKnown> => {
    asking ??= readKeys(options);
    try {
      return await asking;
    } catch (error) {
      // The next one asks again.
      asking = undefined;
      throw error;
    }
  };
  return {
    publicKeys: async () => {
      const [first, ...others] = await known();
      return [first.key, ...others.map(({ key }) => key)];
    },
    sign: async (kid, bytes) => {
      refuseLarge(bytes);
      const found = (await known()).find(({ key }) => key.kid === kid);
      if (found === undefined) throw new NotFound(`signing key ${kid}: none of ours`);
      return await signWith(options.client, found.id, bytes);
    },
  };
}

async function readKeys({ client, keys }: SignerOptions): Promise<AllKnown> {
  if (keys.length > limits.signingKeys) {
    throw new Defect(`${keys.length} signing keys, at most ${limits.signingKeys}`);
  }
  const [first, ...others] = keys;
  const rest = Promise.all(others.map((id) => readKey(client, id)));
  const [one, more] = await Promise.all([readKey(client, first), rest]);
  return [one, ...more];
}

async function readKey(client: KMSClient, id: string): Promise<Known> {
  const {
    KeyId,
    KeySpec,
    PublicKey: der,
  } = await asked(tried(id, 'kms:GetPublicKey'), () =>
    client.send(new GetPublicKeyCommand({ KeyId: id })),
  );
  if (KeySpec !== KEY_SPEC || der === undefined || KeyId === undefined) {
    throw new Defect(`signing key ${id}: it is a key ${KeySpec}, wanted ${KEY_SPEC}`);
  }
  const { x = '' } = createPublicKey({
    ...{ key: Buffer.from(der), format: 'der', type: 'spki' },
  }).export({ format: 'jwk' });
  return {
    // An alias may point elsewhere tomorrow; the key that was asked about is the one that signs under its name.
    id: KeyId,
    key: publicHalf(x),
  };
}

async function signWith(client: KMSClient, id: string, bytes: Uint8Array): Promise<Uint8Array> {
  const { Signature } = await asked(tried(id, 'kms:Sign'), () =>
    client.send(
      new SignCommand({
        ...{ KeyId: id, Message: bytes, MessageType: 'RAW' },
        SigningAlgorithm: 'ED25519_SHA_512',
      }),
    ),
  );
  if (Signature === undefined) throw new Defect(`signing key ${id}: KMS answered no signature`);
  return Signature;
}

const tried = (id: string, permission: string) => ({ subject: `signing key ${id}`, permission });
