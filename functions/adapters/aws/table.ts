// The table on AWS: one DynamoDB table with the keys `pk` and `sk`. Keeps what the port promises: every write is conditional, every
// read strongly consistent. An item that is put gets an attribute `expires` (seconds since 1970) when it may be deleted by DynamoDB,
// which can be days later; readers never see the attribute.
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { Rejected } from '#errors/families.ts';
import type { Item, Key, Table, Write } from '#ports/table.ts';
import { expiryAttribute } from '#schemas/aws.ts';
import { limits } from '#schemas/limits.ts';
import { createCalls, type Pause } from './table-calls.ts';
import { type Place, readItem, readItems, readPage } from './table-reads.ts';
import { transactWrites } from './table-transactions.ts';
import { putIfAbsent, updateItem } from './table-writes.ts';

export interface TableOptions {
  readonly bounds?: Partial<Table['bounds']>;
  /** How it waits before it tries again. */
  readonly pause?: Pause;
  /** When an item that is put now may go: milliseconds since 1970. Without it, and where it answers undefined, items stay. */
  readonly expiry?: Expiry;
}

export type Expiry = (key: Key) => number | undefined;

const BOUNDS = {
  transactItems: limits.transactItems,
  advanceOutcomes: limits.advanceOutcomes,
  advanceStarts: limits.advanceStarts,
};

/** A client that leaves trying again to the table, which knows what may be done twice. */
export function tableClient(config: DynamoDBClientConfig = {}): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: limits.awsConnect,
      requestTimeout: limits.awsAnswer,
      throwOnRequestTimeout: true,
    },
    ...config,
  });
}

/**
 * The table `name`, which the stack has made.
 * Beyond what the port says it rejects: Rejected `too_large` for an item or a transaction that DynamoDB does not take, Transient `busy`
 * or `unavailable` when trying again did not help, Defect for a permission that lacks. After Transient a write may have been performed.
 * An `add` whose answer was lost may be performed twice.
 */
export function openTable(client: DynamoDBClient, name: string, options: TableOptions = {}): Table {
  const place: Place = { client, name, calls: createCalls(name, options.pause) };
  const bounds = { ...BOUNDS, ...options.bounds };
  const stamped = stamp(options.expiry);
  return {
    bounds,
    get: (key) => readItem(place, key),
    getMany: async (keys) => {
      refuseMany('keys', keys.length, limits.page);
      return await readItems(place, keys);
    },
    query: (query) => readPage(place, query),
    putIfAbsent: (item) => putIfAbsent(place, stamped(item)),
    update: (key, changes, condition) => updateItem(place, key, changes, condition),
    transact: async (writes) => {
      refuseMany('writes', writes.length, bounds.transactItems);
      const all = writes.map(
        (write): Write => (write.write === 'put' ? { ...write, item: stamped(write.item) } : write),
      );
      if (all.length > 0) await transactWrites(place, all);
    },
  };
}

/** Once for each write, so that a second try of it is still the same. */
function stamp(expiry: Expiry = () => undefined): (item: Item) => Item {
  return (item) => {
    const at = expiry(item);
    return at === undefined ? item : { ...item, [expiryAttribute]: Math.ceil(at / 1_000) };
  };
}

function refuseMany(what: string, count: number, most: number): void {
  if (count > most) throw new Rejected('too_large', `${count} ${what} at once, at most ${most}`);
}
