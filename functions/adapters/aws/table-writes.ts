// Writes of the table. One item is written by one request, which costs half of what it would cost in a transaction.
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { Conflict, Defect } from '#errors/families.ts';
import type { Changes, Condition, Item, Key, Write } from '#ports/table.ts';
import { refuseNewer } from '#shared/format.ts';
import { translated } from './table-calls.ts';
import { conditionOf, updateOf } from './table-expressions.ts';
import {
  isSame,
  itemOf,
  type Stored,
  storedItem,
  storedKey,
  storedValue,
  versionOf,
} from './table-items.ts';
import { type Place, subjectOf } from './table-reads.ts';

/** What a refused write answers with: the item as it is. */
export const WITH_REASON = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

export type Single = Exclude<Write, { write: 'check' }>;
type Update = Extract<Write, { write: 'update' }>;

export type Created = { created: true } | { created: false; existing: Item };

export async function putIfAbsent(place: Place, item: Item): Promise<Created> {
  const write: Single = { write: 'put', item, if: { exists: false } };
  const done = await attemptWrite(place, write);
  if (done.done) return { created: true };
  if (done.found === undefined)
    throw new Defect(`${subjectOf(place, item)}: refused as present, but not shown`);
  return { created: false, existing: itemOf(done.found).item };
}

/** Answers the item as it is afterwards. */
export async function updateItem(
  place: Place,
  key: Key,
  changes: Changes,
  condition: Condition | undefined,
): Promise<Item> {
  const write: Update = {
    ...{ write: 'update', key, changes },
    ...(condition === undefined ? {} : { if: condition }),
  };
  const done = await attemptWrite(place, write);
  if (!done.done) throw refusedWrite(write, 0, done.found);
  if (done.after === undefined)
    throw new Defect(`${subjectOf(place, key)}: changed, but not shown`);
  return itemOf(done.after).item;
}

/** One write that needs no company. */
export async function writeOne(place: Place, write: Single): Promise<void> {
  const done = await attemptWrite(place, write);
  if (!done.done) throw refusedWrite(write, 0, done.found);
}

type Done =
  | { readonly done: true; readonly after?: Stored | undefined }
  | { readonly done: false; readonly found: Stored | undefined };

/** A refusal is an answer here; anything else is thrown. */
async function attemptWrite(place: Place, write: Single): Promise<Done> {
  const key = keyOf(write);
  const { permission, send } = requestOf(place, write);
  const attempt = async (mayBeDone: boolean): Promise<Done> => {
    try {
      return { done: true, after: (await send()).Attributes };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      const found = error.Item;
      // Tried again without knowing whether the first try was performed: what stands there may be our own doing.
      if (mayBeDone && isPerformed(write, found)) return { done: true, after: found };
      refuseFound(key, found);
      return { done: false, found };
    }
  };
  return await translated(subjectOf(place, key), permission, () =>
    place.calls.call(permission, attempt),
  );
}

interface Request {
  readonly permission: string;
  send(): Promise<{ readonly Attributes?: Stored | undefined }>;
}

function requestOf({ client, name: TableName }: Place, write: Single): Request {
  const condition = conditionOf(write.if ?? {});
  switch (write.write) {
    case 'put': {
      const Item = storedItem(write.item).stored;
      const command = new PutItemCommand({ TableName, Item, ...condition, ...WITH_REASON });
      return { permission: 'dynamodb:PutItem', send: () => client.send(command) };
    }
    case 'update': {
      const command = new UpdateItemCommand({
        ...{ TableName, Key: storedKey(write.key), ReturnValues: 'ALL_NEW' },
        ...updateOf(write.changes, write.if ?? {}),
        ...WITH_REASON,
      });
      return { permission: 'dynamodb:UpdateItem', send: () => client.send(command) };
    }
    case 'delete': {
      const Key = storedKey(write.key);
      const command = new DeleteItemCommand({ TableName, Key, ...condition, ...WITH_REASON });
      return { permission: 'dynamodb:DeleteItem', send: () => client.send(command) };
    }
    default:
      throw new Defect(`unexpected write: ${JSON.stringify(write)}`);
  }
}

/** Whether the item is as this write would have left it. An addition cannot be told from that of another. */
function isPerformed(write: Single, found: Stored | undefined): boolean {
  switch (write.write) {
    case 'put':
      return found !== undefined && isSameItem(found, storedItem(write.item).stored);
    case 'delete':
      return found === undefined;
    default: {
      const { set = {}, remove = [], add } = write.changes;
      const changes = Object.entries(set);
      return (
        found !== undefined &&
        add === undefined &&
        changes.length + remove.length > 0 &&
        changes.every(([name, value]) => isSame(found[name], storedValue(value))) &&
        remove.every((name) => name in set || found[name] === undefined)
      );
    }
  }
}

function isSameItem(one: Stored, other: Stored): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => isSame(one[name], other[name]));
}

export const keyOf = (write: Write): Key => (write.write === 'put' ? write.item : write.key);

/** What a later version wrote is no lost race, but the end of our understanding. */
export function refuseFound({ pk, sk }: Key, found: Stored | undefined): void {
  refuseNewer(found === undefined ? 0 : (versionOf(found) ?? 0), `item ${pk} ${sk}`);
}

export function refusedWrite(write: Write, index: number, found: Stored | undefined): Conflict {
  const { pk, sk } = keyOf(write);
  const wanted = JSON.stringify(write.if ?? { exists: true });
  const state = found === undefined ? 'there is none' : 'it is otherwise';
  return new Conflict('condition_failed', `item ${pk} ${sk}: wanted ${wanted}, but ${state}`, {
    ...{ index, pk, sk },
  });
}
