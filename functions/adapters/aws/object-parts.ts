// Streams too large for one request: put in parts, which become an object at once or not at all. One part is in memory at a time.
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Defect, Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Bucket, Told } from './object-info.ts';
import { asked, serviceCode } from './service-errors.ts';

/** A stream that was begun: its first bytes, and the rest where there is one. */
export interface Begun {
  readonly bytes: Uint8Array;
  readonly rest: AsyncIterator<unknown>;
}

export interface Put {
  /** Absent where another content, or the same, was there first. */
  readonly etag?: string;
  readonly size: number;
  readonly sha256: string;
}

interface Upload extends Bucket {
  readonly key: string;
  readonly id: string;
}

/** True of the answer that the key is taken, or that another is taking it. */
export function isTaken(error: unknown): boolean {
  const code = serviceCode(error);
  return code === 'PreconditionFailed' || code === 'ConditionalRequestConflict';
}

/** The first bytes of a stream; `rest` is absent when they are all of it. */
export async function beginningOf(
  body: Readable,
  most: number,
): Promise<{ readonly bytes: Uint8Array; readonly rest?: AsyncIterator<unknown> }> {
  const rest = body[Symbol.asyncIterator]();
  const { bytes, ended } = await nextPart(rest, most);
  return ended ? { bytes } : { bytes, rest };
}

/** Puts what was begun. Whatever goes wrong, no part stays. */
export async function putParts(bucket: Bucket, told: Told, body: Begun): Promise<Put> {
  const upload = await beginUpload(bucket, told);
  try {
    const { parts, size, sha256 } = await sendParts(upload, body);
    const etag = await complete(upload, parts);
    if (etag === undefined) await abort(upload).catch(() => {});
    return { ...(etag === undefined ? {} : { etag }), size, sha256 };
  } catch (error) {
    // What went wrong first is what is said; parts left behind are removed by a rule of the bucket.
    await abort(upload).catch(() => {});
    throw error;
  }
}

async function beginUpload(bucket: Bucket, { key, mediaType }: Told): Promise<Upload> {
  const { UploadId } = await asked(tried(key), () =>
    bucket.client.send(
      new CreateMultipartUploadCommand({
        ...{ Bucket: bucket.bucket, Key: key, ContentType: mediaType },
      }),
    ),
  );
  if (UploadId === undefined) throw new Defect(`object ${key}: S3 began an upload without a name`);
  return { ...bucket, key, id: UploadId };
}

async function sendParts(
  upload: Upload,
  { bytes, rest }: Begun,
): Promise<{ parts: CompletedPart[]; size: number; sha256: string }> {
  const hash = createHash('sha256');
  const parts: CompletedPart[] = [];
  let size = 0;
  for (let part = { bytes, ended: false }; ; ) {
    if (parts.length >= limits.objectParts) throw tooLarge(upload.key);
    hash.update(part.bytes);
    size += part.bytes.length;
    parts.push(await sendPart(upload, parts.length + 1, part.bytes));
    if (part.ended) break;
    part = await nextPart(rest, limits.objectPartBytes);
    if (part.ended && part.bytes.length === 0) break;
  }
  return { parts, size, sha256: hash.digest('hex') };
}

async function sendPart(upload: Upload, number: number, bytes: Uint8Array): Promise<CompletedPart> {
  const { ETag, ChecksumCRC32 } = await asked(tried(upload.key), () =>
    upload.client.send(
      new UploadPartCommand({ ...named(upload), PartNumber: number, Body: bytes }),
    ),
  );
  return { PartNumber: number, ETag, ChecksumCRC32 };
}

/** Undefined where the key is taken, perhaps by these very parts: an answer may be lost, and the request repeated. */
async function complete(upload: Upload, parts: CompletedPart[]): Promise<string | undefined> {
  return await asked(tried(upload.key), async () => {
    try {
      const { ETag } = await upload.client.send(
        new CompleteMultipartUploadCommand({
          ...named(upload),
          ...{ MultipartUpload: { Parts: parts }, IfNoneMatch: '*' },
        }),
      );
      return ETag ?? '';
    } catch (error) {
      if (isTaken(error) || serviceCode(error) === 'NoSuchUpload') return undefined;
      throw error;
    }
  });
}

async function abort(upload: Upload): Promise<void> {
  await asked(tried(upload.key, 's3:AbortMultipartUpload'), () =>
    upload.client.send(new AbortMultipartUploadCommand(named(upload))),
  );
}

/** As many bytes as a part has, fewer at the end of the stream. What breaks in the stream comes as it is. */
async function nextPart(
  from: AsyncIterator<unknown>,
  most: number,
): Promise<{ bytes: Uint8Array; ended: boolean }> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  while (size < most) {
    const { done, value } = await from.next();
    if (done === true) return { bytes: Buffer.concat(pieces), ended: true };
    const piece = bytesOf(value);
    size += piece.length;
    pieces.push(piece);
  }
  return { bytes: Buffer.concat(pieces), ended: false };
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return Buffer.from(value);
  throw new Rejected('invalid', `a stream of ${typeof value} is no content of an object`);
}

const named = ({ bucket, key, id }: Upload) => ({ Bucket: bucket, Key: key, UploadId: id });

const tried = (key: string, permission = 's3:PutObject') => ({
  ...{ subject: `object ${key}`, permission },
});

const tooLarge = (key: string): Rejected =>
  new Rejected(
    'too_large',
    `object ${key}: more than ${limits.objectParts} parts of ${limits.objectPartBytes} bytes`,
  );
