// Signs on one machine: Ed25519 keys in one file that only its owner may read, made when something is signed or asked for
// first. Rotation puts a new key before the others; those go on proving what they signed.
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type JsonWebKey,
  sign,
} from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { Defect, MillraceError, NotFound, Rejected } from '#errors/families.ts';
import type { Signer } from '#ports/small.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { type PublicKey, type SigningFile, signingFile, signingVersion } from '#schemas/signing.ts';
import { refuseNewer } from './items.ts';
import { whileLocked } from './lock.ts';
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
      return [publicHalf(first), ...others.map(publicHalf)];
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

function refuseLarge(bytes: Uint8Array): void {
  if (bytes.length <= limits.signedBytes) return;
  throw new Rejected(
    'too_large',
    `${bytes.length} bytes to be signed, at most ${limits.signedBytes}; sign a digest of them`,
  );
}

const publicHalf = ({ kid, x }: Key): PublicKey => ({
  ...{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid, x },
});

function newKey(): Key {
  const { x, d }: JsonWebKey = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  if (x === undefined || d === undefined) throw new Defect('a new Ed25519 key has no parts');
  return { kid: thumbprint(x), x, d };
}

/** RFC 7638: the digest of the members that make the key, in the order of their names. */
function thumbprint(x: string): string {
  const members = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x });
  return createHash('sha256').update(members).digest('base64url');
}

/** Reads, changes and writes the keys while nobody else does. */
function change(file: string, act: (keys: Keys | undefined) => Keys): Keys {
  return whileLocked(`${file}.lock`, () => {
    const now = keysIn(file);
    const next = act(now);
    if (next !== now) write(file, { v: FORMAT, keys: [...next] });
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

function write(file: string, content: SigningFile): void {
  const passing = `${file}.${process.pid}`;
  try {
    const descriptor = openSync(passing, 'w', 0o600);
    try {
      writeSync(descriptor, JSON.stringify(content));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(passing, file);
  } catch (error) {
    throw fromSystem(error, file);
  }
}
