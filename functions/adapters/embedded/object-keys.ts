// Which keys are taken: they become paths, so nothing in them may lead out of the folder or into its own files.
import { Rejected } from '#errors/families.ts';
import { namespace } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';

/** Refuses a key that is not `NS/<namespace>/<part>/…` of plain parts. */
export function refuseKey(key: string): void {
  const parts = key.split('/');
  if (parts.length < 3) refuse(key, 'it has to begin with NS/<namespace>/');
  checkParts(key, parts);
  if (parts.at(-1) === '') refuse(key, 'it ends in "/"');
}

/** Refuses what no key could begin with. The last part may be half a name. */
export function refusePrefix(prefix: string): void {
  const parts = prefix.split('/');
  if (parts.length < 3) refuse(prefix, 'a prefix has to begin with NS/<namespace>/');
  checkParts(prefix, parts);
}

function checkParts(key: string, parts: readonly string[]): void {
  if (Buffer.byteLength(key) > limits.objectKeyBytes) refuse(key, 'it is too long');
  if (key.includes('\0') || !key.isWellFormed()) refuse(key, 'it is no text of a path');
  if (parts[0] !== 'NS' || !namespace.safeParse(parts[1]).success) {
    refuse(key, 'it has to begin with NS/<namespace>/');
  }
  if (parts.some((part) => part === '.' || part === '..')) refuse(key, 'it contains "." or ".."');
  if (parts.slice(0, -1).includes('')) refuse(key, 'it has an empty part');
}

function refuse(key: string, why: string): never {
  throw new Rejected('invalid', `object key ${JSON.stringify(key.slice(0, 200))}: ${why}`);
}
