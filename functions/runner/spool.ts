// The spool: what a runner must not lose when the engine is away, and what an engine needs to know when it finds a dead runner.
//
// One append-only file for each runner process, DIR/runner/spool-<job>.jsonl. It survives the death of the process, not of
// the machine: nothing here is synced, because a report that a power cut took is an interrupted attempt like any other.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { limits } from '#schemas/limits.ts';
import type { ProcessMark, SpooledReport } from '#schemas/runner-files.ts';
import { attemptKey } from './names.ts';
import { encode, linesOf } from './spool-lines.ts';

export interface SpoolContent {
  readonly job: string;
  /** The runner process itself. */
  readonly runner: ProcessMark | undefined;
  /** Reports never acknowledged, in order. */
  readonly reports: readonly SpooledReport[];
  /** It came along with a copy of the data directory: its processes belong to the directory that was copied. */
  readonly copied: boolean;
  /** Programs that were started; most have ended long since. */
  readonly spawned: readonly { readonly name: SpooledReport['name']; readonly mark: ProcessMark }[];
}

function folder(dataDir: string): string {
  return path.join(dataDir, 'runner');
}

function fileOf(dataDir: string, job: string): string {
  return path.join(folder(dataDir), `spool-${job}.jsonl`);
}

/** Stays when the folder is moved, and differs in a copy of it. */
function identityOf(dataDir: string): string {
  const { dev, ino } = statSync(folder(dataDir), { bigint: true });
  return `${dev}:${ino}`;
}

/** The writing side; belongs to one runner process. */
export class Spool {
  readonly #file: string;
  readonly #header: string;
  readonly #reports = new Map<number, SpooledReport>();
  readonly #spawned = new Map<number, { key: string; text: string }>();
  #descriptor: number;
  /** Why the last line could not be written. */
  broken: string | undefined;
  #bytes = 0;
  #next = 1;

  constructor(dataDir: string, job: string, mark: ProcessMark) {
    mkdirSync(folder(dataDir), { recursive: true, mode: 0o700 });
    this.#file = fileOf(dataDir, job);
    this.#header = encode({ line: 'runner', v: 1, job, mark, folder: identityOf(dataDir) });
    this.#descriptor = openSync(this.#file, 'a', 0o600);
    this.#append(this.#header);
  }

  /** Reports that nobody acknowledged yet, in order. */
  get unacknowledged(): readonly SpooledReport[] {
    return [...this.#reports.values()];
  }

  spawned(name: SpooledReport['name'], mark: ProcessMark): void {
    const text = encode({ line: 'spawned', name, mark });
    this.#spawned.set(mark.pid, { key: attemptKey(name), text });
    this.#append(text);
  }

  /** A program ended and was waited for: nobody needs to look for it. */
  ended(pid: number): void {
    this.#spawned.delete(pid);
  }

  /** Kept before it is sent; answers it with its number. */
  report(name: SpooledReport['name'], report: SpooledReport['report']): SpooledReport {
    const spooled = { number: this.#next, name, report };
    this.#next += 1;
    this.#reports.set(spooled.number, spooled);
    this.#append(encode({ line: 'report', ...spooled }));
    return spooled;
  }

  acknowledge(upTo: number): void {
    for (const number of this.#reports.keys()) {
      if (number > upTo) break;
      this.#reports.delete(number);
    }
    this.#append(encode({ line: 'acknowledged', upTo }));
    const empty = this.#reports.size === 0 && this.#spawned.size === 0;
    const bound = empty ? limits.spoolIdleBytes : limits.spoolBytes;
    if (this.#bytes > bound || this.broken !== undefined) this.#rewrite();
  }

  /** `clean`: whatever was claimed is acknowledged, so that nobody needs to know of this runner any more. */
  close(clean: boolean): void {
    closeSync(this.#descriptor);
    if (clean && this.#reports.size === 0) rmSync(this.#file, { force: true });
  }

  /** A full disk does not end the work: what is held in memory is still told to the engine that is there. */
  #append(text: string): void {
    try {
      // After half a line a new one begins: the half is skipped when it is read.
      writeSync(this.#descriptor, this.broken === undefined ? text : `\n${text}`);
      this.#bytes += text.length;
      this.broken = undefined;
    } catch (error) {
      this.broken = error instanceof Error ? error.message : String(error);
    }
  }

  #rewrite(): void {
    const draft = `${this.#file}.draft`;
    const reports = [...this.#reports.values()].map((one) => encode({ line: 'report', ...one }));
    const spawned = [...this.#spawned.values()].map(({ text }) => text);
    try {
      writeFileSync(draft, [this.#header, ...spawned, ...reports].join(''), { mode: 0o600 });
      renameSync(draft, this.#file);
      closeSync(this.#descriptor);
      this.#descriptor = openSync(this.#file, 'a', 0o600);
      this.broken = undefined;
    } catch (error) {
      this.broken = error instanceof Error ? error.message : String(error);
    }
    // Reports that stay make the next rewrite due later, or each acknowledgement would copy them.
    this.#bytes = 0;
  }
}

/** What runners left in this data directory, those that still live included. */
export function readSpool(dataDir: string): SpoolContent[] {
  if (!existsSync(folder(dataDir))) return [];
  return readdirSync(folder(dataDir))
    .map((name) => /^spool-(.+)\.jsonl$/.exec(name)?.[1])
    .filter((job) => job !== undefined)
    .flatMap((job) => {
      const text = textOf(fileOf(dataDir, job));
      return text === undefined ? [] : [contentOf(job, text, identityOf(dataDir))];
    });
}

/** Undefined of a runner that ended meanwhile and left nothing to know: it takes its file along. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Call it when every report of this spool is durable elsewhere and its programs have ended. */
export function forgetSpool(dataDir: string, job: string): void {
  rmSync(fileOf(dataDir, job), { force: true });
}

function contentOf(job: string, text: string, identity: string): SpoolContent {
  let runner: ProcessMark | undefined;
  let copied = false;
  let upTo = 0;
  const reports: SpooledReport[] = [];
  const spawned: { name: SpooledReport['name']; mark: ProcessMark }[] = [];
  for (const entry of linesOf(text)) {
    if (entry.line === 'runner') {
      runner = entry.mark;
      copied = entry.folder !== undefined && entry.folder !== identity;
    } else if (entry.line === 'spawned') spawned.push({ name: entry.name, mark: entry.mark });
    else if (entry.line === 'acknowledged') upTo = Math.max(upTo, entry.upTo);
    else reports.push({ number: entry.number, name: entry.name, report: entry.report });
  }
  return { job, runner, copied, reports: reports.filter(({ number }) => number > upTo), spawned };
}
