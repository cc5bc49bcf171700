// Writes the entries of a tar into a fresh folder, which nobody else knows yet: what is there this writer made, and so it knows of each folder
// that it is one and no link. Each entry is whole before the next is looked at. What would lie, lead or work outside of the folder is refused.
import {
  closeSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
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
/** As many as Linux follows. */
const HOPS = 40;

export class EntryWriter {
  readonly #root: string;
  readonly #folders = new Set(['']);
  /** Where each symbolic link leads, as it is written. */
  readonly #links = new Map<string, string>();
  #bytes = 0;
  #entries = 0;
  #open: number | undefined;

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

  /** When all is there: links may lead through others that came later. */
  checkLinks(): void {
    const left = { steps: limits.archiveLinkSteps };
    for (const [name, target] of this.#links) {
      if (this.#leadsOut(name, left))
        throw new Refused(`${name}: a link that leads out of the archive, to ${target}`);
    }
  }

  /** What a refused archive has left open. */
  close(): void {
    if (this.#open !== undefined) closeSync(this.#open);
    this.#open = undefined;
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
    this.#open = file;
    entry.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
    });
    entry.on('end', () => {
      // What Python compiled counts only beside a source of that time.
      if (entry.mtime !== undefined) futimesSync(file, entry.mtime, entry.mtime);
      this.close();
    });
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
