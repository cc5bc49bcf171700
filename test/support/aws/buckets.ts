// Buckets of their own for single tests, as the stack makes them.
import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { emulated } from './clients.ts';

export interface FreshBucket {
  readonly client: S3Client;
  readonly bucket: string;
  /** Deletes the bucket and closes the client. */
  close(): Promise<void>;
}

export async function freshBucket(endpoint: string): Promise<FreshBucket> {
  const client = new S3Client({ ...emulated(endpoint), forcePathStyle: true });
  const bucket = `millrace-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    client,
    bucket,
    close: async () => {
      for (;;) {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
        if (Contents.length === 0) break;
        const Objects = Contents.map(({ Key }) => ({ Key }));
        await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
      }
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      client.destroy();
    },
  };
}
