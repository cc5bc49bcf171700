// Where runs and environments are kept: whether it may be written to, how much room is left, how long a commit takes.
import { existsSync, mkdtempSync, rmdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { limits } from '#schemas/limits.ts';
import { spellBytes } from '../render/words.ts';
import type { Finding } from './finding.ts';

export interface FolderQuestion {
  readonly name: string;
  readonly folder: string;
  readonly needed: boolean;
  readonly lacks: string;
  readonly get: string;
}

/** A folder that is there or can be made. Leaves nothing behind. */
export function lookAtFolder({ name, folder, needed, lacks, get }: FolderQuestion): Finding {
  const there = nearest(folder);
  const problem = problemOf(there);
  if (problem !== undefined)
    return { name, status: 'missing', needed, path: folder, message: problem, lacks, get };
  const free = freeBytes(there);
  const made = there === folder ? 'writable' : 'can be made';
  const message = `${made}, ${spellBytes(free)} free`;
  if (free >= limits.doctorFree) return { name, status: 'there', needed, path: folder, message };
  return {
    name,
    status: 'weak',
    needed,
    path: folder,
    message,
    lacks: 'room: a full disk ends a run',
    get: `at least ${spellBytes(limits.doctorFree)} free`,
  };
}

/** The folder itself, or the one above it that is there. */
function nearest(folder: string): string {
  for (let at = folder; ; at = path.dirname(at))
    if (existsSync(at) || path.dirname(at) === at) return at;
}

/** Tried, not asked: who is root may write where nothing can be written. */
function problemOf(place: string): string | undefined {
  try {
    if (!statSync(place).isDirectory()) return `${place} is no folder`;
    rmdirSync(trialFolder(place));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function trialFolder(place: string): string {
  return mkdtempSync(path.join(place, '.millrace-doctor-'));
}

function freeBytes(place: string): number {
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize;
}

/** Commits as the engine makes them, in a database of their own on the same disk. */
export function lookAtCommits(dataDir: string): Finding {
  const name = 'sqlite';
  const lacks = 'every run: its state is kept in SQLite';
  let folder: string | undefined;
  try {
    folder = trialFolder(nearest(dataDir));
    const median = medianCommit(path.join(folder, 'try.db'));
    const message = `a durable commit takes ${median.toFixed(2)} ms`;
    const version = process.versions['sqlite'];
    const found = { name, needed: true, message, ...(version === undefined ? {} : { version }) };
    if (median <= limits.doctorCommit) return { ...found, status: 'there' };
    return {
      ...found,
      status: 'weak',
      lacks: 'speed: every node needs one to two commits',
      get: 'a data directory on a local disk (--data-dir)',
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const get = 'a data directory on a disk that can be written to (--data-dir)';
    return { name, status: 'missing', needed: true, message, lacks, get };
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function medianCommit(file: string): number {
  const database = new DatabaseSync(file);
  try {
    database.exec(
      'pragma journal_mode = wal; pragma synchronous = full; create table t (n integer)',
    );
    const insert = database.prepare('insert into t values (?)');
    const times = Array.from({ length: limits.doctorCommits }, (_, at) => {
      const began = performance.now();
      insert.run(at);
      return performance.now() - began;
    }).sort((a, b) => a - b);
    return times[Math.floor(times.length / 2)] ?? 0;
  } finally {
    database.close();
  }
}
