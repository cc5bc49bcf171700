// Opens the database file: checks before it touches, sets what durability needs, prepares the statements.
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { MillraceError, NotFound } from '#errors/families.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { refuseNewer } from '#shared/format.ts';
import { corrupt, fromSqlite, fromSystem } from './storage-errors.ts';

const MEMORY = ':memory:';

/** Where SQLite's file header keeps `user_version`. */
const VERSION_OFFSET = 60;
const HEADER_LENGTH = 100;
const MAGIC = 'SQLite format 3\0';

const SCHEMA = `create table if not exists items (
  pk text not null, sk text not null, v integer not null, data text not null, primary key (pk, sk)
) strict, without rowid`;

export interface Statements {
  readonly get: StatementSync;
  readonly put: StatementSync;
  readonly remove: StatementSync;
  readonly upTo: StatementSync;
  readonly toEnd: StatementSync;
  readonly upToReverse: StatementSync;
  readonly toEndReverse: StatementSync;
}

/** Answers an open database of our format. Rejects with `newer_format`, `read_only`, `not_found`, or a Defect for a broken file. */
export function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  if (path !== MEMORY) checkFile(path, readOnly);
  let database: DatabaseSync | undefined;
  try {
    database = readOnly ? openForReading(path) : openForWriting(path);
    return database;
  } catch (error) {
    if (database?.isOpen === true) database.close();
    throw error instanceof MillraceError ? error : fromSqlite(error, path);
  }
}

function openForWriting(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: limits.databaseBusy });
  const version = versionOf(database, path);
  database.exec('pragma journal_mode = wal; pragma synchronous = full');
  database.exec(`pragma wal_autocheckpoint = ${limits.walPages}`);
  if (version < FORMAT) {
    database.exec(`begin immediate; ${SCHEMA}; pragma user_version = ${FORMAT}; commit`);
  }
  return database;
}

function openForReading(path: string): DatabaseSync {
  const options = { readOnly: true, timeout: limits.databaseBusy };
  const open = (location: string | URL): DatabaseSync => {
    const database = new DatabaseSync(location, options);
    versionOf(database, path);
    return database;
  };
  // A reader of a write-ahead log needs its shared index; in a folder that cannot be written it cannot make one.
  const frozen = !writable(dirname(path)) && !existsSync(`${path}-wal`);
  return open(frozen ? new URL(`${pathToFileURL(path).href}?immutable=1`) : path);
}

function versionOf(database: DatabaseSync, path: string): number {
  const version = database.prepare('pragma user_version').get()?.['user_version'];
  if (typeof version !== 'number') throw corrupt(path, 'it has no version');
  refuseNewer(version, path);
  return version;
}

/** Reads the header as plain bytes: opening with SQLite may already create files beside it. */
function checkFile(path: string, readOnly: boolean): void {
  try {
    if (!existsSync(path)) {
      if (readOnly) throw new NotFound(`${path}: no database there yet`, { path });
      accessSync(dirname(path), constants.W_OK);
      return;
    }
    if (statSync(path).size > 0) checkHeader(path, headerOf(path));
    if (!readOnly) accessSync(path, constants.W_OK);
  } catch (error) {
    throw error instanceof MillraceError ? error : fromSystem(error, path);
  }
}

function headerOf(path: string): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH);
  const file = openSync(path, 'r');
  try {
    return header.subarray(0, readSync(file, header, 0, HEADER_LENGTH, 0));
  } finally {
    closeSync(file);
  }
}

function checkHeader(path: string, header: Buffer): void {
  if (header.length < HEADER_LENGTH || header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw corrupt(path, 'it does not begin like one');
  }
  refuseNewer(header.readUInt32BE(VERSION_OFFSET), path);
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const SELECT = 'select sk, v, data from items where pk = ? and sk';

export function prepareStatements(database: DatabaseSync): Statements {
  return {
    get: database.prepare(`${SELECT} = ?`),
    put: database.prepare(
      'insert into items (pk, sk, v, data) values (?, ?, ?, ?) on conflict (pk, sk) do update set v = excluded.v, data = excluded.data',
    ),
    remove: database.prepare('delete from items where pk = ? and sk = ?'),
    upTo: database.prepare(`${SELECT} >= ? and sk < ? order by sk limit ?`),
    toEnd: database.prepare(`${SELECT} >= ? order by sk limit ?`),
    upToReverse: database.prepare(`${SELECT} >= ? and sk < ? order by sk desc limit ?`),
    toEndReverse: database.prepare(`${SELECT} >= ? order by sk desc limit ?`),
  };
}
