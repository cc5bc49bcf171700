import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { dynamodbLocal, ministack } from '#support/aws/clients.ts';
import { freshTable } from '#support/aws/tables.ts';

describe.each([
  ['MiniStack', ministack],
  ['DynamoDB Local', dynamodbLocal],
])('%s', (_, endpoint) => {
  test.skipIf(endpoint === '')('keeps a table until it is deleted', async () => {
    const { client, name, close } = await freshTable(endpoint);
    const listed = await client.send(new ListTablesCommand({}));
    expect(listed.TableNames).toContain(name);
    await close();
  });
});
