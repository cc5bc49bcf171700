// Several writes, all or nothing.
import { randomUUID } from 'node:crypto';
import {
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { Defect, Rejected } from '#errors/families.ts';
import type { Write } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { translated } from './table-calls.ts';
import { conditionOf, updateOf } from './table-expressions.ts';
import { storedItem, storedKey } from './table-items.ts';
import type { Place } from './table-reads.ts';
import { keyOf, refusedWrite, refuseFound, WITH_REASON, writeOne } from './table-writes.ts';

/** All or nothing. One write alone needs no transaction, unless it only looks. */
export async function transactWrites(place: Place, writes: readonly Write[]): Promise<void> {
  refuseTwice(writes);
  const [first] = writes;
  if (writes.length === 1 && first !== undefined && first.write !== 'check')
    return await writeOne(place, first);
  const parts = writes.map((write) => partOf(place.name, write));
  refuseLarge(
    parts.reduce((sum, { bytes }) => sum + bytes, 0),
    writes.length,
  );
  const TransactItems = parts.map(({ part }) => part);
  // By its token DynamoDB knows a transaction that comes again because its answer was lost.
  let token = randomUUID();
  const attempt = async (mayBeDone: boolean): Promise<void> => {
    if (!mayBeDone) token = randomUUID();
    const command = new TransactWriteItemsCommand({ TransactItems, ClientRequestToken: token });
    try {
      await place.client.send(command);
    } catch (error) {
      if (error instanceof TransactionCanceledException) refuseFailed(writes, error);
      throw error;
    }
  };
  const permission = 'dynamodb:TransactWriteItems';
  await translated(`${writes.length} writes to table ${place.name}`, permission, () =>
    place.calls.call(permission, attempt),
  );
}

/** Throws the first refusal there is, in the order of the writes. */
function refuseFailed(writes: readonly Write[], error: TransactionCanceledException): void {
  for (const [index, reason] of (error.CancellationReasons ?? []).entries()) {
    const write = writes[index];
    if (reason.Code !== 'ConditionalCheckFailed' || write === undefined) continue;
    refuseFound(keyOf(write), reason.Item);
    throw refusedWrite(write, index, reason.Item);
  }
}

interface Part {
  readonly part: TransactWriteItem;
  readonly bytes: number;
}

function partOf(TableName: string, write: Write): Part {
  const condition = conditionOf(write.if ?? {});
  switch (write.write) {
    case 'put': {
      const { stored: Item, bytes } = storedItem(write.item);
      return { part: { Put: { TableName, Item, ...condition, ...WITH_REASON } }, bytes };
    }
    case 'update': {
      const Key = storedKey(write.key);
      const { UpdateExpression, ...rest } = updateOf(write.changes, write.if ?? {});
      const update = { TableName, Key, ...rest, ...WITH_REASON };
      const bytes = JSON.stringify(rest.ExpressionAttributeValues ?? {}).length;
      // Without a change it is but a look, and DynamoDB wants it to be called so.
      if (UpdateExpression === undefined) return { part: { ConditionCheck: update }, bytes };
      return { part: { Update: { ...update, UpdateExpression } }, bytes };
    }
    case 'delete': {
      const Key = storedKey(write.key);
      return { part: { Delete: { TableName, Key, ...condition, ...WITH_REASON } }, bytes: 0 };
    }
    case 'check': {
      const Key = storedKey(write.key);
      return {
        part: { ConditionCheck: { TableName, Key, ...condition, ...WITH_REASON } },
        bytes: 0,
      };
    }
    default:
      throw new Defect(`unexpected write: ${JSON.stringify(write)}`);
  }
}

function refuseLarge(bytes: number, writes: number): void {
  if (bytes > limits.transactBytes)
    throw new Rejected(
      'too_large',
      `${writes} writes have ${bytes} bytes together; at most ${limits.transactBytes} go into one transaction`,
    );
}

/** DynamoDB refuses it too, but not in every emulator and not for one write that comes alone. */
function refuseTwice(writes: readonly Write[]): void {
  const seen = new Set<string>();
  for (const { pk, sk } of writes.map(keyOf)) {
    const name = JSON.stringify([pk, sk]);
    if (seen.has(name)) throw new Defect(`item ${pk} ${sk} is named twice in one transaction`);
    seen.add(name);
  }
}
