// Objects in one S3 bucket, under their keys as they are. Nothing takes the place of another object: every put is conditional.
// What lies below `.about/` is what could not be said when the object was written; it may be lost without harm.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Conflict, Defect, NotFound, Rejected } from '#errors/families.ts';
import type { ListPage, ObjectInfo, Objects } from '#ports/objects.ts';
import { limits } from '#schemas/limits.ts';
import { refuseKey, refusePrefix } from '#shared/object-keys.ts';
import { aboutKey, type Bucket, bodyOf, readInfo, rememberInfo, type Told } from './object-info.ts';
import { beginningOf, isTaken, putParts } from './object-parts.ts';
import { presign } from './object-presign.ts';
import { asked } from './service-errors.ts';

export interface ObjectsOptions {
  readonly client: S3Client;
  readonly bucket: string;
}

/** Objects in that bucket. */
export function createObjects(options: ObjectsOptions): Objects {
  return {
    put: async (key, body, { mediaType } = {}) => {
      refuseKey(key);
      const told = { key, ...(mediaType === undefined ? {} : { mediaType }) };
      if (body instanceof Uint8Array) return await putWhole(options, told, body);
      const { bytes, rest } = await beginningOf(body, limits.objectPartBytes);
      if (rest === undefined) return await putWhole(options, told, bytes);
      return await putStream(options, told, { bytes, rest });
    },
    get: async (key) => {
      refuseKey(key);
      const stream = await bodyOf(options, key);
      if (stream === undefined) return undefined;
      // The answer may break off while it is read.
      return await asked(tried(key, 's3:GetObject'), () => buffer(stream));
    },
    stream: async (key, range) => {
      refuseKey(key);
      const stream = await rangeOf(options, key, range);
      if (stream === undefined) throw new NotFound(`object ${key}: none there`);
      return stream;
    },
    info: async (key) => {
      refuseKey(key);
      return await readInfo(options, key);
    },
    list: async (prefix, cursor) => {
      refusePrefix(prefix);
      return await listPage(options, prefix, cursor);
    },
    remove: async (key) => {
      refuseKey(key);
      await removeBoth(options, key);
    },
    presign: async (request) => {
      refuseKey(request.key);
      return await presign(options, request);
    },
  };
}

async function putWhole(bucket: Bucket, told: Told, bytes: Uint8Array): Promise<ObjectInfo> {
  const digest = createHash('sha256').update(bytes).digest();
  const info = { ...told, size: bytes.length, sha256: digest.toString('hex') };
  for (let turn = 1; turn <= limits.storeTries; turn += 1) {
    const won = await asked(tried(told.key, 's3:PutObject'), () =>
      unlessTaken(() =>
        bucket.client.send(
          new PutObjectCommand({
            ...{ Bucket: bucket.bucket, Key: told.key, Body: bytes, IfNoneMatch: '*' },
            // S3 compares it with what came; the metadata says it to whoever asks later, in one request.
            ChecksumSHA256: digest.toString('base64'),
            Metadata: { sha256: info.sha256 },
            ContentType: told.mediaType,
          }),
        ),
      ),
    );
    if (won) return info;
    const taken = await readInfo(bucket, told.key);
    if (taken !== undefined) return sameOrRefused(taken, info);
    // It was removed between the two: the key is free again.
  }
  throw removedMeanwhile(told.key);
}

async function putStream(
  bucket: Bucket,
  told: Told,
  body: { bytes: Uint8Array; rest: AsyncIterator<unknown> },
): Promise<ObjectInfo> {
  const { etag, size, sha256 } = await putParts(bucket, told, body);
  const info = { ...told, size, sha256 };
  if (etag !== undefined) {
    // The digest was not known when the parts began, and metadata cannot be added: it is said beside the object.
    await rememberInfo(bucket, { ...info, etag });
    return info;
  }
  const taken = await readInfo(bucket, told.key);
  // The stream has been read: only its owner can begin again.
  if (taken === undefined) throw removedMeanwhile(told.key);
  return sameOrRefused(taken, info);
}

function sameOrRefused(taken: ObjectInfo, info: ObjectInfo): ObjectInfo {
  if (taken.sha256 === info.sha256) return taken;
  throw new Rejected(
    'invalid',
    `object ${info.key}: another content is there already; objects never change`,
    { key: info.key },
  );
}

async function unlessTaken(request: () => Promise<unknown>): Promise<boolean> {
  try {
    await request();
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}

async function rangeOf(
  bucket: Bucket,
  key: string,
  range: { from: number; to?: number } | undefined,
): Promise<Readable | undefined> {
  const from = range?.from ?? 0;
  const to = range?.to;
  if (!(from >= 0) || (to !== undefined && to < from)) {
    throw new Rejected('invalid', `object ${key}: no range from ${from} to ${to}`);
  }
  if (from === 0 && to === undefined) return await bodyOf(bucket, key);
  if (to !== from)
    return await bodyOf(bucket, key, `bytes=${from}-${to === undefined ? '' : to - 1}`);
  // S3 has no word for an empty range; that the object is there is still asked.
  return (await readInfo(bucket, key)) === undefined ? undefined : Readable.from([]);
}

async function listPage(
  { client, bucket }: Bucket,
  prefix: string,
  cursor: string | undefined,
): Promise<ListPage> {
  const { Contents = [], IsTruncated } = await asked(tried(prefix, 's3:ListBucket'), () =>
    client.send(
      new ListObjectsV2Command({
        ...{ Bucket: bucket, Prefix: prefix, StartAfter: cursor, MaxKeys: limits.page },
      }),
    ),
  );
  const objects = Contents.flatMap(({ Key, Size }) =>
    Key === undefined ? [] : [{ key: Key, size: Size ?? 0 }],
  );
  const last = objects.at(-1);
  // The last key, and not the token of S3, which is good for one listing only.
  return IsTruncated === true && last !== undefined ? { objects, cursor: last.key } : { objects };
}

async function removeBoth({ client, bucket }: Bucket, key: string): Promise<void> {
  const { Errors = [] } = await asked(tried(key, 's3:DeleteObject'), () =>
    client.send(
      new DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Objects: [{ Key: key }, { Key: aboutKey(key) }], Quiet: true },
      }),
    ),
  );
  const [failed] = Errors;
  if (failed === undefined) return;
  throw new Defect(`object ${key}: not removed (${failed.Code}): ${failed.Message}`, {
    permission: 's3:DeleteObject',
  });
}

const tried = (key: string, permission: string) => ({ subject: `object ${key}`, permission });

const removedMeanwhile = (key: string): Conflict =>
  new Conflict('busy', `object ${key}: put and removed by others at the same time; put it again`);
