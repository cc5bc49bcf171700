// Takes a data directory for an engine, before the engine itself is loaded.
import { hostname } from 'node:os';
import { type DataDirectory, openDataDirectory } from '#embedded/data-directory.ts';
import { type Lock, takeLock } from '#embedded/lock.ts';
import type { LockHolder } from '#schemas/data-directory.ts';
import { VERSION } from './version.ts';

/** A data directory that is this process's. Whoever opens no engine with it releases its lock. */
export interface Hold {
  readonly directory: DataDirectory;
  readonly lock: Lock;
  readonly holder: LockHolder;
}

/** @throws Transient `busy` when another engine holds it; Rejected `read_only`, `newer_format` */
export function holdDirectory({ dataDir }: { readonly dataDir: string }): Hold {
  const directory = openDataDirectory(dataDir);
  const holder = { pid: process.pid, host: hostname(), version: VERSION, since: Date.now() };
  return { directory, lock: takeLock(directory.lock, holder), holder };
}
