// The table on DynamoDB: the contract on both emulators, then what only a table elsewhere can meet.
import { describe } from 'vitest';
import { openTable } from '#aws/table.ts';
import { dynamodbLocal, ministack } from '#support/aws/clients.ts';
import { freshTable } from '#support/aws/tables.ts';
import { tableContract } from '../contract/table-contract.ts';

const YEAR = 366 * 24 * 3_600_000;

for (const [name, endpoint] of [
  ['DynamoDB on MiniStack', ministack],
  ['DynamoDB Local', dynamodbLocal],
] as const) {
  describe.skipIf(endpoint === '')(name, () => {
    tableContract(name, async () => {
      const { client, name: table, close } = await freshTable(endpoint);
      // That an item may go one day is nobody's business but DynamoDB's.
      return { table: openTable(client, table, { expiry: () => Date.now() + YEAR }), close };
    });
  });
}
