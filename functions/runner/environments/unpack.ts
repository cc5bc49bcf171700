// Unpacks the archive of an environment while it comes: a tar, packed by zstd in one frame. What is in it others made: whatever would
// land, lead or work outside of its folder is refused, and so is more of it than there may be.
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';
import { UnpackSync } from 'tar';
import { limits } from '#schemas/limits.ts';
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
const ZSTD = 0xfd2fb528;
const SET_ID = 0o6000;
const KINDS = new Set(['File', 'OldFile', 'ContiguousFile', 'Directory', 'SymbolicLink', 'Link']);

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
  try {
    await pipeline(packed, isZstd(), zstd, isTar(), writer(folder), {
      ...(unpacking.signal === undefined ? {} : { signal: unpacking.signal }),
    });
  } catch (error) {
    if (error instanceof EnvironmentFailed && !(error instanceof Refused)) throw error;
    throw new EnvironmentFailed(`the archive ${name} is refused: ${reasonOf(error)}`);
  }
  // Node reads the first frame of several and drops the rest without a word.
  if (zstd.bytesWritten !== size)
    throw new EnvironmentFailed(
      `the archive ${name} is refused: it has more than one zstd frame, of which only the first would be read; pack it again with: zstd -dc ARCHIVE | zstd > NEW`,
    );
}

class Refused extends EnvironmentFailed {}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' || /unexpected end/i.test(error.message))
    return 'it is cut short';
  if (/requires too much memory/i.test(error.message))
    return `its window is larger than is allowed; pack it without --long, or say so with --long=N`;
  return error.message;
}

/** Looks at the first bytes before anything is decoded. */
function isZstd(): Transform {
  return first(4, (head) => {
    if (head.readUInt32LE(0) !== ZSTD) throw new Refused('it is not packed by zstd');
  });
}

/** A packed file within the packed one would be unpacked unseen. */
function isTar(): Transform {
  return first(512, (head) => {
    if (head.toString('latin1', 257, 262) !== 'ustar') throw new Refused('it holds no tar');
  });
}

function first(bytes: number, look: (head: Buffer) => void): Transform {
  let head: Buffer | undefined = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _, done) {
      try {
        if (head === undefined) return done(null, chunk);
        head = Buffer.concat([head, chunk]);
        if (head.length < bytes) return done();
        look(head);
        const all = head;
        head = undefined;
        return done(null, all);
      } catch (error) {
        return done(error instanceof Error ? error : new Refused(String(error)));
      }
    },
    flush(done) {
      done(head === undefined ? null : new Refused('it is cut short'));
    },
  });
}

/**
 * Writes entries one after the other, each whole before the next is looked at: what is refused has left nothing behind that might still be
 * written. The runner does nothing else while one chunk of `MIB` is written.
 */
function writer(folder: string): Writable {
  let refused: Refused | undefined;
  let bytes = 0;
  let entries = 0;
  const refuse = (why: string): false => {
    refused ??= new Refused(why);
    return false;
  };
  const tar = new UnpackSync({
    cwd: folder,
    // Names that leave the folder, and links that do, are errors and not only left out.
    strict: true,
    preserveOwner: false,
    brotli: false,
    zstd: false,
    filter: (name, entry) => {
      if (refused !== undefined) return false;
      entries += 1;
      bytes += entry.size ?? 0;
      const type = 'type' in entry ? entry.type : '';
      if (entries > limits.archiveEntries)
        return refuse(`it has more than ${limits.archiveEntries} entries`);
      if (bytes > limits.archiveBytes)
        return refuse(`it unpacks to more than ${limits.archiveBytes} bytes`);
      if (!KINDS.has(type)) return refuse(`${name} is a ${type}`);
      if (((entry.mode ?? 0) & SET_ID) !== 0) return refuse(`${name} is a set-id file`);
      return true;
    },
  });
  let total = 0;
  const guarded = (work: () => void, done: (error?: Error | null) => void): void => {
    try {
      work();
      done(refused ?? null);
    } catch (error) {
      done(refused ?? (error instanceof Error ? error : new Refused(String(error))));
    }
  };
  return new Writable({
    write(chunk: Buffer, _, done) {
      total += chunk.length;
      if (total > limits.archiveBytes + limits.archiveEntries * 1024)
        refuse(`it unpacks to more than ${limits.archiveBytes} bytes`);
      guarded(() => void (refused ?? tar.write(chunk)), done);
    },
    final(done) {
      guarded(() => void tar.end(), done);
    },
  });
}
