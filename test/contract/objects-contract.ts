// What every store of objects must do, whatever it stands on.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Objects, PresignRequest } from '#ports/objects.ts';
import { limits } from '#schemas/limits.ts';

export interface OpenedObjects {
  readonly objects: Objects;
  /** True where an object can be put by an address; refused elsewhere. */
  readonly putsByAddress: boolean;
  close(): Promise<void> | void;
}

async function read(address: string): Promise<string> {
  const url = new URL(address);
  return url.protocol === 'file:' ? await readFile(url, 'utf8') : await (await fetch(url)).text();
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Judges a store; `open` answers a fresh, empty one. */
export function objectsContract(
  name: string,
  open: () => Promise<OpenedObjects> | OpenedObjects,
): void {
  describe(`objects: ${name}`, () => {
    let opened: OpenedObjects;
    let objects: Objects;
    beforeEach(async () => {
      opened = await open();
      objects = opened.objects;
    });
    afterEach(async () => {
      await opened.close();
    });
    const put = (key: string, text = key) => objects.put(key, Buffer.from(text));
    const listed = async (prefix: string) =>
      (await objects.list(prefix)).objects.map(({ key }) => key);

    test('what was put is read as it was, with its size, digest and media type', async () => {
      const text = 'h\u0000ä';
      const wanted = {
        key: 'NS/a/plans/x.json',
        size: 4,
        sha256: sha256(text),
        mediaType: 'application/json',
      };
      const { key, mediaType } = wanted;
      expect(await objects.put(key, Buffer.from(text), { mediaType })).toEqual(wanted);
      expect(await objects.get(key)).toEqual(Buffer.from(text));
      expect(await objects.info(key)).toEqual(wanted);
    });

    test('what was never put is undefined, and streaming it is not_found', async () => {
      expect(await objects.get('NS/a/none')).toBeUndefined();
      expect(await objects.info('NS/a/none')).toBeUndefined();
      await put('NS/a/some/thing');
      expect(await objects.get('NS/a/some')).toBeUndefined();
      await expect(objects.stream('NS/a/none')).rejects.toMatchObject({ code: 'not_found' });
      await objects.remove('NS/a/none');
    });

    test('the same content twice is no error, and keeps what is known', async () => {
      await objects.put('NS/a/x', Buffer.from('one'), { mediaType: 'text/plain' });
      expect(await put('NS/a/x', 'one')).toMatchObject({ sha256: sha256('one') });
      expect(await objects.info('NS/a/x')).toMatchObject({ mediaType: 'text/plain' });
    });

    test('another content under a taken key is refused, and the first stays', async () => {
      await put('NS/a/x', 'one');
      await expect(put('NS/a/x', 'two')).rejects.toMatchObject({ family: 'rejected' });
      expect(String(await objects.get('NS/a/x'))).toBe('one');
      expect(await objects.info('NS/a/x')).toMatchObject({ sha256: sha256('one') });
    });

    test('of several that put different contents at once, one wins whole', async () => {
      const texts = Array.from({ length: 10 }, (_, n) => `${n}`.repeat(100_000));
      const tries = await Promise.allSettled(texts.map((text) => put('NS/a/x', text)));
      const won = texts.filter((_, n) => tries[n]?.status === 'fulfilled');
      expect(won).toHaveLength(1);
      expect(String(await objects.get('NS/a/x'))).toBe(won[0]);
      expect(await objects.info('NS/a/x')).toMatchObject({ sha256: sha256(won[0] ?? '') });
    });

    test('an empty object is an object', async () => {
      await put('NS/a/empty', '');
      expect(await objects.get('NS/a/empty')).toEqual(Buffer.alloc(0));
      expect(await buffer(await objects.stream('NS/a/empty'))).toEqual(Buffer.alloc(0));
    });

    test('a stream of several megabytes is put and read whole', async () => {
      const part = Buffer.alloc(1_000_003, 'abc');
      const info = await objects.put('NS/a/big', Readable.from([part, part, part]));
      expect(info.size).toBe(part.length * 3);
      const back = await buffer(await objects.stream('NS/a/big'));
      expect(createHash('sha256').update(back).digest('hex')).toBe(info.sha256);
    });

    test('a stream that breaks off leaves no object', async () => {
      const broken = Readable.from(
        (async function* () {
          yield Buffer.from('half');
          throw new TypeError('the other end went away');
        })(),
      );
      await expect(objects.put('NS/a/x', broken)).rejects.toThrow('went away');
      expect(await objects.info('NS/a/x')).toBeUndefined();
      expect(await listed('NS/a/')).toEqual([]);
      await put('NS/a/x', 'whole');
    });

    test.each([
      [{ from: 2 }, '23456789'],
      [{ from: 2, to: 5 }, '234'],
      [{ from: 0, to: 1 }, '0'],
      [{ from: 3, to: 3 }, ''],
      [{ from: 8, to: 100 }, '89'],
    ])('a range of bytes: %j', async (range, wanted) => {
      await put('NS/a/x', '0123456789');
      expect(String(await buffer(await objects.stream('NS/a/x', range)))).toBe(wanted);
    });

    test('what was removed is gone, and its key is free', async () => {
      await objects.put('NS/a/x', Buffer.from('one'), { mediaType: 'text/plain' });
      await objects.remove('NS/a/x');
      expect(await objects.info('NS/a/x')).toBeUndefined();
      await put('NS/a/x', 'two');
      expect(await objects.info('NS/a/x')).toEqual({
        key: 'NS/a/x',
        size: 3,
        sha256: sha256('two'),
      });
    });

    describe('an address', () => {
      const milliseconds = 60_000;

      test('answers the object that was put, and only that one', async () => {
        await put('NS/a/x y/ä+?#%.txt', 'text');
        const { method, url } = await objects.presign({
          ...{ do: 'get', key: 'NS/a/x y/ä+?#%.txt', milliseconds },
        });
        expect(method).toBe('GET');
        expect(await read(url)).toBe('text');
      });

      test('of a key that no object may have, or for too long, is refused', async () => {
        const refused = { family: 'rejected' };
        const get = { do: 'get', key: 'NS/a/../b/x', milliseconds } as const;
        await expect(objects.presign(get)).rejects.toMatchObject(refused);
        for (const wrong of [0, -1, Number.NaN, limits.presigned + 1]) {
          const long = { do: 'get', key: 'NS/a/x', milliseconds: wrong } as const;
          await expect(objects.presign(long)).rejects.toMatchObject(refused);
        }
      });

      const wanted = (key: string, text: string): PresignRequest => ({
        do: 'put',
        ...{ key, milliseconds, size: Buffer.byteLength(text), sha256: sha256(text) },
        mediaType: 'text/plain',
      });

      test('takes exactly the content it was made for, or puts by address are refused', async () => {
        if (!opened.putsByAddress) {
          await expect(objects.presign(wanted('NS/a/x', 'text'))).rejects.toMatchObject({
            family: 'rejected',
          });
          return;
        }
        const send = async (text: string) => {
          const { url, ...request } = await objects.presign(wanted('NS/a/x', 'text'));
          return (await fetch(url, { ...request, body: text })).status;
        };
        expect(await send('texT')).toBe(400);
        expect(await objects.info('NS/a/x')).toBeUndefined();
        expect(await send('text')).toBe(200);
        expect(await objects.info('NS/a/x')).toEqual({
          ...{ key: 'NS/a/x', size: 4, sha256: sha256('text'), mediaType: 'text/plain' },
        });
        expect(await send('text')).toBe(412);
      });
    });

    describe('list', () => {
      test('is in the order of bytes, in and across folders, by any prefix', async () => {
        // A slash sorts after a hyphen and before a digit.
        const keys = ['NS/a/x-1', 'NS/a/x/1', 'NS/a/x/2/3', 'NS/a/x0', 'NS/a/ä'];
        for (const key of [...keys, 'NS/ab/x'].toReversed()) await put(key);
        expect(await listed('NS/a/')).toEqual(keys);
        expect(await listed('NS/a/x')).toEqual(keys.slice(0, 4));
        expect(await listed('NS/a/x/')).toEqual(['NS/a/x/1', 'NS/a/x/2/3']);
        expect(await listed('NS/a/x0')).toEqual(['NS/a/x0']);
        expect(await listed('NS/a/none/')).toEqual([]);
        expect((await objects.list('NS/a/x0')).objects).toEqual([{ key: 'NS/a/x0', size: 7 }]);
      });

      test('comes in pages that follow one another', async () => {
        const keys = Array.from(
          { length: limits.page + 5 },
          (_, n) => `NS/a/${n % 7}/${String(n).padStart(4, '0')}`,
        ).sort();
        await Promise.all(keys.map((key) => put(key, '')));
        const first = await objects.list('NS/a/');
        expect(first.objects).toHaveLength(limits.page);
        const second = await objects.list('NS/a/', first.cursor);
        expect(second.cursor).toBeUndefined();
        expect([...first.objects, ...second.objects].map(({ key }) => key)).toEqual(keys);
      });
    });

    test.each([
      '',
      'x',
      '/NS/a/x',
      'NS/a',
      'NS/a/',
      'NS/A/x',
      'NS//x',
      'NS/a//x',
      'NS/a/x/',
      'NS/a/../b/x',
      'NS/../a/x',
      'NS/a/.',
      'NS/a/./x',
      'NS/a/x\u0000',
      'NS/a/\ud800',
      '../NS/a/x',
      `NS/a/${'x'.repeat(limits.objectKeyBytes)}`,
      `NS/a/${'x/'.repeat(limits.objectKeyBytes / 2)}x`,
    ])('a key that no object may have is refused: %j', async (key) => {
      const refused = { family: 'rejected' };
      await expect(put(key)).rejects.toMatchObject(refused);
      await expect(objects.get(key)).rejects.toMatchObject(refused);
      await expect(objects.stream(key)).rejects.toMatchObject(refused);
      await expect(objects.info(key)).rejects.toMatchObject(refused);
      await expect(objects.remove(key)).rejects.toMatchObject(refused);
    });

    test('a list that leaves its namespace is refused', async () => {
      for (const prefix of ['', 'NS/', 'NS/a', 'NS/a/../b/', '/']) {
        await expect(objects.list(prefix)).rejects.toMatchObject({ family: 'rejected' });
      }
    });
  });
}
