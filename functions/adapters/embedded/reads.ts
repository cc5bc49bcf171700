// Reads of the table: always what is committed, because writes happen in one piece within this process.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Defect, MillraceError, Rejected } from '#errors/families.ts';
import type { Item, Key, Page, Query } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import type { Statements } from './database.ts';
import { checkedRow, itemOf, type Row } from './items.ts';
import { cursorAfter, rangeOf } from './key-range.ts';
import { fromSqlite } from './storage-errors.ts';

export interface Reader {
  row(key: Key): Row | undefined;
  item(key: Key): Item | undefined;
  page(query: Query): Page;
}

export function createReader(database: DatabaseSync, statements: Statements, path: string): Reader {
  const guarded = <T>(read: () => T): T => {
    if (!database.isOpen) throw new Defect(`${path}: read after it was closed`);
    try {
      return read();
    } catch (error) {
      throw error instanceof MillraceError ? error : fromSqlite(error, path);
    }
  };
  const row = (key: Key): Row | undefined => {
    const found = statements.get.get(key.pk, key.sk);
    return found === undefined ? undefined : checkedRow(key, found);
  };
  return {
    row,
    item: (key) =>
      guarded(() => {
        const found = row(key);
        return found === undefined ? undefined : itemOf(key.pk, found);
      }),
    page: (query) => guarded(() => pageOf(statements, query)),
  };
}

function pageOf(statements: Statements, query: Query): Page {
  const limit = Math.min(query.limit ?? limits.page, limits.page);
  if (!(limit >= 1)) throw new Rejected('invalid', `a page of ${limit} items; wanted at least 1`);
  const items: Item[] = [];
  let bytes = 0;
  let more = false;
  // Most questions for what has come are answered with nothing, which is found out more cheaply than it is listed.
  if (firstOf(statements, query) === undefined) return { items };
  for (const found of rowsOf(statements, query, limit + 1)) {
    const row = checkedRow(query, found);
    if (
      items.length === limit ||
      (items.length > 0 && bytes + row.data.length > limits.pageBytes)
    ) {
      more = true;
      break;
    }
    bytes += row.data.length;
    items.push(itemOf(query.pk, row));
  }
  const last = items.at(-1);
  return more && last !== undefined ? { items, cursor: cursorAfter(last.sk) } : { items };
}

function firstOf(statements: Statements, query: Query) {
  const { from, to } = rangeOf(query);
  const statement = statementOf(statements, query.reverse === true, to !== undefined);
  return to === undefined ? statement.get(query.pk, from, 1) : statement.get(query.pk, from, to, 1);
}

function rowsOf(statements: Statements, query: Query, limit: number) {
  const { from, to } = rangeOf(query);
  const statement = statementOf(statements, query.reverse === true, to !== undefined);
  return to === undefined
    ? statement.iterate(query.pk, from, limit)
    : statement.iterate(query.pk, from, to, limit);
}

function statementOf(statements: Statements, reverse: boolean, bounded: boolean): StatementSync {
  if (bounded) return reverse ? statements.upToReverse : statements.upTo;
  return reverse ? statements.toEndReverse : statements.toEnd;
}
