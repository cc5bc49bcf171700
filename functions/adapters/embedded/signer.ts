// Signs on one machine: Ed25519 keys in one file that only its owner may read, made when something is signed or asked for
// first. Rotation puts a new key before the others; those go on proving what they signed.
import { createPrivateKey, generateKeyPairSync, type JsonWebKey, sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { Defect, MillraceError, NotFound, Rejected } from '#errors/families.ts';
import type { Signer } from '#ports/small.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { type SigningFile, signingFile, signingVersion } from '#schemas/signing.ts';
import { refuseNewer } from '#shared/format.ts';
import { publicHalf, refuseLarge, thumbprint } from '#shared/signing.ts';
import { whileLocked } from './lock.ts';
import { writePrivate } from './private-file.ts';
import { refuseOpenToOthers } from './secret-key.ts';
import { fromSystem } from './storage-errors.ts';

type Key = SigningFile['keys'][number];
type Keys = readonly [Key, ...Key[]];

export interface LocalSigner extends Signer {
  /** From now on a new key signs. The oldest goes when there are `limits.signingKeys`. Answers the name of the new one. */
  rotate(): Promise<string>;
}

/** A signer whose keys lie in `file`. */
export function createSigner(file: string): LocalSigner {
  const read = (): Keys => keysIn(file) ?? change(file, (keys) => keys ?? [newKey()]);
  return {
    publicKeys: async () => {
      const [first, ...others] = read();
      return [publicHalf(first.x), ...others.map(({ x }) => publicHalf(x))];
    },
    sign: async (kid, bytes) => {
      refuseLarge(bytes);
      const key = read().find((each) => each.kid === kid);
      if (key === undefined) throw new NotFound(`signing key ${kid}: none in ${file}`);
      const { x, d } = key;
      const jwk = { kty: 'OKP', crv: 'Ed25519', x, d };
      return sign(null, bytes, createPrivateKey({ key: jwk, format: 'jwk' }));
    },
    rotate: async () => {
      const fresh = newKey();
      change(file, (keys = [newKey()]) => [fresh, ...keys.slice(0, limits.signingKeys - 1)]);
      return fresh.kid;
    },
  };
}

function newKey(): Key {
  const { x, d }: JsonWebKey = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  if (x === undefined || d === undefined) throw new Defect('a new Ed25519 key has no parts');
  return { kid: thumbprint(x), x, d };
}

/** Reads, changes and writes the keys while nobody else does. */
function change(file: string, act: (keys: Keys | undefined) => Keys): Keys {
  return whileLocked(`${file}.lock`, () => {
    const now = keysIn(file);
    const next = act(now);
    if (next !== now) writePrivate(file, { v: FORMAT, keys: [...next] });
    return next;
  });
}

/** Undefined where no file is. */
function keysIn(file: string): Keys | undefined {
  if (!existsSync(file)) return undefined;
  try {
    refuseOpenToOthers(file);
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const versioned = signingVersion.safeParse(value);
    if (versioned.success) refuseNewer(versioned.data.v, file);
    const [first, ...others] = signingFile.parse(value).keys;
    if (first !== undefined) return [first, ...others];
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    if (error instanceof Error && 'syscall' in error) throw fromSystem(error, file);
  }
  throw new Rejected(
    'invalid',
    `${file}: not a file of signing keys any more; put a backup in its place, or remove it: then nothing signed before is trusted`,
    { file },
  );
}
