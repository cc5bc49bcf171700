// Writes the entries of a tar into a fresh folder, which nobody else knows yet: what is there this writer made, and so it knows of each folder
// that it is one and no link. What would lie, lead or work outside of the folder is refused. Large files are written beside what comes next, to
// what was opened for them; everything else is there before the next entry is looked at.
import {
  closeSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import type { ReadEntry } from 'tar';
import { limits } from '#schemas/limits.ts';
import { EnvironmentFailed } from './failed.ts';

/** Why an archive is not taken, without its name. */
export class Refused extends EnvironmentFailed {}

const FILES = new Set(['File', 'OldFile', 'ContiguousFile']);
const KINDS = new Set([...FILES, 'Directory', 'SymbolicLink', 'Link']);
/** So GNU tar calls them in a header that older readers understand. */
const SPARSE = /(?:^|\/)GNUSparseFile\.\d+\//;
const SET_ID = 0o6000;
const PERMISSIONS = 0o777;
const OWN = 0o700;
/** Bytes of a piece that is worth another thread. */
const LATE = 64 * 1024;
/** As many as Linux follows. */
const HOPS = 40;

export class EntryWriter {
  readonly #root: string;
  readonly #folders = new Set(['']);
  /** Where each symbolic link leads, as it is written. */
  readonly #links = new Map<string, string>();
  readonly #open = new Set<number>();
  /** Files that are written beside what comes next. */
  readonly #late = new Set<Promise<void>>();
  #lateBytes = 0;
  #failure: unknown;
  #bytes = 0;
  #entries = 0;

  constructor(root: string) {
    this.#root = root;
  }

  /** Takes one entry and all that it holds. Throws Refused, then or while its content comes. */
  take(entry: ReadEntry): void {
    this.#count(entry);
    const name = inner(entry.path);
    const isFolder = entry.type === 'Directory';
    if (name === '' && !isFolder)
      throw new Refused(`${entry.path}: the folder itself, as a ${entry.type}`);
    if (!isFolder) this.#folder(parentOf(name));
    if (isFolder) this.#folder(name, entry.mode);
    else if (FILES.has(entry.type)) this.#file(name, entry);
    else if (entry.type === 'Link') this.#hardLink(name, entry.linkpath ?? '');
    else this.#symbolicLink(name, entry.linkpath ?? '');
    entry.resume();
  }

  /** When no more is on its way to the disk than may be. Throws what went wrong there. */
  async room(most: number = limits.archiveWriteAhead): Promise<void> {
    while (this.#lateBytes > most || (most === 0 && this.#late.size > 0))
      await Promise.race(this.#late);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** When all is there. Throws Refused: links may lead through others that came later. */
  async end(): Promise<void> {
    await this.room(0);
    this.#checkLinks();
  }

  /** Nothing is written any more when it resolves; what a refused archive has left open is closed. Never rejects. */
  async close(): Promise<void> {
    await Promise.all(this.#late);
    for (const file of this.#open) closeSync(file);
    this.#open.clear();
  }

  #checkLinks(): void {
    const left = { steps: limits.archiveLinkSteps };
    for (const [name, target] of this.#links) {
      if (this.#leadsOut(name, left))
        throw new Refused(`${name}: a link that leads out of the archive, to ${target}`);
    }
  }

  #count({ path, type, mode = 0, size }: ReadEntry): void {
    this.#entries += 1;
    this.#bytes += size;
    if (this.#entries > limits.archiveEntries)
      throw new Refused(`it has more than ${limits.archiveEntries} entries`);
    if (this.#bytes > limits.archiveBytes)
      throw new Refused(`it unpacks to more than ${limits.archiveBytes} bytes`);
    if (!KINDS.has(type)) throw new Refused(`${path}: a ${type}`);
    if (SPARSE.test(path)) throw new Refused(`${path}: a sparse file`);
    if ((mode & SET_ID) !== 0) throw new Refused(`${path}: a set-id file`);
  }

  /** With those above it, which need no entries of their own. */
  #folder(name: string, mode = PERMISSIONS): void {
    if (this.#folders.has(name)) return;
    this.#folder(parentOf(name));
    try {
      mkdirSync(this.#at(name), (mode & PERMISSIONS) | OWN);
    } catch (error) {
      if (isThere(error)) throw new Refused(`${name}: a folder, where a file or a link lies`);
      throw error;
    }
    this.#folders.add(name);
  }

  #file(name: string, entry: ReadEntry): void {
    const file = this.#anew(name, () =>
      // Exclusively: never what is there, and never through a link.
      openSync(this.#at(name), 'wx', (entry.mode ?? 0o666) & PERMISSIONS),
    );
    this.#open.add(file);
    let late: Promise<void> | undefined;
    entry.on('data', (chunk: Buffer) => {
      if (late === undefined && chunk.length < LATE) writeAtOnce(file, chunk);
      else late = this.#later(chunk.length, writeAfter(late, file, chunk));
    });
    entry.on('end', () => {
      const done = (): void => this.#done(file, entry.mtime);
      if (late === undefined) done();
      else void this.#later(0, late.then(done));
    });
  }

  #done(file: number, mtime: Date | undefined): void {
    // What Python compiled counts only beside a source of that time.
    if (mtime !== undefined) futimesSync(file, mtime, mtime);
    this.#open.delete(file);
    closeSync(file);
  }

  #later(bytes: number, work: Promise<void>): Promise<void> {
    this.#lateBytes += bytes;
    const ended = work
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .then(() => {
        this.#lateBytes -= bytes;
        this.#late.delete(ended);
      });
    this.#late.add(ended);
    return work;
  }

  #symbolicLink(name: string, target: string): void {
    if (target.startsWith('/'))
      throw new Refused(`${name}: a link that leads out of the archive, to ${target}`);
    this.#anew(name, () => symlinkSync(target, this.#at(name)));
    this.#links.set(name, target);
  }

  #hardLink(name: string, target: string): void {
    const to = inner(target);
    // Another name of a link is that link.
    const link = this.#links.get(to);
    if (link !== undefined) {
      this.#symbolicLink(name, link);
      return;
    }
    // The system would follow links among its folders.
    if (!this.#folders.has(parentOf(to)))
      throw new Refused(`${name}: a link to ${target}, which is not there`);
    this.#anew(name, () => linkSync(this.#at(to), this.#at(name)));
  }

  /** A later entry takes the place of an earlier one, but never that of a folder. */
  #anew<T>(name: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!isThere(error)) throw error;
      if (this.#folders.has(name)) throw new Refused(`${name}: a folder has that name`);
      unlinkSync(this.#at(name));
      this.#links.delete(name);
      return make();
    }
  }

  /** Follows a link as the system would. */
  #leadsOut(link: string, left: { steps: number }): boolean {
    const at: string[] = [];
    const ahead = link.split('/').reverse();
    for (let hops = 0, part = ahead.pop(); part !== undefined; part = ahead.pop()) {
      left.steps -= 1;
      if (left.steps < 0) throw new Refused('its links are too many, or lead too far');
      if (part === '..' && at.pop() === undefined) return true;
      if (part === '' || part === '.' || part === '..') continue;
      at.push(part);
      const target = this.#links.get(at.join('/'));
      if (target === undefined) continue;
      hops += 1;
      if (hops > HOPS) return false;
      at.pop();
      ahead.push(...target.split('/').reverse());
    }
    return false;
  }

  #at(name: string): string {
    return `${this.#root}/${name}`;
  }
}

function writeAtOnce(file: number, chunk: Buffer): void {
  for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
}

const written = promisify(write);

async function writeAfter(
  before: Promise<void> | undefined,
  file: number,
  chunk: Buffer,
): Promise<void> {
  await before;
  for (let at = 0; at < chunk.length; )
    at += (await written(file, chunk, at, chunk.length - at, null)).bytesWritten;
}

/** A path of the archive as names of folders with one slash between, and nothing else. Throws Refused for one that leads elsewhere. */
function inner(name: string): string {
  const parts = name.split('/');
  if (parts[0] === '' || parts.includes('..'))
    throw new Refused(`${name}: a path that leads out of the archive`);
  return parts.filter((part) => part !== '' && part !== '.').join('/');
}

function parentOf(name: string): string {
  return name.slice(0, Math.max(name.lastIndexOf('/'), 0));
}

function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
