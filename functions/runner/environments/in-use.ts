// Which environments programs run in just now: each is marked by a lock that many may hold, and that the system takes back from a killed
// process at once. Whoever takes environments away asks first.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { limits } from '#schemas/limits.ts';

interface Held {
  readonly database: DatabaseSync;
  count: number;
}

/** Of this process: one lock for all of its programs in the same environment. */
const held = new Map<string, Held>();

/** Marks the environment as used until the answer is called. A cache that cannot be written is not taken away by us either. */
export function holdInUse(cacheDir: string, key: string): () => void {
  const file = fileOf(cacheDir, key);
  const mine = held.get(file) ?? shared(file);
  if (mine === undefined) return () => undefined;
  mine.count += 1;
  held.set(file, mine);
  let released = false;
  return () => {
    if (released) return;
    released = true;
    mine.count -= 1;
    if (mine.count > 0) return;
    held.delete(file);
    mine.database.close();
  };
}

/** What was prepared in this process for programs that are still to come. */
const ahead = new Map<string, { readonly release: () => void; readonly timer: NodeJS.Timeout }>();

/** Keeps the environment, of which `release` lets go, until a program begins to use it, or for as long as one is waited for. */
export function keepAhead(cacheDir: string, key: string, release: () => void): void {
  letGo(cacheDir, key);
  const timer = setTimeout(() => letGo(cacheDir, key), limits.environmentKept);
  timer.unref();
  ahead.set(fileOf(cacheDir, key), { release, timer });
}

/** A program uses it by now. */
export function letGo(cacheDir: string, key: string): void {
  const file = fileOf(cacheDir, key);
  const kept = ahead.get(file);
  if (kept === undefined) return;
  ahead.delete(file);
  clearTimeout(kept.timer);
  kept.release();
}

/** Does the work while no program can begin to use the environment. False, and nothing was done, where one uses it. */
export function unlessInUse(cacheDir: string, key: string, work: () => void): boolean {
  const file = fileOf(cacheDir, key);
  mkdirSync(path.dirname(file), { recursive: true });
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    work();
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  } finally {
    database.close();
  }
}

function shared(file: string): Held | undefined {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    // Whoever takes it away holds it for as long as that takes, and no longer.
    database = new DatabaseSync(file, { timeout: 60_000 });
    database.exec('BEGIN');
    // The lock comes with the first look.
    database.prepare('SELECT count(*) FROM sqlite_master').get();
    return { database, count: 0 };
  } catch {
    database?.close();
    return undefined;
  }
}

function fileOf(cacheDir: string, key: string): string {
  return path.join(cacheDir, 'leases', `use-${key}.lease`);
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && /locked|busy/i.test(error.message);
}
