// Built environments of a user: each in a fresh folder of its own, found by what it was built from.
//
//   environments/<key>/<name>/         what a build made
//   environments/<key>/ready.json      written last; names the one folder that counts
//   environments/index/<hash>.json     what a commit and an environment came to last, so that nobody need ask the tools again
//   environments/logs/                 logs of builds that failed
//   environments/removed-<name>/       what was taken away and is being deleted
//
// A build that was interrupted left a folder that no marker names: it is never used and thrown away by the next build.
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { limits } from '#schemas/limits.ts';
import {
  type EnvironmentMarker,
  environmentIndex,
  environmentMarker,
} from '#schemas/runner-files.ts';
import { callTool } from '../tool.ts';
import type { KeyParts } from './kind.ts';

export type Marker = EnvironmentMarker;

export interface BuiltEnvironment {
  readonly key: string;
  readonly folder: string;
}

export function environmentsFolder(cacheDir: string): string {
  return path.join(cacheDir, 'environments');
}

export function keyOf(parts: KeyParts): string {
  const sorted = Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}

/** The finished environment under this key, or undefined. */
export function readyEnvironment(cacheDir: string, key: string): BuiltEnvironment | undefined {
  const found = readMarker(cacheDir, key);
  if (found === undefined) return undefined;
  const folder = path.join(environmentsFolder(cacheDir), key, found.folder);
  return existsSync(folder) ? { key, folder } : undefined;
}

export function readMarker(cacheDir: string, key: string): Marker | undefined {
  const parsed = environmentMarker.safeParse(readJson(markerFile(cacheDir, key)));
  return parsed.success ? parsed.data : undefined;
}

/**
 * An empty folder for a build; the lease is held. The first build of a key gets the same path every time, because the tools
 * remember what they learned about a path. Where something of an interrupted build lies, whoever left it may still be writing:
 * then the path is a new one.
 */
export function freshFolder(cacheDir: string, key: string): string {
  const home = path.join(environmentsFolder(cacheDir), key);
  const clean = !existsSync(home);
  if (!clean) rmSync(home, { recursive: true, force: true });
  const folder = path.join(home, clean ? FIRST : randomBytes(6).toString('hex'));
  mkdirSync(folder, { recursive: true });
  return folder;
}

const FIRST = '000000000000';
const MARKER = 'ready.json';

export function markReady(cacheDir: string, key: string, ready: Marker): void {
  writeWhole(markerFile(cacheDir, key), ready);
}

/** What of a finished environment is kept for other machines: the marker last, so that half of it does not count. */
export function membersOf({ folder }: BuiltEnvironment): readonly string[] {
  return [path.basename(folder), MARKER];
}

/** Takes over what another machine built; `unpack` fills a folder and answers whether there was something. The lease is held. */
export async function restoreEnvironment(
  cacheDir: string,
  key: string,
  unpack: (folder: string) => Promise<boolean>,
): Promise<BuiltEnvironment | undefined> {
  const home = path.join(environmentsFolder(cacheDir), key);
  const draft = `${home}.${randomBytes(6).toString('hex')}`;
  try {
    if (!(await unpack(draft)) || !existsSync(path.join(draft, MARKER))) return undefined;
    rmSync(home, { recursive: true, force: true });
    renameSync(draft, home);
    const { at, folder } = readMarker(cacheDir, key) ?? {};
    // It names its own path in its files: elsewhere it is another one.
    if (at !== undefined && at !== path.join(home, folder ?? '')) removeEnvironment(cacheDir, key);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return readyEnvironment(cacheDir, key);
}

/** Notes that it was used now, for `prune`. */
export function touch(cacheDir: string, key: string): void {
  const now = Date.now() / 1000;
  try {
    utimesSync(markerFile(cacheDir, key), now, now);
  } catch {
    // A shared, read-only cache is not pruned by us either.
  }
}

/** Bytes of its files, those shared with the cache of its tool included. Measured once, after it was built. */
export async function bytesOf(cacheDir: string, key: string): Promise<number> {
  const ready = readMarker(cacheDir, key);
  if (ready?.bytes !== undefined) return ready.bytes;
  const bytes = await measured(path.join(environmentsFolder(cacheDir), key, ready?.folder ?? ''));
  if (ready !== undefined) {
    const used = lastUse(cacheDir, key) / 1000;
    try {
      markReady(cacheDir, key, { ...ready, bytes });
      utimesSync(markerFile(cacheDir, key), used, used);
    } catch {
      // A shared, read-only cache: measured again the next time.
    }
  }
  return bytes;
}

/** By a program of its own: file by file from here would hold up whatever else this process does. */
async function measured(folder: string): Promise<number> {
  const end = await callTool({
    program: 'du',
    args: ['--summarize', '--bytes', '--', folder],
    environment: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    timeout: limits.measureTimeout,
  });
  const bytes = Number(/^\d+/.exec(end.stdout)?.[0]);
  return Number.isNaN(bytes) ? measuredHere(folder) : bytes;
}

/** Where there is no such program, or one that knows other words. */
async function measuredHere(folder: string): Promise<number> {
  let bytes = 0;
  const open = [folder];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true }).catch(() => [])) {
      const file = path.join(next, entry.name);
      if (entry.isDirectory()) open.push(file);
      else if (entry.isFile()) bytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    }
  }
  return bytes;
}

export function lastUse(cacheDir: string, key: string): number {
  return statSync(markerFile(cacheDir, key), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

export function keysOf(cacheDir: string): string[] {
  const home = environmentsFolder(cacheDir);
  if (!existsSync(home)) return [];
  return readdirSync(home).filter((name) => /^[0-9a-f]{64}$/.test(name));
}

/** What was found last for this question. */
export function indexed(cacheDir: string, question: string): string | undefined {
  const parsed = environmentIndex.safeParse(readJson(indexFile(cacheDir, question)));
  return parsed.success ? parsed.data.key : undefined;
}

export function index(cacheDir: string, question: string, key: string): void {
  writeIfMay(indexFile(cacheDir, question), { v: 1, key });
}

export function removeEnvironment(cacheDir: string, key: string): void {
  // First the marker: what is half removed must not count as ready.
  rmSync(markerFile(cacheDir, key), { force: true });
  rmSync(path.join(environmentsFolder(cacheDir), key), { recursive: true, force: true });
}

/** Takes it away in one step; what it was made of lies aside until it is swept. */
export function setAside(cacheDir: string, key: string): void {
  const home = environmentsFolder(cacheDir);
  if (!existsSync(path.join(home, key))) return;
  renameSync(path.join(home, key), path.join(home, `${ASIDE}${randomBytes(8).toString('hex')}`));
}

/** Deletes what lies aside, also what a killed process left there. */
export async function sweepAside(cacheDir: string): Promise<void> {
  const home = environmentsFolder(cacheDir);
  if (!existsSync(home)) return;
  for (const name of readdirSync(home))
    if (name.startsWith(ASIDE)) await rm(path.join(home, name), { recursive: true, force: true });
}

const ASIDE = 'removed-';

function markerFile(cacheDir: string, key: string): string {
  return path.join(environmentsFolder(cacheDir), key, MARKER);
}

function indexFile(cacheDir: string, question: string): string {
  const name = createHash('sha256').update(question).digest('hex');
  return path.join(environmentsFolder(cacheDir), 'index', `${name}.json`);
}

/** Whole or not at all, whoever reads meanwhile. */
export function writeWhole(file: string, content: unknown): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, `${JSON.stringify(content)}\n`);
  renameSync(draft, file);
}

/** What only saves asking again: a cache of somebody else's is used as it is. */
export function writeIfMay(file: string, content: unknown): void {
  try {
    writeWhole(file, content);
  } catch {
    // The next one asks again.
  }
}

/** Undefined when there is none, or none that can be read. */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
