// Tables of their own for single tests, as the stack makes them.
import { randomUUID } from 'node:crypto';
import {
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { emulated } from './clients.ts';

export interface FreshTable {
  readonly client: DynamoDBClient;
  readonly name: string;
  /** Deletes the table and closes the client. */
  close(): Promise<void>;
}

export async function freshTable(endpoint: string): Promise<FreshTable> {
  // The adapter tries again by itself.
  const client = new DynamoDBClient({ ...emulated(endpoint), maxAttempts: 1 });
  const name = `millrace-${randomUUID()}`;
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 1 }, { TableName: name });
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: name,
      TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
    }),
  );
  return {
    client,
    name,
    close: async () => {
      await client.send(new DeleteTableCommand({ TableName: name }));
      client.destroy();
    },
  };
}
