// Reads of the table, all strongly consistent.
import {
  BatchGetItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { Rejected, Transient } from '#errors/families.ts';
import type { Item, Key, Page, Query } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { type Calls, translated } from './table-calls.ts';
import { itemOf, type Stored, storedKey } from './table-items.ts';

/** One table, and how it is called. */
export interface Place {
  readonly client: DynamoDBClient;
  readonly name: string;
  readonly calls: Calls;
}

export async function readItem(place: Place, key: Key): Promise<Item | undefined> {
  const { client, name: TableName, calls } = place;
  const command = { TableName, Key: storedKey(key), ConsistentRead: true };
  const permission = 'dynamodb:GetItem';
  const answer = await translated(subjectOf(place, key), permission, () =>
    calls.call(permission, () => client.send(new GetItemCommand(command))),
  );
  return answer.Item === undefined ? undefined : itemOf(answer.Item).item;
}

export const subjectOf = ({ name }: Place, { pk, sk }: Key): string =>
  `item ${pk} ${sk} of table ${name}`;

/** In the order of the keys. A batch may name no key twice. */
export async function readItems(
  place: Place,
  keys: readonly Key[],
): Promise<readonly (Item | undefined)[]> {
  const wanted = new Map(keys.map((key) => [nameOf(key), key]));
  const batches = chunksOf([...wanted.values()], limits.batchKeys);
  const found = new Map<string, Item>();
  const reader = async (): Promise<void> => {
    for (let batch = batches.pop(); batch !== undefined; batch = batches.pop())
      for (const item of await readBatch(place, batch)) found.set(nameOf(item), item);
  };
  await Promise.all(Array.from({ length: limits.batchesAtOnce }, reader));
  return keys.map((key) => found.get(nameOf(key)));
}

const nameOf = ({ pk, sk }: Key): string => JSON.stringify([pk, sk]);

function chunksOf<T>(all: readonly T[], size: number): T[][] {
  const count = Math.ceil(all.length / size);
  return Array.from({ length: count }, (_, n) => all.slice(n * size, (n + 1) * size));
}

/** An answer ends at 16 MB or where the table is busy, and names what it left out. */
async function readBatch(place: Place, keys: readonly Key[]): Promise<readonly Item[]> {
  const { client, name, calls } = place;
  const permission = 'dynamodb:BatchGetItem';
  const subject = `${keys.length} items of table ${name}`;
  const items: Item[] = [];
  let left: Stored[] = keys.map(storedKey);
  const round = async (): Promise<void> => {
    const RequestItems = { [name]: { Keys: left, ConsistentRead: true } };
    const answer = await client.send(new BatchGetItemCommand({ RequestItems }));
    const before = left.length;
    items.push(...(answer.Responses?.[name] ?? []).map((stored) => itemOf(stored).item));
    left = answer.UnprocessedKeys?.[name]?.Keys ?? [];
    if (left.length === before)
      throw new Transient('busy', `${subject}: the table is too busy to read them`);
  };
  // Each round that is performed reads at least one of them.
  for (let rounds = 0; left.length > 0 && rounds <= keys.length; rounds += 1)
    await translated(subject, permission, () => calls.call(permission, round));
  return items;
}

/** A page ends at its limit of items or of bytes, whichever comes first. */
export async function readPage(place: Place, query: Query): Promise<Page> {
  const limit = Math.min(query.limit ?? limits.page, limits.page);
  if (!(limit >= 1)) throw new Rejected('invalid', `a page of ${limit} items; wanted at least 1`);
  const range = rangeOf(query);
  if (range === 'empty') return { items: [] };
  const items: Item[] = [];
  let bytes = 0;
  let start = range.after === undefined ? undefined : storedKey({ pk: query.pk, sk: range.after });
  // Every answer but the last brings an item, so there are at most as many as items.
  do {
    // One more than wanted tells whether there are more.
    const answer = await readSome(place, query, { start, limit: limit + 1 - items.length });
    for (const stored of answer.stored) {
      const read = itemOf(stored);
      if (items.length === limit || (items.length > 0 && bytes + read.bytes > limits.pageBytes))
        return { items, cursor: cursorAfter(items.at(-1)?.sk ?? '') };
      bytes += read.bytes;
      items.push(read.item);
    }
    start = answer.next;
  } while (start !== undefined);
  return { items };
}

async function readSome(
  place: Place,
  query: Query,
  from: { readonly start: Stored | undefined; readonly limit: number },
): Promise<{ readonly stored: readonly Stored[]; readonly next: Stored | undefined }> {
  const { client, name: TableName, calls } = place;
  const { pk, prefix = '', reverse = false } = query;
  const permission = 'dynamodb:Query';
  const command = new QueryCommand({
    TableName,
    KeyConditionExpression: prefix === '' ? '#pk = :pk' : '#pk = :pk AND begins_with(#sk, :prefix)',
    ExpressionAttributeNames: { '#pk': 'pk', ...(prefix === '' ? {} : { '#sk': 'sk' }) },
    ExpressionAttributeValues: {
      ':pk': { S: pk },
      ...(prefix === '' ? {} : { ':prefix': { S: prefix } }),
    },
    ...(from.start === undefined ? {} : { ExclusiveStartKey: from.start }),
    ...{ Limit: from.limit, ScanIndexForward: !reverse, ConsistentRead: true },
  });
  const subject = `items of ${pk} in table ${TableName}`;
  const answer = await translated(subject, permission, () =>
    calls.call(permission, () => client.send(command)),
  );
  return { stored: answer.Items ?? [], next: answer.LastEvaluatedKey };
}

/** Where the query begins within its prefix. DynamoDB refuses to begin outside of it. */
function rangeOf(query: Query): { readonly after?: string } | 'empty' {
  const { prefix = '', reverse = false } = query;
  const cuts = [query.after, query.cursor === undefined ? undefined : sortKeyOf(query.cursor)];
  let after: string | undefined;
  for (const cut of cuts) {
    if (cut === undefined) continue;
    // Positive when the cut leaves out more.
    const later = (other: string): number => (reverse ? -1 : 1) * compareKeys(cut, other);
    if (!cut.startsWith(prefix)) {
      if (later(prefix) > 0) return 'empty';
    } else if (after === undefined || later(after) > 0) after = cut;
  }
  // The empty text is before all keys.
  if (after === '') return reverse ? 'empty' : {};
  return after === undefined ? {} : { after };
}

/** Compares by bytes of UTF-8, as DynamoDB sorts; `<` would compare UTF-16 units. */
function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Where a page ended, as text for the caller to hand back. */
function cursorAfter(sortKey: string): string {
  return Buffer.from(`1${sortKey}`).toString('base64url');
}

function sortKeyOf(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!text.startsWith('1'))
    throw new Rejected(
      'invalid',
      `cursor "${cursor.slice(0, 80)}" is none that was given out here`,
    );
  return text.slice(1);
}
