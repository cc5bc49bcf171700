// The key that seals secrets: 32 bytes of chance in a file that only its owner may read.
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { MillraceError, Rejected } from '#errors/families.ts';
import { fromSystem, systemCode } from './storage-errors.ts';

const KEY_BYTES = 32;

/** Reads the key; makes one where none is, if `create`. Rejects with `not_permitted` when it is absent, open to others, or no key. */
export function keyOf(file: string, create: boolean): Buffer {
  try {
    return readKey(file);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    if (systemCode(error) !== 'ENOENT') throw fromSystem(error, file);
  }
  if (!create) {
    throw refused(file, 'the key that seals the secrets is not there; put it back from a backup');
  }
  try {
    makeKey(file);
    return readKey(file);
  } catch (error) {
    throw error instanceof MillraceError ? error : fromSystem(error, file);
  }
}

/** Refuses a file that others than its owner may read. */
export function refuseOpenToOthers(file: string): void {
  if ((statSync(file).mode & 0o077) === 0) return;
  throw refused(file, `others may read it; do: chmod 600 ${file}`);
}

function readKey(file: string): Buffer {
  refuseOpenToOthers(file);
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (key.length !== KEY_BYTES) throw refused(file, 'it holds no key of 32 bytes');
  return key;
}

/** Whoever is first wins: a link never takes the place of a file. */
function makeKey(file: string): void {
  const passing = `${file}.${process.pid}`;
  writeFileSync(passing, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600 });
  try {
    linkSync(passing, file);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(passing, { force: true });
  }
}

function refused(file: string, why: string): Rejected {
  return new Rejected('not_permitted', `${file}: ${why}`, { file });
}
