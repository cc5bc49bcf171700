// One durable commit for all writes that arrive together. Each is all or nothing for itself: its conditions are judged
// before its first write, so that nothing can fail between its writes but the storage, and then the whole group is undone.
import type { DatabaseSync } from 'node:sqlite';
import { Defect, MillraceError } from '#errors/families.ts';
import { fromSqlite } from './storage-errors.ts';

/** Judges and, when all conditions hold, answers how to write. Throws to refuse; then it has written nothing. */
export type Judged<T> = () => { readonly write?: () => void; readonly answer: T };

interface Waiting {
  /** Answers whether something was written, and how to tell the caller once that is durable. */
  readonly perform: () => { readonly wrote: boolean; readonly tell: () => void };
  readonly fail: (error: unknown) => void;
}

export interface GroupCommit {
  /** Resolves when the write is durable. */
  add<T>(judge: Judged<T>): Promise<T>;
  /** Performs at once what is waiting. */
  flush(): void;
  /** Durable commits so far. */
  readonly commits: number;
}

export function createGroupCommit(database: DatabaseSync, path: string): GroupCommit {
  let waiting: Waiting[] = [];
  let commits = 0;

  const flush = (): void => {
    const group = waiting;
    waiting = [];
    if (group.length === 0) return;
    try {
      const { wrote, tell } = transaction(database, group);
      if (wrote) commits += 1;
      for (const each of tell) each();
    } catch (error) {
      const ours = error instanceof MillraceError ? error : fromSqlite(error, path);
      for (const each of group) each.fail(ours);
    }
  };

  return {
    add: (judge) =>
      new Promise((resolve, reject) => {
        if (!database.isOpen) {
          reject(new Defect(`${path}: written to after it was closed`));
          return;
        }
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ perform: () => performed(judge, { resolve, reject }), fail: reject });
      }),
    flush,
    get commits() {
      return commits;
    },
  };
}

function performed<T>(
  judge: Judged<T>,
  caller: { resolve: (answer: T) => void; reject: (error: unknown) => void },
): { wrote: boolean; tell: () => void } {
  let judged: ReturnType<Judged<T>>;
  try {
    judged = judge();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { wrote: false, tell: () => caller.reject(error) };
  }
  judged.write?.();
  return { wrote: judged.write !== undefined, tell: () => caller.resolve(judged.answer) };
}

function transaction(
  database: DatabaseSync,
  group: readonly Waiting[],
): { wrote: boolean; tell: readonly (() => void)[] } {
  database.exec('begin immediate');
  try {
    const done = group.map((each) => each.perform());
    const wrote = done.some((each) => each.wrote);
    database.exec(wrote ? 'commit' : 'rollback');
    return { wrote, tell: done.map((each) => each.tell) };
  } catch (error) {
    // Some errors have ended the transaction already.
    if (database.isTransaction) database.exec('rollback');
    throw error;
  }
}
