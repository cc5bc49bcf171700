// Archives of environments and trees in the object store: tar, packed by zstd. The system's tar packs and unpacks; it makes links last
// and follows none on the way, so that an archive writes nowhere but into its own folder.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { Transform, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { Rejected, Transient } from '#errors/families.ts';
import type { Archive, Archived } from '#runner/archive.ts';
import { limits } from '#schemas/limits.ts';
import type { Attempts } from './attempts.ts';
import { digestOf, type Objects } from './objects.ts';
import { say } from './say.ts';

export interface ArchiveOptions {
  readonly attempts: Attempts;
  readonly objects: Objects;
  readonly namespace: string;
  /** Where an archive lies while it is made. */
  readonly folder: string;
  /** Whether what is made is kept for others: only jobs that prepare may. */
  readonly keeps: boolean;
}

export class StoredArchive implements Archive {
  readonly #options: ArchiveOptions;

  constructor(options: ArchiveOptions) {
    this.#options = options;
  }

  async restore(what: Archived, folder: string): Promise<boolean> {
    try {
      const packed = await this.#options.objects.open(this.#keyOf(what), what.signal);
      if (packed === undefined) return false;
      await mkdir(folder, { recursive: true });
      await unpack(packed, folder, what.signal);
      return true;
    } catch (error) {
      // What cannot be restored is made anew.
      if (what.signal?.aborted === true) throw error;
      say(`${nameOf(what)} could not be restored: ${messageOf(error)}`);
      await rm(folder, { recursive: true, force: true });
      return false;
    }
  }

  async keep(what: Archived, folder: string, members: readonly string[]): Promise<void> {
    if (!this.#options.keeps) return;
    const file = path.join(this.#options.folder, `${randomBytes(6).toString('hex')}.tar.zst`);
    try {
      await pack({ folder, members, file, signal: what.signal });
      await this.#options.objects.put([
        { key: this.#keyOf(what), file, ...(await digestOf(file)) },
      ]);
    } catch (error) {
      say(`${nameOf(what)} could not be kept for other jobs: ${messageOf(error)}`);
    } finally {
      await rm(file, { force: true });
    }
  }

  async once<T>(
    what: Archived,
    find: () => Promise<T | undefined>,
    make: () => Promise<T>,
  ): Promise<T> {
    const { attempts, keeps } = this.#options;
    const name = `env-${what.name}`;
    for (;;) {
      const found = await find();
      if (found !== undefined) return found;
      if (!keeps) return make();
      const { held, milliseconds } = await attempts.lease(name, true);
      if (held) return this.#holding(name, milliseconds, async () => (await find()) ?? make());
      // Bounded by whoever holds it: builds have a timeout of their own, and a lease that is not renewed is over.
      const wait = Math.min(milliseconds, limits.archiveLook);
      await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal: what.signal });
    }
  }

  async #holding<T>(name: string, milliseconds: number, work: () => Promise<T>): Promise<T> {
    const { attempts } = this.#options;
    const told = (error: unknown) => say(`lease ${name}: ${messageOf(error)}`);
    const renewing = setInterval(
      () => void attempts.lease(name, true).catch(told),
      milliseconds / 3,
    );
    try {
      return await work();
    } finally {
      clearInterval(renewing);
      await attempts.lease(name, false).catch(told);
    }
  }

  #keyOf({ kind, name }: Archived): string {
    return `NS/${this.#options.namespace}/${kind}/${name}.tar.zst`;
  }
}

/** Members in the order in which they are given, what is below them sorted. */
async function pack(packing: {
  readonly folder: string;
  readonly members: readonly string[];
  readonly file: string;
  readonly signal: AbortSignal | undefined;
}): Promise<void> {
  const { folder, members, file, signal } = packing;
  const names = members.map((name) => `./${name}`);
  const owner = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name'];
  const tar = spawn('tar', ['-c', '-f', '-', ...owner, '-C', folder, '--', ...names], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  const compress = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  await both(tar, pipeline(tar.stdout, compress, createWriteStream(file, { mode: 0o600 })));
}

const tooLarge = (): Rejected =>
  new Rejected('too_large', `it unpacks to more than ${limits.archiveBytes} bytes`);

async function unpack(
  packed: NodeJS.ReadableStream,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const args = ['-x', '-f', '-', '--no-same-owner', '--delay-directory-restore', '-C', folder];
  const tar = spawn('tar', args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  let bytes = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      const over = bytes > limits.archiveBytes;
      done(over ? tooLarge() : null, chunk);
    },
  });
  // That it reads no further than to the end of the archive is no error; what it says of its own end counts.
  tar.stdin.on('error', () => undefined);
  const into = new Writable({
    write: (chunk: Buffer, _, done) => void tar.stdin.write(chunk, () => done()),
    final: (done) => {
      tar.stdin.end();
      done();
    },
  });
  await both(tar, pipeline(packed, createZstdDecompress(), bounded, into));
}

/** What tar says of its end tells more than that a pipe broke, unless it was ended because nothing more comes. */
async function both(tar: ReturnType<typeof spawn>, flow: Promise<void>): Promise<void> {
  let killed = false;
  const flowing = flow.catch((error: unknown) => {
    killed = tar.exitCode === null && tar.kill('SIGKILL');
    throw error;
  });
  const [end, flowed] = await Promise.allSettled([ended(tar), flowing]);
  if (end.status === 'rejected' && !killed) throw end.reason;
  if (flowed.status === 'rejected') throw flowed.reason;
}

async function ended(tar: ReturnType<typeof spawn>): Promise<void> {
  const told = tar.stderr === null ? Promise.resolve('') : text(tar.stderr);
  const code = await new Promise<number | null>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('close', resolve);
  });
  if (code !== 0)
    throw new Transient(
      'unavailable',
      `tar ended with ${code}: ${(await told).trim().slice(0, 500)}`,
    );
}

const nameOf = ({ kind, name }: Archived): string =>
  `${kind === 'trees' ? 'the tree of commit' : 'environment'} ${name.slice(0, 12)}`;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
