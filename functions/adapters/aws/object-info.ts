// What is known of an object: its metadata where we wrote it in one go, else a small object below `.about/`, else its content.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Defect } from '#errors/families.ts';
import type { ObjectInfo } from '#ports/objects.ts';
import { aboutPrefix } from '#schemas/aws.ts';
import { type ObjectAbout, objectAbout } from '#schemas/data-directory.ts';
import { digest } from '#schemas/ids.ts';
import { asked, serviceCode } from './service-errors.ts';

export interface Bucket {
  readonly client: S3Client;
  readonly bucket: string;
}

/** What the caller says of an object. */
export interface Told {
  readonly key: string;
  readonly mediaType?: string;
}

/** What S3 and its clients write where nothing was said. */
const NO_TYPE: ReadonlySet<string> = new Set(['application/octet-stream', 'binary/octet-stream']);

export const aboutKey = (key: string): string => `${aboutPrefix}${key}.json`;

/** Undefined where no object is. What came without a digest is read once, and its digest kept. */
export async function readInfo(bucket: Bucket, key: string): Promise<ObjectInfo | undefined> {
  const head = await headOf(bucket, key);
  if (head === undefined) return undefined;
  const size = head.ContentLength ?? 0;
  const type = head.ContentType;
  const told = type === undefined || NO_TYPE.has(type) ? { key } : { key, mediaType: type };
  const written = digest.safeParse(head.Metadata?.['sha256']);
  if (written.success) return { ...told, size, sha256: written.data };
  const { ETag: etag } = head;
  const about = await readAbout(bucket, key);
  if (about?.size === size && about.etag === etag) return { ...told, size, sha256: about.sha256 };
  const sha256 = await digestOf(bucket, key);
  await rememberInfo(bucket, { key, size, sha256, ...(etag === undefined ? {} : { etag }) });
  return { ...told, size, sha256 };
}

/** Says beside an object what its metadata does not. */
export async function rememberInfo(
  { client, bucket }: Bucket,
  info: { readonly key: string } & ObjectAbout,
): Promise<void> {
  const { key, size, sha256, etag } = info;
  await asked({ subject: `object ${key}`, permission: 's3:PutObject' }, () =>
    client.send(
      new PutObjectCommand({
        ...{ Bucket: bucket, Key: aboutKey(key), ContentType: 'application/json' },
        Body: JSON.stringify({ size, sha256, etag }),
      }),
    ),
  );
}

async function headOf(
  { client, bucket }: Bucket,
  key: string,
): Promise<HeadObjectCommandOutput | undefined> {
  return await asked({ subject: `object ${key}`, permission: 's3:GetObject' }, async () => {
    try {
      return await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    } catch (error) {
      if (serviceCode(error) === 'NotFound') return undefined;
      throw error;
    }
  });
}

/** Undefined where nothing is known, or where what lies there is not readable any more. */
async function readAbout(bucket: Bucket, key: string): Promise<ObjectAbout | undefined> {
  const body = await bodyOf(bucket, aboutKey(key));
  if (body === undefined) return undefined;
  try {
    const parsed = objectAbout.safeParse(JSON.parse(await text(body)));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function digestOf(bucket: Bucket, key: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of (await bodyOf(bucket, key)) ?? []) hash.update(chunk);
  return hash.digest('hex');
}

/** Undefined where no object is; nothing of a range that begins behind its end. */
export async function bodyOf(
  { client, bucket }: Bucket,
  key: string,
  range?: string,
): Promise<Readable | undefined> {
  return await asked({ subject: `object ${key}`, permission: 's3:GetObject' }, async () => {
    try {
      const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: range });
      const { Body } = await client.send(command);
      if (Body instanceof Readable) return Body;
      throw new Defect(`object ${key}: S3 answered no stream`);
    } catch (error) {
      if (serviceCode(error) === 'NoSuchKey') return undefined;
      if (serviceCode(error) === 'InvalidRange') return Readable.from([]);
      throw error;
    }
  });
}
