// A file that lines are added to by several processes at once, and that gives way to a new one at a size or a time.
//
// Lines are added whole, by one write at the end of the file. Whoever finds that it is time moves the file away under a lock that
// dies with its holder; the others see at their next line that the path is another file now. A line that was on its way to the old
// one stands there: none is lost.
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { limits } from '#schemas/limits.ts';
import type { PipelineLog } from '#schemas/work-dir.ts';

export type Rotating = Pick<PipelineLog, 'rotation' | 'retention'>;

const NEWLINE = 0x0a;

export class RotatedFile {
  readonly #file: string;
  readonly #how: Rotating;
  #descriptor: number | undefined;
  #inode = 0;
  /** When its first line was written. */
  #begun = 0;

  constructor(file: string, how: Rotating) {
    this.#file = file;
    this.#how = how;
  }

  /** Adds whole lines. Throws what the disk throws. */
  write(text: string): void {
    let rest = Buffer.from(text);
    while (rest.length > 0) {
      const size = this.#sizeNow();
      const part = this.#fitting(rest, size);
      if (part === 0) {
        this.#rotate();
        continue;
      }
      this.#append(rest.subarray(0, part));
      rest = rest.subarray(part);
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  /** Bytes in the file at the path; opens it where it is not the one that is open. */
  #sizeNow(): number {
    const there = statSync(this.#file, { throwIfNoEntry: false });
    if (this.#descriptor !== undefined && there?.ino === this.#inode) return there.size;
    this.close();
    mkdirSync(path.dirname(this.#file), { recursive: true });
    this.#descriptor = openSync(this.#file, 'a+', 0o640);
    const { ino, size } = fstatSync(this.#descriptor);
    this.#inode = ino;
    this.#begun = firstTime(this.#descriptor) ?? Date.now();
    return size;
  }

  /** How many bytes of whole lines belong to this file: all, some, or none. One line at least belongs to an empty one. */
  #fitting(rest: Buffer, size: number): number {
    const { rotation } = this.#how;
    if (size > 0 && !('bytes' in rotation) && this.#isOver()) return 0;
    if (!('bytes' in rotation) || size + rest.length <= rotation.bytes) return rest.length;
    const room = rotation.bytes - size;
    const fits = room <= 0 ? 0 : rest.lastIndexOf(NEWLINE, room - 1) + 1;
    return fits > 0 || size > 0 ? fits : rest.indexOf(NEWLINE) + 1;
  }

  #isOver(): boolean {
    const { rotation } = this.#how;
    if ('milliseconds' in rotation) return Date.now() - this.#begun >= rotation.milliseconds;
    return 'minuteOfDay' in rotation && this.#begun < lastTimeOfDay(rotation.minuteOfDay);
  }

  #append(lines: Buffer): void {
    if (this.#descriptor === undefined) return;
    let written = 0;
    while (written < lines.length) written += writeSync(this.#descriptor, lines, written);
  }

  #rotate(): void {
    const folder = path.dirname(this.#file);
    const lock = path.join(folder, `.${path.basename(this.#file)}.lock`);
    locked(lock, () => {
      // Somebody else may have done it while this process waited.
      if (statSync(this.#file, { throwIfNoEntry: false })?.ino !== this.#inode) return;
      shift(this.#file);
      prune(this.#file, this.#how.retention);
    });
    this.close();
  }
}

function lastTimeOfDay(minute: number): number {
  const time = new Date();
  time.setHours(Math.floor(minute / 60), minute % 60, 0, 0);
  if (time.getTime() > Date.now()) time.setDate(time.getDate() - 1);
  return time.getTime();
}

/** Waits for other processes; a lock that cannot be had in time throws. */
function locked(file: string, work: () => void): void {
  const database = new DatabaseSync(file, { timeout: limits.logLockWait });
  try {
    database.exec('BEGIN EXCLUSIVE');
    work();
  } finally {
    database.close();
  }
}

/** The file becomes number 1, and each older one the next, up to the first number that is free. */
function shift(file: string): void {
  const taken = new Set(olderFiles(file));
  let free = 1;
  while (taken.has(free)) free += 1;
  for (let number = free; number > 1; number -= 1)
    renameSync(`${file}.${number - 1}`, `${file}.${number}`);
  renameSync(file, `${file}.1`);
}

function prune(file: string, retention: Rotating['retention']): void {
  const most = 'files' in retention ? retention.files : limits.logFiles;
  for (const number of olderFiles(file)) {
    const older = `${file}.${number}`;
    if (number > most || isTooOld(older, retention)) rmSync(older, { force: true });
  }
}

function isTooOld(file: string, retention: Rotating['retention']): boolean {
  if (!('milliseconds' in retention)) return false;
  const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return written !== undefined && Date.now() - written > retention.milliseconds;
}

function olderFiles(file: string): readonly number[] {
  const name = path.basename(file);
  return readdirSync(path.dirname(file)).flatMap((each) => {
    if (!each.startsWith(`${name}.`)) return [];
    const number = /^[1-9]\d{0,8}$/.exec(each.slice(name.length + 1))?.[0];
    return number === undefined ? [] : [Number(number)];
  });
}

/** Every line begins with its time, as text or as the first member of an object. */
function firstTime(descriptor: number): number | undefined {
  const head = Buffer.alloc(64);
  const length = readSync(descriptor, head, 0, head.length, 0);
  const time = /^(?:\{"at":")?(\d{4}-[^\s"]+)/.exec(head.toString('latin1', 0, length))?.[1];
  const at = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(at) ? undefined : at;
}
