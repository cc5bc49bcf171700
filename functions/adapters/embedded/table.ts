// The table on one machine: one strict SQLite table, write-ahead log, every commit on the disk before it is answered.
// Keeps what the port promises: conditions are judged and writes made in one immediate transaction.
import { Rejected } from '#errors/families.ts';
import type { Table } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { openDatabase, prepareStatements } from './database.ts';
import { createGroupCommit, type Judged } from './group-commit.ts';
import { createReader } from './reads.ts';
import { judgeAll, judgePutIfAbsent, judgeUpdate } from './writes.ts';

export interface TableOptions {
  /** For readers beside the process that writes. */
  readonly readOnly?: boolean;
  /** What one advance may take; the simulation sets those of a table with stricter bounds. */
  readonly bounds?: Partial<Table['bounds']>;
}

export interface SqliteTable extends Table {
  /** Durable commits of this process so far. */
  readonly commits: number;
  /** Performs what waits, then closes the file. */
  close(): void;
}

// A transaction of SQLite is bounded by the disk; these bound the memory of one advance.
const BOUNDS = { transactItems: 5_000, advanceOutcomes: 256, advanceStarts: 256 };

/**
 * Opens the table at `path` (`:memory:` for one that is forgotten), creating it unless `readOnly`.
 * Rejects: `newer_format` (nothing touched), `read_only`, `not_found` for a reader, Defect with the cure for a broken file.
 */
export function openTable(path: string, options: TableOptions = {}): SqliteTable {
  const database = openDatabase(path, options.readOnly === true);
  const statements = prepareStatements(database);
  const reader = createReader(database, statements, path);
  const group = createGroupCommit(database, path);
  const writer = { reader, statements };
  const refused = <T>(): Promise<T> =>
    Promise.reject(new Rejected('read_only', `${path}: opened for reading only`, { path }));
  const write = <T>(judge: Judged<T>): Promise<T> =>
    options.readOnly === true ? refused() : group.add(judge);
  const bounds = { ...BOUNDS, ...options.bounds };
  return {
    bounds,
    get: async (key) => reader.item(key),
    getMany: async (keys) => {
      refuseMany('keys', keys.length, limits.page);
      return keys.map((key) => reader.item(key));
    },
    query: async (query) => reader.page(query),
    putIfAbsent: async (item) => write(judgePutIfAbsent(writer, item)),
    update: async (key, changes, condition) => write(judgeUpdate(writer, key, changes, condition)),
    transact: async (writes) => {
      refuseMany('writes', writes.length, bounds.transactItems);
      if (writes.length > 0) await write(judgeAll(writer, writes));
    },
    get commits() {
      return group.commits;
    },
    close: () => {
      if (!database.isOpen) return;
      group.flush();
      database.close();
    },
  };
}

function refuseMany(what: string, count: number, most: number): void {
  if (count > most) throw new Rejected('too_large', `${count} ${what} at once, at most ${most}`);
}
