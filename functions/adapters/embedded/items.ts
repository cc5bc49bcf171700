// Items as rows: `v` in a column of its own, so that a newer format is seen before anything of it is read.
import { Defect } from '#errors/families.ts';
import type { Attributes, Item, Key } from '#ports/table.ts';
import { refuseNewer } from '#shared/format.ts';

export interface Row {
  readonly sk: string;
  readonly v: number;
  readonly data: string;
}

export function rowOf(item: Item): Row & { readonly pk: string } {
  const { pk, sk, v, ...attributes } = item;
  return { pk, sk, v, data: JSON.stringify(attributes) };
}

export function itemOf(pk: string, row: Row): Item {
  refuseNewer(row.v, `item ${pk} ${row.sk}`);
  return { ...attributesOf({ pk, sk: row.sk }, row.data), pk, sk: row.sk, v: row.v };
}

/** A row as SQLite gives it. */
export function checkedRow(key: Pick<Key, 'pk'>, row: Readonly<Record<string, unknown>>): Row {
  const { sk, v, data } = row;
  if (typeof sk !== 'string' || typeof v !== 'number' || typeof data !== 'string') {
    throw new Defect(`a row of ${key.pk} has not the columns sk, v, data`);
  }
  return { sk, v, data };
}

function attributesOf(key: Key, data: string): Attributes {
  const value: unknown = JSON.parse(data);
  if (!isAttributes(value)) throw new Defect(`item ${key.pk} ${key.sk} holds no JSON object`);
  return value;
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
