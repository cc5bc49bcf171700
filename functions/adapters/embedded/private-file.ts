// A file that only its owner may read, replaced as a whole: who reads it meanwhile sees the old one or the new one.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { fromSystem } from './storage-errors.ts';

/** Writes `content` as JSON; it is on the disk when this returns. */
export function writePrivate(file: string, content: object): void {
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
