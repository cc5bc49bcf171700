// Objects in S3: the contract, then what only a bucket can meet.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createObjects } from '#aws/objects.ts';
import type { Objects } from '#ports/objects.ts';
import { limits } from '#schemas/limits.ts';
import { type FreshBucket, freshBucket } from '#support/aws/buckets.ts';
import { emulated, ministack } from '#support/aws/clients.ts';
import { objectsContract } from '../contract/objects-contract.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The first request of that kind is done, but nobody hears of it: the client tries again. */
function loseFirstAnswer(client: S3Client, command: string): void {
  let lost = false;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const answer = await next(args);
      if (lost || context.commandName !== command) return answer;
      lost = true;
      throw Object.assign(new TypeError('socket hang up'), { code: 'ECONNRESET' });
    },
    { step: 'deserialize', priority: 'low' },
  );
}

describe.skipIf(ministack === '')('S3', () => {
  objectsContract('S3 in the emulator', async () => {
    const { close, ...bucket } = await freshBucket(ministack);
    return { objects: createObjects(bucket), putsByAddress: true, close };
  });

  let bucket: FreshBucket;
  let objects: Objects;
  beforeEach(async () => {
    bucket = await freshBucket(ministack);
    objects = createObjects(bucket);
  });
  afterEach(async () => {
    await bucket.close();
  });

  const about = async (key: string) =>
    await bucket.client
      .send(new GetObjectCommand({ Bucket: bucket.bucket, Key: `.about/${key}.json` }))
      .then(({ Body }) => Body?.transformToString());
  const foreign = async (key: string, text: string) =>
    await bucket.client.send(new PutObjectCommand({ Bucket: bucket.bucket, Key: key, Body: text }));
  const uploads = async () =>
    (await bucket.client.send(new ListMultipartUploadsCommand({ Bucket: bucket.bucket }))).Uploads;
  /** A stream of three parts, the last one small; each begins with its number. */
  const large = Array.from({ length: 3 }, (_, n) =>
    Buffer.alloc(n < 2 ? limits.objectPartBytes : 5, `${n}`),
  );
  const largeDigest = sha256(Buffer.concat(large));
  const largeStream = () =>
    Readable.from(large.flatMap((part) => [part.subarray(0, 3), part.subarray(3)]));

  test('a stream of several parts is put whole, with its digest and media type', async () => {
    const info = await objects.put('NS/a/x', largeStream(), { mediaType: 'text/x' });
    const size = 2 * limits.objectPartBytes + 5;
    expect(info).toEqual({ key: 'NS/a/x', size, sha256: largeDigest, mediaType: 'text/x' });
    expect(await objects.info('NS/a/x')).toEqual(info);
    expect(sha256(await buffer(await objects.stream('NS/a/x')))).toBe(largeDigest);
    const range = { from: limits.objectPartBytes - 1, to: limits.objectPartBytes + 1 };
    expect(String(await buffer(await objects.stream('NS/a/x', range)))).toBe('01');
  });

  test('parts that end where the stream ends are one object', async () => {
    const exact = [
      Buffer.alloc(limits.objectPartBytes, 'a'),
      Buffer.alloc(limits.objectPartBytes, 'b'),
    ];
    const info = await objects.put('NS/a/x', Readable.from(exact));
    expect(info).toMatchObject({
      size: 2 * limits.objectPartBytes,
      sha256: sha256(Buffer.concat(exact)),
    });
    expect(await objects.put('NS/a/y', Readable.from(exact.slice(1)))).toMatchObject({
      size: limits.objectPartBytes,
    });
  });

  test('the same parts twice are no error, others are refused, and no part stays', async () => {
    await objects.put('NS/a/x', largeStream());
    expect(await objects.put('NS/a/x', largeStream())).toMatchObject({ sha256: largeDigest });
    const other = Readable.from([...large, Buffer.from('more')]);
    await expect(objects.put('NS/a/x', other)).rejects.toMatchObject({ family: 'rejected' });
    expect(await objects.info('NS/a/x')).toMatchObject({ sha256: largeDigest });
    expect(await uploads()).toBeUndefined();
  });

  test('a stream that breaks off after its first parts leaves none of them', async () => {
    const broken = Readable.from(
      (async function* () {
        yield* large;
        throw new TypeError('the other end went away');
      })(),
    );
    await expect(objects.put('NS/a/x', broken)).rejects.toThrow('went away');
    expect(await objects.info('NS/a/x')).toBeUndefined();
    expect(await uploads()).toBeUndefined();
  });

  test('of several that put parts at once, one wins whole and no part of the others stays', async () => {
    const contents = ['a', 'b', 'c'].map((letter) =>
      Buffer.alloc(limits.objectPartBytes + 1, letter),
    );
    const tries = await Promise.allSettled(
      contents.map((bytes) => objects.put('NS/a/x', Readable.from([bytes]))),
    );
    const won = contents.filter((_, n) => tries[n]?.status === 'fulfilled').map(sha256);
    expect(won).toHaveLength(1);
    expect(await objects.info('NS/a/x')).toMatchObject({ sha256: won[0] });
    expect(sha256(await buffer(await objects.stream('NS/a/x')))).toBe(won[0]);
    expect(await uploads()).toBeUndefined();
  });

  test.each([
    ['PutObjectCommand', () => Buffer.from('text'), sha256(Buffer.from('text'))],
    ['CompleteMultipartUploadCommand', largeStream, largeDigest],
  ])(
    'where the answer to %s is lost, what was put is found again',
    async (command, body, digest) => {
      loseFirstAnswer(bucket.client, command);
      expect(await objects.put('NS/a/x', body())).toMatchObject({ sha256: digest });
      expect(sha256(await buffer(await objects.stream('NS/a/x')))).toBe(digest);
      expect(await uploads()).toBeUndefined();
    },
  );

  test('what somebody else put is an object; its digest is reckoned once and kept beside it', async () => {
    await foreign('NS/a/drop', 'text');
    const info = { key: 'NS/a/drop', size: 4, sha256: sha256(Buffer.from('text')) };
    expect(await objects.info('NS/a/drop')).toEqual(info);
    expect(await about('NS/a/drop')).toContain(info.sha256);
    expect(await objects.info('NS/a/drop')).toEqual(info);
    // Whoever else may write there may change it: what was kept is then of another content.
    await foreign('NS/a/drop', 'TEXT');
    expect(await objects.info('NS/a/drop')).toMatchObject({ sha256: sha256(Buffer.from('TEXT')) });
  });

  test('what is kept beside an object may be spoilt, and goes with it', async () => {
    const info = await objects.put('NS/a/x', largeStream());
    await foreign('.about/NS/a/x.json', '{"size":');
    expect(await objects.info('NS/a/x')).toEqual(info);
    await objects.remove('NS/a/x');
    await expect(about('NS/a/x')).rejects.toMatchObject({ name: 'NoSuchKey' });
    expect((await objects.list('NS/a/')).objects).toEqual([]);
  });

  test('an address holds for the time that was asked, in whole seconds', async () => {
    await objects.put('NS/a/x', Buffer.from('text'));
    const { url } = await objects.presign({ do: 'get', key: 'NS/a/x', milliseconds: 1 });
    expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('1');
  });

  test('what is to be put by an address is signed: its size, digest, type, and that the key is free', async () => {
    const { url, headers } = await objects.presign({
      ...{ do: 'put', key: 'NS/a/x', milliseconds: 1_000, size: 3, sha256: '0'.repeat(64) },
      mediaType: 'text/plain',
    });
    const signed = new URL(url).searchParams.get('X-Amz-SignedHeaders')?.split(';');
    expect(signed).toEqual(expect.arrayContaining(['content-length', ...Object.keys(headers)]));
    expect(Object.keys(headers).sort()).toEqual([
      ...['content-type', 'if-none-match', 'x-amz-checksum-sha256', 'x-amz-meta-sha256'],
    ]);
    expect(url).not.toContain('crc32');
  });

  test('a bucket that is not there is a defect of the deployment', async () => {
    const gone = createObjects({ ...bucket, bucket: 'millrace-gone' });
    await expect(gone.get('NS/a/x')).rejects.toMatchObject({
      family: 'defect',
      message: expect.stringContaining('deploy'),
    });
    await expect(gone.put('NS/a/x', Buffer.from(''))).rejects.toMatchObject({ family: 'defect' });
  });

  test('S3 that cannot be reached is Transient', async () => {
    const client = new S3Client({ ...emulated('http://127.0.0.1:1'), maxAttempts: 1 });
    const away = createObjects({ client, bucket: 'x' });
    await expect(away.info('NS/a/x')).rejects.toMatchObject({
      family: 'transient',
      code: 'unavailable',
    });
  });
});
