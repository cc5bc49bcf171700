// Writes of the table: each is judged inside the transaction, then written. Judging throws to refuse and writes nothing.
import { Conflict, Defect } from '#errors/families.ts';
import type { Changes, Condition, Item, Key, Write } from '#ports/table.ts';
import { refuseNewer } from '#shared/format.ts';
import { changed, holds, looksInside } from './conditions.ts';
import type { Statements } from './database.ts';
import type { Judged } from './group-commit.ts';
import { itemOf, rowOf } from './items.ts';
import type { Reader } from './reads.ts';

export interface Writer {
  readonly reader: Reader;
  readonly statements: Statements;
}

export function judgePutIfAbsent(
  writer: Writer,
  item: Item,
): Judged<{ created: true } | { created: false; existing: Item }> {
  const row = rowOf(item);
  return () => {
    const existing = writer.reader.item(item);
    if (existing !== undefined) return { answer: { created: false, existing } };
    return { write: () => putRow(writer, row), answer: { created: true } };
  };
}

export function judgeUpdate(
  writer: Writer,
  key: Key,
  changes: Changes,
  condition: Condition | undefined,
): Judged<Item> {
  return () => {
    const item = updated(writer, { key, changes, condition, index: 0 });
    const row = rowOf(item);
    return { write: () => putRow(writer, row), answer: item };
  };
}

export function judgeAll(writer: Writer, writes: readonly Write[]): Judged<void> {
  refuseTwice(writes);
  // What is put is turned into text outside the transaction.
  const rows = writes.map((each) => (each.write === 'put' ? rowOf(each.item) : undefined));
  return () => {
    const steps = writes.map((each, index) => judgeOne(writer, each, index, rows[index]));
    const needed = steps.filter((step) => step !== undefined);
    if (needed.length === 0) return { answer: undefined };
    return {
      write: () => {
        for (const step of needed) step();
      },
      answer: undefined,
    };
  };
}

function judgeOne(
  writer: Writer,
  each: Write,
  index: number,
  row: ReturnType<typeof rowOf> | undefined,
): (() => void) | undefined {
  switch (each.write) {
    case 'put':
      demand(writer, each.item, each.if, index);
      return row === undefined ? undefined : () => putRow(writer, row);
    case 'update': {
      const after = rowOf(
        updated(writer, { key: each.key, changes: each.changes, condition: each.if, index }),
      );
      return () => putRow(writer, after);
    }
    case 'delete':
      demand(writer, each.key, each.if, index);
      return () => {
        writer.statements.remove.run(each.key.pk, each.key.sk);
      };
    case 'check':
      demand(writer, each.key, each.if, index);
      return undefined;
    default:
      throw new Defect(`unexpected write: ${JSON.stringify(each)}`);
  }
}

/** Refuses unless the condition holds. Attributes are parsed only when it looks at them. */
function demand(writer: Writer, key: Key, condition: Condition | undefined, index: number): void {
  const row = writer.reader.row(key);
  if (row !== undefined) refuseNewer(row.v, `item ${key.pk} ${key.sk}`);
  if (condition === undefined) return;
  const item = row === undefined ? undefined : looksInside(condition) ? itemOf(key.pk, row) : {};
  if (!holds(condition, item)) throw failed(key, condition, index);
}

function updated(
  writer: Writer,
  update: { key: Key; changes: Changes; condition: Condition | undefined; index: number },
): Item {
  const { key, condition, index } = update;
  const row = writer.reader.row(key);
  const item = row === undefined ? undefined : itemOf(key.pk, row);
  if (item === undefined || (condition !== undefined && !holds(condition, item))) {
    throw failed(key, condition ?? { exists: true }, index);
  }
  return { ...changed(item, update.changes), pk: key.pk, sk: key.sk, v: item.v };
}

function putRow(writer: Writer, row: ReturnType<typeof rowOf>): void {
  writer.statements.put.run(row.pk, row.sk, row.v, row.data);
}

function failed(key: Key, condition: Condition, index: number): Conflict {
  return new Conflict(
    'condition_failed',
    `item ${key.pk} ${key.sk}: wanted ${JSON.stringify(condition)}`,
    { index, pk: key.pk, sk: key.sk },
  );
}

/** Two writes of one item in one transaction have no order on every table; so on none. */
function refuseTwice(writes: readonly Write[]): void {
  const seen = new Set<string>();
  for (const each of writes) {
    const key = each.write === 'put' ? each.item : each.key;
    const name = JSON.stringify([key.pk, key.sk]);
    if (seen.has(name)) {
      throw new Defect(`item ${key.pk} ${key.sk} is named twice in one transaction`);
    }
    seen.add(name);
  }
}
