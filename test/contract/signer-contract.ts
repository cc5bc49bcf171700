// What every signer must do, whatever keeps its keys.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Signer } from '#ports/small.ts';
import { limits } from '#schemas/limits.ts';
import { type PublicKey, publicKey } from '#schemas/signing.ts';

export interface OpenedSigner {
  readonly signer: Signer;
  /** Another one on the same keys, as a later process has it. */
  again(): Signer;
  /** Puts a new key before the others; answers a signer that has it. */
  rotated(): Promise<Signer>;
  close(): Promise<void> | void;
}

const text = Buffer.from('what is to be trusted');

function proves({ kty, crv, x }: PublicKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
  return verify(null, bytes, key, signature);
}

/** Judges a signer; `open` answers one with keys of its own. */
export function signerContract(
  name: string,
  open: () => Promise<OpenedSigner> | OpenedSigner,
): void {
  describe(`signer: ${name}`, () => {
    let opened: OpenedSigner;
    let signer: Signer;
    beforeEach(async () => {
      opened = await open();
      signer = opened.signer;
    });
    afterEach(async () => {
      await opened.close();
    });

    test('what the first key signs is proved by its public half, and nothing else is', async () => {
      const [key] = await signer.publicKeys();
      const signature = await signer.sign(key.kid, text);
      expect(signature).toHaveLength(64);
      expect(proves(key, text, signature)).toBe(true);
      expect(proves(key, Buffer.from('something else'), signature)).toBe(false);
    });

    test('a public key is a JWK without a private part, named by its thumbprint', async () => {
      const [key] = await signer.publicKeys();
      expect(publicKey.parse(key)).toEqual(key);
      const members = `{"crv":"Ed25519","kty":"OKP","x":"${key.x}"}`;
      expect(key.kid).toBe(createHash('sha256').update(members).digest('base64url'));
    });

    test('a later process has the same keys', async () => {
      const keys = await signer.publicKeys();
      const later = opened.again();
      expect(await later.publicKeys()).toEqual(keys);
      const signature = await later.sign(keys[0].kid, text);
      expect(proves(keys[0], text, signature)).toBe(true);
    });

    test('after a rotation the new key comes first and the old one still proves what it signed', async () => {
      const [old] = await signer.publicKeys();
      const signature = await signer.sign(old.kid, text);
      const keys = await (await opened.rotated()).publicKeys();
      expect(keys).toHaveLength(2);
      expect(keys[0].kid).not.toBe(old.kid);
      expect(keys[1]).toEqual(old);
      expect(proves(old, text, signature)).toBe(true);
    });

    test('a key that is not ours signs nothing', async () => {
      await expect(signer.sign('x'.repeat(43), text)).rejects.toMatchObject({ code: 'not_found' });
    });

    test('one byte and as many as there may be are signed; one byte more is too_large', async () => {
      const [key] = await signer.publicKeys();
      for (const bytes of [Buffer.from('x'), Buffer.alloc(limits.signedBytes)]) {
        expect(proves(key, bytes, await signer.sign(key.kid, bytes))).toBe(true);
      }
      const large = Buffer.alloc(limits.signedBytes + 1);
      await expect(signer.sign(key.kid, large)).rejects.toMatchObject({ code: 'too_large' });
    });
  });
}
