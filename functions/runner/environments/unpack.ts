// Unpacks the archive of an environment while it comes: a tar, packed by zstd in one frame. What is in it others made: whatever would
// land, lead or work outside of its folder is refused, and so is more of it than there may be.
import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';
import { Parser } from 'tar';
import { limits } from '#schemas/limits.ts';
import { EntryWriter, Refused } from './entry-writer.ts';
import { EnvironmentFailed } from './failed.ts';

export interface Unpacking {
  /** For messages. */
  readonly name: string;
  /** Bytes of the archive. */
  readonly size: number;
  /** Bits of the window that the archive may ask for, where the pipeline says so. */
  readonly windowLog?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const MIB = 1024 * 1024;
const GATHERED = 256 * 1024;
const ZSTD = 0xfd2fb528;

/** Into an empty folder; what is there after a failure is to be thrown away. Throws EnvironmentFailed. */
export async function unpack(
  packed: AsyncIterable<Uint8Array>,
  folder: string,
  unpacking: Unpacking,
): Promise<void> {
  const { windowLog, size, name } = unpacking;
  const zstd = createZstdDecompress({
    chunkSize: MIB,
    ...(windowLog === undefined ? {} : { params: { [constants.ZSTD_d_windowLogMax]: windowLog } }),
  });
  const entries = new EntryWriter(folder);
  try {
    await pipeline(packed, ofZstd, zstd, ofTar, (tar) => write(tar, entries), {
      ...(unpacking.signal === undefined ? {} : { signal: unpacking.signal }),
    });
  } catch (error) {
    if (error instanceof EnvironmentFailed && !(error instanceof Refused)) throw error;
    const what = isOurs(error) ? 'could not be unpacked' : 'is refused';
    throw new EnvironmentFailed(`the archive ${name} ${what}: ${reasonOf(error)}`);
  } finally {
    await entries.close();
  }
  // Node reads the first frame of several and drops the rest without a word.
  if (zstd.bytesWritten !== size)
    throw new EnvironmentFailed(
      `the archive ${name} is refused: it has more than one zstd frame, of which only the first would be read; pack it again with: zstd -dc ARCHIVE | zstd > NEW`,
    );
}

/** What the machine lacks is no fault of the archive. */
const OURS = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EACCES',
  'EPERM',
  'EIO',
  'EMFILE',
  'ABORT_ERR',
]);

function isOurs(error: unknown): boolean {
  return error instanceof Error && 'code' in error && OURS.has(`${error.code}`);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' || /unexpected end/i.test(error.message))
    return 'it is cut short';
  if (/requires too much memory/i.test(error.message))
    return `its window is larger than is allowed; pack it without --long, or say so with --long=N`;
  return `${entryOf(error)}${error.message.replace(/^TAR_\w+: /, '')}`;
}

/** Of which entry an error of tar tells. */
function entryOf(error: Error): string {
  for (const each of ['entry', 'header']) {
    const told: unknown = Reflect.get(error, each);
    const name: unknown = told instanceof Object ? Reflect.get(told, 'path') : undefined;
    if (typeof name === 'string') return `${name}: `;
  }
  return '';
}

/** Looks at the first bytes before anything is decoded. */
async function* ofZstd(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* looked(gathered(packed), 4, (head) => {
    if (head.readUInt32LE(0) !== ZSTD) throw new Refused('it is not packed by zstd');
  });
}

/** A packed file within the packed one would be unpacked unseen. */
async function* ofTar(unpacked: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* looked(unpacked, 512, (head) => {
    if (head.toString('latin1', 257, 262) !== 'ustar') throw new Refused('it holds no tar');
  });
}

/** What comes from a network comes in small pieces, and each one that is decoded by itself costs more than it holds. */
async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    bytes += chunk.length;
    if (bytes < GATHERED) continue;
    yield Buffer.concat(held);
    held = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(held);
}

async function* looked(
  chunks: AsyncIterable<Uint8Array>,
  bytes: number,
  look: (head: Buffer) => void,
): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < bytes) continue;
    look(head);
    yield head;
    head = undefined;
  }
  if (head !== undefined) throw new Refused('it is cut short');
}

/** The next piece is decoded while one is written; besides that the runner does nothing meanwhile. */
async function write(tar: AsyncIterable<Uint8Array>, entries: EntryWriter): Promise<void> {
  const parser = new Parser({
    // What is damaged is an error, and not left out.
    strict: true,
    brotli: false,
    zstd: false,
    onReadEntry: (entry) => entries.take(entry),
  });
  parser.on('ignoredEntry', ({ path, type }) => {
    throw new Refused(`${path}: a kind that is not read, ${type}`);
  });
  let ended = false;
  parser.on('eof', () => {
    ended = true;
  });
  let total = 0;
  for await (const chunk of tar) {
    total += chunk.length;
    if (total > limits.archiveBytes + limits.archiveEntries * 1024)
      throw new Refused(`it unpacks to more than ${limits.archiveBytes} bytes`);
    // What follows the end the parser would keep, unread.
    if (!ended) parser.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    await entries.room();
  }
  parser.end();
  if (!ended) throw new Refused('it is cut short: the mark at the end is missing');
  await entries.end();
}
