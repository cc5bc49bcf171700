// Queues of their own for single tests.
import { randomUUID } from 'node:crypto';
import { CreateQueueCommand, DeleteQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { emulated } from './clients.ts';

export interface FreshQueue {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** Deletes the queue and closes the client. */
  close(): Promise<void>;
}

export async function freshQueue(endpoint: string): Promise<FreshQueue> {
  const client = new SQSClient(emulated(endpoint));
  const command = new CreateQueueCommand({ QueueName: `millrace-${randomUUID()}` });
  const { QueueUrl: queueUrl = '' } = await client.send(command);
  return {
    ...{ client, queueUrl },
    close: async () => {
      await client.send(new DeleteQueueCommand({ QueueUrl: queueUrl }));
      client.destroy();
    },
  };
}
