// What was dropped into the bucket, read as it was when it was dropped.
import { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { Defect, NotFound } from '#errors/families.ts';
import type { Drops } from '#ports/small.ts';
import type { ObjectsOptions } from './objects.ts';
import { asked, serviceCode } from './service-errors.ts';

const GONE: ReadonlySet<string> = new Set(['NoSuchKey', 'PreconditionFailed']);

export function createDrops({ client, bucket }: ObjectsOptions): Drops {
  return {
    stream: ({ key, etag }) =>
      asked({ subject: `object ${key}`, permission: 's3:GetObject' }, async () => {
        const command = new GetObjectCommand({ Bucket: bucket, Key: key, IfMatch: `"${etag}"` });
        try {
          const { Body } = await client.send(command);
          if (Body instanceof Readable) return Body;
          throw new Defect(`object ${key}: S3 answered no stream`);
        } catch (error) {
          if (!GONE.has(serviceCode(error) ?? '')) throw error;
          throw new NotFound(`object ${key} is not there any more as it was dropped`, { key });
        }
      }),
  };
}
