// A lease that dies with its holder: an exclusive lock of an empty SQLite file, which the system takes back from a killed
// process at once. Processes that share a cache folder, containers included, wait for each other.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';

/** Within this process those who want the same lease wait in line. */
const lines = new Map<string, Promise<unknown>>();

/** Does the work while nobody else holds the lease of that name below `folder`. Rejects when `signal` aborts the wait. */
export async function withLease<T>(
  lease: { folder: string; name: string; signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const file = path.join(lease.folder, 'leases', `${lease.name}.lease`);
  const before = lines.get(file) ?? Promise.resolve();
  const mine = before.then(() => holding(file, lease.signal, work));
  const settled = mine.catch(() => undefined);
  lines.set(file, settled);
  try {
    return await mine;
  } finally {
    if (lines.get(file) === settled) lines.delete(file);
  }
}

async function holding<T>(
  file: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const database = opened(file);
  try {
    // Bounded by whoever holds it: builds and fetches have timeouts of their own.
    while (!taken(database, file)) await sleep(limits.leaseInterval, undefined, { signal });
    return await work();
  } finally {
    database.close();
  }
}

function opened(file: string): DatabaseSync {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    return new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw unwritable(file, error);
  }
}

function taken(database: DatabaseSync, file: string): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && /locked|busy/i.test(error.message)) return false;
    throw unwritable(file, error);
  }
}

/** Whoever chose the folder can mend it: that is no defect. */
function unwritable(file: string, error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error);
  const isFull = /disk is full|ENOSPC|EDQUOT/.test(why);
  return new Rejected(
    isFull ? 'no_space' : 'read_only',
    `the cache folder ${path.dirname(path.dirname(file))} cannot be written: ${why}; ${isFull ? 'make room there, or set' : 'set'} MILLRACE_CACHE_DIR to another folder`,
  );
}
