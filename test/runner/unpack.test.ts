// Archives that others made: what is in them lands in its folder or nowhere.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { constants, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import { Header, type HeaderData } from 'tar';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ArchiveObject } from '#runner/environments/archive-store.ts';
import { unpack } from '#runner/environments/unpack.ts';
import { temporaryFolder } from './engine.ts';

let folder: string;
let target: string;
let server: Server | undefined;
beforeEach(() => {
  folder = temporaryFolder();
  target = path.join(folder, 'env');
  mkdirSync(target);
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

interface Entry extends HeaderData {
  readonly content?: string;
}

function tarOf(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ content = '', ...entry }) => {
    const size = entry.size ?? Buffer.byteLength(content);
    const header = new Header({ mode: 0o644, type: 'File', mtime: new Date(0), ...entry, size });
    const block = Buffer.alloc(512);
    header.encode(block);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
    body.write(content);
    return [block, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** The same with another kind in the first header. */
function ofType(tar: Buffer, type: string): Buffer {
  tar.write(type, 156);
  tar.fill(' ', 148, 156);
  const sum = tar.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return tar;
}

const file = (name: string, content = 'x'): Entry => ({ path: name, content });
const link = (name: string, linkpath: string): Entry => ({
  ...{ path: name, linkpath, type: 'SymbolicLink' },
});
const packed = (...entries: readonly Entry[]) => zstdCompressSync(tarOf(entries));
const taken = (bytes: Buffer, name = 's3://b/env.zst') =>
  unpack(chunks(bytes), target, { name, size: bytes.length });

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

test('files, folders, links within and modes come as they were', async () => {
  await taken(
    packed(
      { path: 'bin/', type: 'Directory', mode: 0o755 },
      { ...file('bin/python3', 'program'), mode: 0o755 },
      link('bin/python', 'python3'),
      { path: 'bin/same', linkpath: 'bin/python3', type: 'Link' },
    ),
  );
  expect(readFileSync(path.join(target, 'bin/python'), 'utf8')).toBe('program');
  expect(readFileSync(path.join(target, 'bin/same'), 'utf8')).toBe('program');
  expect(statSync(path.join(target, 'bin/python3')).mode & 0o777).toBe(0o755);
});

test('links may lead through others, and round in a circle; sources keep their time, for what was compiled of them', async () => {
  const mtime = new Date('2024-05-06T07:08:09Z');
  await taken(
    packed(
      link('lib/z.so', 'z.so.1'),
      link('lib/z.so.1', '../lib/./z.so.1.2'),
      { ...file('lib/z.so.1.2', 'library'), mtime },
      link('lib/round', 'round'),
      { path: 'lib/again', linkpath: 'lib/z.so', type: 'Link' },
    ),
  );
  expect(readFileSync(path.join(target, 'lib/z.so'), 'utf8')).toBe('library');
  expect(readFileSync(path.join(target, 'lib/again'), 'utf8')).toBe('library');
  expect(statSync(path.join(target, 'lib/z.so')).mtime).toEqual(mtime);
});

/** Larger than what is written at once, and not to be packed. */
const noise = randomBytes(3_000_000).toString('hex');

test('large files, which are written beside what follows, are whole', async () => {
  const mtime = new Date('2024-05-06T07:08:09Z');
  const large = (name: string): Entry => ({ ...file(name, `${noise}${name}`), mtime });
  await taken(packed(large('a'), file('b', 'small'), large('c'), large('a')));
  expect(readFileSync(path.join(target, 'a'), 'utf8')).toBe(`${noise}a`);
  expect(readFileSync(path.join(target, 'b'), 'utf8')).toBe('small');
  expect(readFileSync(path.join(target, 'c'), 'utf8')).toBe(`${noise}c`);
  expect(statSync(path.join(target, 'c')).mtime).toEqual(mtime);
});

test('what is refused while a large file is written leaves nothing open', async () => {
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  await expect(taken(packed(file('a', noise), link('b', '/etc')))).rejects.toThrow(/refused: b/);
  const cut = packed(file('a', noise)).subarray(0, 2_000_000);
  await expect(taken(cut)).rejects.toThrow(/cut short/);
  expect(open()).toBe(before);
});

test('of two entries of one name the later one counts, also where the first is a link', async () => {
  await taken(packed(file('a', 'first'), link('b', 'a'), file('b', 'own'), file('a', 'second')));
  expect(readFileSync(path.join(target, 'a'), 'utf8')).toBe('second');
  expect(readFileSync(path.join(target, 'b'), 'utf8')).toBe('own');
});

const long = 'a'.repeat(100_000);
const cases: readonly [string, () => Buffer, RegExp][] = [
  ['gzip', () => gzipSync(tarOf([file('a')])), /not packed by zstd/],
  ['nothing', () => Buffer.alloc(0), /cut short/],
  ['what is no tar', () => zstdCompressSync(Buffer.alloc(4096, 'x')), /holds no tar/],
  ['gzip within', () => zstdCompressSync(gzipSync(tarOf([file('a', long)]))), /no tar|cut short/],
  ['half of it', () => packed(file('a', long), file('b')).subarray(0, 60), /cut short|refused/],
  [
    'two frames',
    () => Buffer.concat([packed(file('a')), packed(file('b'))]),
    /more than one zstd frame/,
  ],
  ['an absolute path', () => packed(file('/tmp/millrace-escaped')), /refused/],
  ['a path upwards', () => packed(file('../escaped')), /refused/],
  ['a path upwards within', () => packed(file('a/../../escaped')), /refused/],
  ['a link upwards', () => packed(link('a', '../..')), /refused/],
  ['an absolute link', () => packed(link('a', '/etc')), /refused/],
  ['a file through a link', () => packed(link('a', '..'), file('a/escaped')), /refused/],
  [
    'a hard link outwards',
    () => packed({ path: 'a', linkpath: '../../etc/passwd', type: 'Link' }),
    /refused/,
  ],
  [
    'a hard link outwards through a link',
    () => packed(link('a', '.'), { path: 'b', linkpath: 'a/etc', type: 'Link' }),
    /b: a link to a\/etc/,
  ],
  [
    'a link that another one leads out',
    () => packed(file('x/y/z'), link('out', 'x/y/up/..'), link('x/y/up', '../..')),
    /out: a link that leads out/,
  ],
  [
    'another name of a link that leads out from there',
    () => packed(link('a/b/l', '../..'), { path: 'm', linkpath: 'a/b/l', type: 'Link' }),
    /m: a link that leads out/,
  ],
  ['a folder in the place of a link', () => packed(link('a', 'b'), file('a/c')), /a: a folder/],
  ['a link in the place of a folder', () => packed(file('a/c'), link('a', 'b')), /a: a folder/],
  ['a set-id file', () => packed({ ...file('a'), mode: 0o4755 }), /set-id/],
  ['a set-group-id file', () => packed({ ...file('a'), mode: 0o2755 }), /set-id/],
  [
    'a device',
    () => packed({ path: 'a', type: 'CharacterDevice', devmaj: 1, devmin: 3 }),
    /Device/,
  ],
  ['a pipe', () => packed({ path: 'a', type: 'FIFO' }), /FIFO/],
  [
    'a tar that stops between two entries',
    () => zstdCompressSync(tarOf([file('a')]).subarray(0, 1024)),
    /cut short: the mark at the end/,
  ],
  ['a kind that nobody knows', () => zstdCompressSync(ofType(tarOf([file('a')]), 'S')), /a kind/],
  ['holes', () => packed(file('GNUSparseFile.0/a')), /sparse file/],
  [
    'a header that is longer than is read',
    () => packed({ ...file('pax', long.repeat(20)), type: 'ExtendedHeader' }, file('a')),
    /a kind that is not read, ExtendedHeader/,
  ],
  ['more than there may be', () => packed({ ...file('a'), size: 2 ** 37 }), /more than \d+ bytes/],
];

test.each(cases)('%s is refused, and nothing lands outside', async (_, bytes, why) => {
  await expect(taken(bytes())).rejects.toThrow(why);
  expect(existsSync('/tmp/millrace-escaped')).toBe(false);
  expect(readdirSync(folder)).toEqual(['env']);
  expect(existsSync(path.join(path.dirname(folder), 'escaped'))).toBe(false);
});

test('what stands behind the end of the tar is neither read nor kept', async () => {
  const tar = Buffer.concat([tarOf([file('a', 'whole')]), Buffer.alloc(48 * 1024 * 1024)]);
  const before = process.memoryUsage.rss();
  await taken(zstdCompressSync(tar));
  expect(readFileSync(path.join(target, 'a'), 'utf8')).toBe('whole');
  // It was joined to one growing piece: gigabytes for an archive of some kilobytes.
  expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 1024 * 1024);
});

test('a refusal names the entry', async () => {
  await expect(taken(packed(file('a'), link('b/c', '/etc')))).rejects.toThrow(/refused: b\/c: /);
});

test('a build that is stopped is not the fault of the archive', async () => {
  const bytes = packed(file('a'));
  const signal = AbortSignal.abort();
  const stopped = unpack(chunks(bytes), target, { name: 'a', size: bytes.length, signal });
  await expect(stopped).rejects.toThrow(/could not be unpacked/);
});

test('a window that is larger than usual is refused unless the pipeline says so', async () => {
  const params = {
    [constants.ZSTD_c_windowLog]: 28,
    [constants.ZSTD_c_enableLongDistanceMatching]: 1,
  };
  // Packed as a stream it does not know how small it will be.
  const zstd = createZstdCompress({ params });
  zstd.end(tarOf([file('a', long)]));
  const bytes = await buffer(zstd);
  await expect(taken(bytes)).rejects.toThrow(/its window is larger/);
  await unpack(chunks(bytes), target, { name: 'a', size: bytes.length, windowLog: 28 });
  expect(readFileSync(path.join(target, 'a'), 'utf8')).toBe(long);
});

/** A store that breaks off after every so many bytes, and that says what it was asked. */
async function aBreakingStore(content: Buffer, step: number, tagOf: (turn: number) => string) {
  const asked: string[] = [];
  let turn = 0;
  server = createServer((request, response) => {
    const tag = tagOf(turn);
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    asked.push(`${request.method} ${from} ${request.headers['if-match'] ?? ''}`);
    if (request.headers['if-match'] !== undefined && request.headers['if-match'] !== tag) {
      response.writeHead(412).end();
      return;
    }
    response.writeHead(from === 0 ? 200 : 206, {
      etag: tag,
      'content-length': content.length - from,
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    turn += 1;
    response.write(content.subarray(from, from + step), () =>
      from + step >= content.length ? response.end() : response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const host = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
  const store = { endpoint: `http://127.0.0.1:${port}`, region: 'r', bucket: 'b', pathStyle: true };
  const environment = { kind: 'conda', key: 'k', store, update: false } as const;
  return { object: await ArchiveObject.at(environment, { cacheDir: folder, host }), asked };
}

async function readAll(object: ArchiveObject): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of object.read(await object.look())) all.push(chunk);
  return Buffer.concat(all);
}

test('what breaks off goes on where it was, as long as it is the same', async () => {
  const content = Buffer.alloc(300_000, 'abc');
  const { object, asked } = await aBreakingStore(content, 100_000, () => '"one"');
  const read = await readAll(object);
  expect(createHash('sha256').update(read).digest('hex')).toBe(
    createHash('sha256').update(content).digest('hex'),
  );
  expect(asked.filter((each) => each.startsWith('GET')).length).toBeGreaterThan(1);
});

test('what is replaced meanwhile is not joined with what came before', async () => {
  const content = Buffer.alloc(300_000, 'abc');
  const { object } = await aBreakingStore(content, 100_000, (turn) => (turn === 0 ? '"a"' : '"b"'));
  await expect(readAll(object)).rejects.toThrow(/replaced while it was read/);
});

test('a store that always breaks off is given up', async () => {
  const content = Buffer.alloc(3_000_000, 'abc');
  const { object } = await aBreakingStore(content, 100_000, () => '"one"');
  await expect(readAll(object)).rejects.toThrow(/broke off after \d+ of 3000000 bytes/);
});
