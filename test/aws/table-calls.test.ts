// What the table asks of DynamoDB: how it stores, what that costs, and what it does when the answer is no.
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTable } from '#aws/table.ts';
import type { Item, Table } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { dynamodbLocal, ministack } from '#support/aws/clients.ts';
import { failureNamed, type Recorded, record } from '#support/aws/recorded.ts';
import { type FreshTable, freshTable } from '#support/aws/tables.ts';

const pk = 'NS#default#RUN#1';
const key = { pk, sk: 'a' };
const item = (attributes: Record<string, unknown>): Item => ({ ...attributes, ...key, v: 1 });
/** As repetitive as states and logs are. */
const facts = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    fact: 'started',
    at: 1_800_000_000_000 + n,
    node: `node-${n}`,
  }));

const endpoint = dynamodbLocal === '' ? ministack : dynamodbLocal;
describe.skipIf(endpoint === '')('the table and what it asks for', () => {
  let fresh: FreshTable;
  let table: Table;
  let recorded: Recorded;
  const pauses: number[] = [];
  beforeEach(async () => {
    pauses.length = 0;
    fresh = await freshTable(endpoint);
    recorded = record(fresh.client);
    table = openTable(fresh.client, fresh.name, {
      pause: async (milliseconds) => void pauses.push(milliseconds),
    });
  });
  afterEach(async () => {
    await fresh.close();
  });
  const stored = async () => {
    const Key = { pk: { S: pk }, sk: { S: 'a' } };
    const command = { TableName: fresh.name, Key, ConsistentRead: true };
    return (await fresh.client.send(new GetItemCommand(command))).Item ?? {};
  };

  describe('stores', () => {
    test('what conditions look at as it is, and the rest as JSON that can be read', async () => {
      await table.putIfAbsent(item({ s: 'x', n: 1.5, b: true, list: [1, { a: 'ä' }], expires: 7 }));
      expect(await stored()).toEqual({
        ...{ pk: { S: pk }, sk: { S: 'a' }, v: { N: '1' }, s: { S: 'x' }, n: { N: '1.5' } },
        ...{
          b: { BOOL: true },
          list: { M: { json: { S: '[1,{"a":"ä"}]' } } },
          expires: { N: '7' },
        },
      });
    });

    test('when an item may go, rounded up to the second, for as long as the item is the same', async () => {
      const expiring = openTable(fresh.client, fresh.name, { expiry: () => 1_900_000_000_001 });
      await expiring.putIfAbsent(item({ n: 1 }));
      const after = await expiring.update(key, { add: { n: 1 } });
      expect(after).toEqual(item({ n: 2 }));
      expect((await stored())['expires']).toEqual({ N: '1900000001' });
    });

    test('what DynamoDB has no word for, and gives it back', async () => {
      const odd = item({ tiny: 1e-200, huge: 1e300, half: '\ud800', empty: '', nothing: null });
      await table.putIfAbsent(odd);
      expect(await table.get(key)).toEqual(odd);
    });

    test('a large item packed, at a fraction of its write units', async () => {
      const large = item({ facts: facts(500) });
      await table.putIfAbsent(large);
      expect(JSON.stringify(large).length).toBeGreaterThan(25_000);
      expect(recorded.units.write).toBeLessThanOrEqual(4);
      expect((await stored())['facts']).toHaveProperty('B');
      expect(await table.get(key)).toEqual(large);
    });

    test('a text of up to 2 KiB so that it can be compared, also in a large item', async () => {
      const token = 't'.repeat(limits.plainTextBytes);
      await table.putIfAbsent(item({ token, facts: facts(100) }));
      await table.update(key, { remove: ['token'] }, { equals: { token } });
      expect((await table.get(key))?.['token']).toBeUndefined();
      const longer = table.update(key, {}, { equals: { token: `${token}t` } });
      await expect(longer).rejects.toMatchObject({ family: 'defect' });
    });

    test('names that are words of its language, and texts that look like it', async () => {
      const words = item({ at: 1, token: ':v0', status: '#n0', name: 'a = b', size: 2 });
      await table.putIfAbsent(words);
      const after = await table.update(
        key,
        { set: { name: 'SET x' }, add: { at: 1 }, remove: ['size'] },
        { equals: { token: ':v0', status: '#n0' }, lacks: ['comment'] },
      );
      expect(after).toEqual(item({ at: 2, token: ':v0', status: '#n0', name: 'SET x' }));
    });
  });

  describe('refuses as too large', () => {
    test('an item over 400 KB, before it is sent', async () => {
      const noise = Array.from({ length: 60_000 }, (_, n) => Math.sin(n));
      await expect(table.putIfAbsent(item({ noise }))).rejects.toMatchObject({
        ...{ family: 'rejected', code: 'too_large' },
      });
      expect(recorded.calls).toEqual([]);
    });

    test('an item that an update makes too large', async () => {
      const noise = (from: number) => Array.from({ length: 25_000 }, (_, n) => Math.sin(n + from));
      await table.putIfAbsent(item({ noise: noise(0) }));
      const update = table.update(key, { set: { more: noise(1), evenMore: noise(2) } });
      await expect(update).rejects.toMatchObject({ family: 'rejected', code: 'too_large' });
    });

    test('a key that is too long', async () => {
      const long = { pk, sk: 'x'.repeat(limits.sortKeyBytes + 1) };
      await expect(table.get(long)).rejects.toMatchObject({ code: 'too_large' });
    });
  });

  describe('asks for no more than it needs', () => {
    test('one write is one request of one unit, two are a transaction', async () => {
      await table.transact([{ write: 'put', item: item({}), if: { exists: false } }]);
      expect(recorded).toMatchObject({ calls: ['PutItem'], units: { write: 1 } });
      recorded.forget();
      await table.transact([
        { write: 'update', key, changes: { set: { x: 1 } } },
        { write: 'put', item: { pk, sk: 'b', v: 1 } },
      ]);
      // DynamoDB counts two units for each of them, the emulator but one.
      expect(recorded.calls).toEqual(['TransactWriteItems']);
    });

    test('250 items are read in three requests, 288 small ones of a query in one', async () => {
      const all = Array.from({ length: 288 }, (_, n) => ({ pk, sk: `k${n}`, v: 1 }));
      for (let from = 0; from < all.length; from += 96)
        await table.transact(
          all.slice(from, from + 96).map((each) => ({ write: 'put', item: each })),
        );
      recorded.forget();
      const found = await table.getMany([...all.slice(0, 250), { pk, sk: 'k0' }]);
      expect(found.map((each) => each?.sk)).toEqual([
        ...all.slice(0, 250).map(({ sk }) => sk),
        'k0',
      ]);
      expect(recorded.calls).toEqual(['BatchGetItem', 'BatchGetItem', 'BatchGetItem']);
      recorded.forget();
      expect((await table.query({ pk })).items).toHaveLength(288);
      expect(recorded.calls).toEqual(['Query']);
    });
  });

  describe('tries again', () => {
    test.each([
      'ThrottlingException',
      'ProvisionedThroughputExceededException',
      'TransactionConflictException',
      'ECONNRESET',
    ])('after %s, with growing pauses', async (name) => {
      recorded.fail(failureNamed(name), failureNamed(name), failureNamed(name));
      expect(await table.putIfAbsent(item({}))).toEqual({ created: true });
      expect(recorded.calls).toHaveLength(4);
      expect(pauses).toHaveLength(3);
      for (const [index, waited] of pauses.entries())
        expect(waited).toBeLessThanOrEqual(limits.awsRetryDelay * 2 ** (index + 1));
    });

    test('so often and no more; then it is for the caller to come back', async () => {
      recorded.fail(
        ...Array.from({ length: limits.awsTries }, () => failureNamed('ThrottlingException')),
      );
      await expect(table.get(key)).rejects.toMatchObject({ family: 'transient', code: 'busy' });
      expect(recorded.calls).toHaveLength(limits.awsTries);
      expect(await table.get(key)).toBeUndefined();
    });

    test('not what will not get better', async () => {
      recorded.fail(failureNamed('AccessDeniedException'));
      await expect(table.get(key)).rejects.toMatchObject({
        ...{ family: 'defect', details: { permission: 'dynamodb:GetItem' } },
      });
      expect(recorded.calls).toHaveLength(1);
    });

    test('two transactions at once on one item: both come through', async () => {
      await table.putIfAbsent(item({ n: 0 }));
      await table.putIfAbsent({ pk, sk: 'b', v: 1, n: 0 });
      const both = Array.from({ length: 20 }, () =>
        table.transact([
          { write: 'update', key, changes: { add: { n: 1 } } },
          { write: 'update', key: { pk, sk: 'b' }, changes: { add: { n: 1 } } },
        ]),
      );
      await Promise.all(both);
      expect((await table.get(key))?.['n']).toBe(20);
    });
  });

  describe('knows its own doing when an answer was lost', () => {
    beforeEach(() => {
      recorded.fail('lost');
    });

    test('creating', async () => {
      expect(await table.putIfAbsent(item({ by: 'me', facts: facts(50) }))).toEqual({
        created: true,
      });
    });

    test('a put on a condition, in one write and in several', async () => {
      await table.transact([{ write: 'put', item: item({ n: 1 }), if: { exists: false } }]);
      recorded.fail('lost');
      await table.transact([
        { write: 'put', item: item({ n: 2 }), if: { equals: { n: 1 } } },
        { write: 'put', item: { pk, sk: 'b', v: 1 }, if: { exists: false } },
      ]);
      expect((await table.get(key))?.['n']).toBe(2);
    });

    test('a claim', async () => {
      await table.putIfAbsent(item({ status: 'offered' }));
      recorded.fail('lost');
      const changes = { set: { status: 'claimed', job: 'j' } };
      const after = await table.update(key, changes, { equals: { status: 'offered' } });
      expect(after).toEqual(item({ status: 'claimed', job: 'j' }));
    });

    test('a delete', async () => {
      await table.putIfAbsent(item({}));
      recorded.fail('lost');
      await table.transact([{ write: 'delete', key, if: { exists: true } }]);
      expect(await table.get(key)).toBeUndefined();
    });
  });

  test('a table that is not there is a defect that says what to do', async () => {
    const other = openTable(fresh.client, `${fresh.name}-gone`);
    await expect(other.get(key)).rejects.toMatchObject({
      ...{ family: 'defect', message: expect.stringContaining('deploy') },
    });
  });
});
