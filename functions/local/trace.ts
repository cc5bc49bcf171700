// Who holds a data directory. Asked before every run, so it loads nothing that only a client needs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readDataDirectory } from '#embedded/data-directory.ts';
import { lastHolder, readLock } from '#embedded/lock.ts';
import type { LockHolder } from '#schemas/data-directory.ts';

/** What there is to know of the engine of a data directory without asking it. */
export interface EngineTrace {
  readonly held: boolean;
  /** Who holds it, or held it last. A last one that does not say how it leaves was killed. */
  readonly holder?: LockHolder;
}

export function traceOf(dataDir: string): EngineTrace {
  // An empty folder becomes a data directory with its first engine, and what is none at all the engine complains of.
  if (!existsSync(join(dataDir, 'format'))) return { held: false };
  const directory = readDataDirectory(dataDir);
  const { held } = readLock(directory.lock);
  const holder = lastHolder(directory.lock);
  return { held, ...(holder === undefined ? {} : { holder }) };
}
