// Addresses that are good for one object, by the permissions of this process. What is to be put is part of what is signed: its
// size, its digest (which S3 compares with what comes), its type, and that the key must be free.
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { Rejected } from '#errors/families.ts';
import type { Presigned, PresignRequest } from '#ports/objects.ts';
import { limits } from '#schemas/limits.ts';
import type { Bucket } from './object-info.ts';
import { asked } from './service-errors.ts';

type PutRequest = Extract<PresignRequest, { do: 'put' }>;

/** An address for that request. It needs no request to S3, but credentials that outlive it. */
export async function presign(bucket: Bucket, request: PresignRequest): Promise<Presigned> {
  const { key, milliseconds } = request;
  if (!(milliseconds > 0 && milliseconds <= limits.presigned)) {
    throw new Rejected(
      'invalid',
      `object ${key}: no address for ${milliseconds} ms; from 1 to ${limits.presigned}`,
    );
  }
  const expiresIn = Math.ceil(milliseconds / 1_000);
  if (request.do === 'put') return await presignPut(bucket, request, expiresIn);
  const command = new GetObjectCommand({ Bucket: bucket.bucket, Key: key });
  const url = await asked({ subject: `object ${key}`, permission: 's3:GetObject' }, () =>
    getSignedUrl(bucket.client, command, { expiresIn }),
  );
  return { method: 'GET', url, headers: {} };
}

async function presignPut(
  { client, bucket }: Bucket,
  { key, size, sha256, mediaType }: PutRequest,
  expiresIn: number,
): Promise<Presigned> {
  if (size > limits.objectPutBytes) {
    throw new Rejected(
      'too_large',
      `object ${key}: ${size} bytes; by one address at most ${limits.objectPutBytes}`,
    );
  }
  const checksum = Buffer.from(sha256, 'hex').toString('base64');
  const headers: Record<string, string> = {
    'if-none-match': '*',
    'x-amz-checksum-sha256': checksum,
    'x-amz-meta-sha256': sha256,
    ...(mediaType === undefined ? {} : { 'content-type': mediaType }),
  };
  const command = new PutObjectCommand({
    ...{ Bucket: bucket, Key: key, ContentLength: size, IfNoneMatch: '*' },
    ...{ ChecksumSHA256: checksum, Metadata: { sha256 }, ContentType: mediaType },
  });
  // As headers, where S3 judges them, and not as parts of the address.
  const names = new Set(Object.keys(headers));
  const url = await asked({ subject: `object ${key}`, permission: 's3:PutObject' }, () =>
    getSignedUrl(client, command, {
      expiresIn,
      ...{
        unhoistableHeaders: names,
        signableHeaders: new Set([...names, 'host', 'content-length']),
      },
    }),
  );
  return { method: 'PUT', url, headers };
}
