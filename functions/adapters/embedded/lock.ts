// One engine for each data directory. The lock is SQLite's own on a file: the system takes it back when the process ends,
// however it ends. Who holds it lies beside it. Nothing else may open the lock file: closing it would give the lock away.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Transient } from '#errors/families.ts';
import { type LockHolder, lockHolder } from '#schemas/data-directory.ts';
import { limits } from '#schemas/limits.ts';
import { fromSqlite, fromSystem, sqliteCode, systemCode } from './storage-errors.ts';

const SQLITE_BUSY = 5;

/** Locks of this process: one that nobody remembered would be given back whenever memory is tidied up. */
const taken = new Set<DatabaseSync>();

export interface Lock {
  /** Tells others more, once there is more to tell. */
  describe(holder: LockHolder): void;
  /** What was told of an end on purpose stays, for clients that ask what became of their engine. */
  release(): void;
}

/** Takes the lock, or rejects with Transient `busy`, `details.holder` the one who has it (absent while that one is still starting). */
export function takeLock(path: string, mine: LockHolder): Lock {
  const file = lockFile(path);
  taken.add(file);
  // Whoever had it before is gone; until the next line others read that a new one is starting.
  rmSync(about(path), { force: true });
  let last = mine;
  const describe = (said: LockHolder): void => {
    last = said;
    writeHolder(path, said);
  };
  describe(mine);
  return {
    describe,
    release: () => {
      if (!file.isOpen) return;
      if (last.leaving === undefined) rmSync(about(path), { force: true });
      file.close();
      taken.delete(file);
    },
  };
}

/**
 * Answers `free`, or who holds the lock. Takes nothing and writes nothing.
 */
export function readLock(path: string): { held: false } | { held: true; holder?: LockHolder } {
  if (!existsSync(path)) return { held: false };
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    file.prepare('select count(*) from sqlite_schema').get();
    return { held: false };
  } catch (error) {
    if (sqliteCode(error) !== SQLITE_BUSY) throw fromSqlite(error, path);
    const known = readHolder(path);
    return known === undefined ? { held: true } : { held: true, holder: known };
  } finally {
    file?.close();
  }
}

/** Who holds the lock, or held it last: one that was killed, or that said how it leaves. */
export function lastHolder(path: string): LockHolder | undefined {
  return readHolder(path);
}

/** Acts while nobody else does the same with this file, waiting for the others. */
export function whileLocked<T>(path: string, act: () => T): T {
  const file = exclusive(path, limits.databaseBusy);
  try {
    return act();
  } finally {
    file.close();
  }
}

function lockFile(path: string): DatabaseSync {
  try {
    return exclusive(path, limits.lockWait);
  } catch (error) {
    if (!(error instanceof Transient) || error.code !== 'busy') throw error;
    const by = readHolder(path);
    const who = by === undefined ? 'another process' : `process ${by.pid} on ${by.host}`;
    throw new Transient('busy', `${path}: held by ${who}`, {
      details: by === undefined ? {} : { holder: by },
    });
  }
}

function exclusive(path: string, timeout: number): DatabaseSync {
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(path, { timeout });
    file.exec('begin exclusive');
    return file;
  } catch (error) {
    file?.close();
    throw fromSqlite(error, path);
  }
}

function about(path: string): string {
  return `${path}.json`;
}

function writeHolder(path: string, said: LockHolder): void {
  const passing = `${about(path)}.${process.pid}`;
  try {
    writeFileSync(passing, JSON.stringify(said), { mode: 0o600 });
    renameSync(passing, about(path));
  } catch (error) {
    throw fromSystem(error, path);
  }
}

function readHolder(path: string): LockHolder | undefined {
  try {
    const parsed = lockHolder.safeParse(JSON.parse(readFileSync(about(path), 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return undefined;
    throw fromSystem(error, about(path));
  }
}
