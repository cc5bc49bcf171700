// Writes the log of one attempt: JSON Lines in numbered segments, the first and the newest ones kept.
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { limits } from '#schemas/limits.ts';
import type { LogLine } from '#schemas/runner-protocol.ts';
import type { LogLevel } from '#schemas/work-dir.ts';
import type { Mask } from './mask.ts';
import { Redrawn } from './redrawn.ts';

type Stream = LogLine['stream'];

export function segmentName(number: number): string {
  return `${String(number).padStart(6, '0')}.jsonl`;
}

/** What lines are of. */
interface Of {
  readonly step: string;
  readonly stream: Stream;
  /** Where it is another than the stream tells. */
  readonly level?: LogLevel | undefined;
  /** Which try of the step, where that is not the attempt of its node. */
  readonly try?: number | undefined;
}

/** Lines of one write, as they are and as JSON. */
export interface Written extends Of {
  readonly at: number;
  readonly lines: readonly string[];
  readonly encoded: readonly string[];
}

/** Where the lines of an attempt are written as well. */
export interface LogCopy {
  /** May throw: then the lines stand in the attempt's own log only, which says so. */
  write(written: Written): void;
  close(): void;
}

/** The log as a step writes to it. */
export interface StepLog {
  /** Why the log stopped, when the disk refused it. The program goes on without. */
  readonly broken: string | undefined;
  say(step: string, text: string, level?: LogLevel): void;
  /** Appends lines in one write. A log that cannot be written does not end the work it tells of. */
  write(step: string, stream: Stream, lines: readonly string[], level?: LogLevel): void;
}

/** Nothing is created before the first line: most small programs print none. */
export class LogWriter implements StepLog {
  readonly #folder: string;
  #descriptor: number | undefined;
  #segment = 0;
  #bytes = 0;
  #lines = 0;
  /** Where each segment's lines begin, for saying what was dropped. */
  readonly #kept: { number: number; first: number }[] = [];
  #droppedFrom: number | undefined;
  #broken: string | undefined;
  readonly #most: number;
  #copy: LogCopy | undefined;

  constructor(folder: string, copy?: LogCopy) {
    this.#folder = folder;
    this.#copy = copy;
    this.#most = copy === undefined ? limits.logSegments : limits.lineLogSegments;
  }

  get broken(): string | undefined {
    return this.#broken;
  }

  say(step: string, text: string, level?: LogLevel): void {
    for (const line of text.split('\n')) this.write(step, 'millrace', [line], level);
  }

  write(step: string, stream: Stream, lines: readonly string[], level?: LogLevel): void {
    this.#write({ step, stream, level }, lines);
  }

  /** The same log, for lines of one try of a step. */
  forTry(number: number): StepLog {
    const put = (of: Of, lines: readonly string[]): void =>
      this.#write({ ...of, try: number }, lines);
    const broken = (): string | undefined => this.#broken;
    return {
      get broken() {
        return broken();
      },
      say: (step, text, level) => {
        for (const line of text.split('\n')) put({ step, stream: 'millrace', level }, [line]);
      },
      write: (step, stream, lines, level) => put({ step, stream, level }, lines),
    };
  }

  #write(of: Of, lines: readonly string[]): void {
    const { step, stream, level } = of;
    if (this.#broken !== undefined || lines.length === 0) return;
    try {
      const at = Date.now();
      const head = `{"at":${at},"n":`;
      const number = of.try === undefined ? '' : `"try":${of.try},`;
      const own = level === undefined ? '' : `"level":"${level}",`;
      const tail = `,"step":${JSON.stringify(step)},${number}"stream":"${stream}",${own}"text":`;
      const encoded = lines.map((line) => JSON.stringify(line));
      let text = '';
      for (const line of encoded) {
        this.#lines += 1;
        text += `${head}${this.#lines}${tail}${line}}\n`;
      }
      this.#append(text, lines.length);
      this.#copyOut({ ...of, at, lines, encoded });
    } catch (error) {
      this.#broken = error instanceof Error ? error.message : String(error);
    }
  }

  /** What the copy takes no more is said once, in the log itself. */
  #copyOut(written: Written): void {
    const copy = this.#copy;
    if (copy === undefined) return;
    try {
      copy.write(written);
    } catch (error) {
      this.#copy = undefined;
      copy.close();
      const why = error instanceof Error ? error.message : String(error);
      this.say(written.step, `what follows is not in the log of the pipeline: ${why}`);
    }
  }

  close(): void {
    this.#copy?.close();
    this.#copy = undefined;
    this.#closeSegment();
  }

  #closeSegment(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #append(text: string, lines: number): void {
    const size = Buffer.byteLength(text);
    const full = this.#bytes > 0 && this.#bytes + size > limits.logSegmentBytes;
    if (this.#descriptor === undefined || full) this.#rotate(this.#lines - lines + 1);
    if (this.#descriptor === undefined) return;
    const buffer = Buffer.from(text);
    let written = 0;
    while (written < buffer.length) written += writeSync(this.#descriptor, buffer, written);
    this.#bytes += size;
  }

  #rotate(first: number): void {
    this.#closeSegment();
    if (this.#segment === 0) mkdirSync(this.#folder, { recursive: true });
    this.#segment += 1;
    this.#bytes = 0;
    this.#descriptor = openSync(path.join(this.#folder, segmentName(this.#segment)), 'a', 0o600);
    this.#kept.push({ number: this.#segment, first });
    if (this.#kept.length > this.#most) this.#drop();
  }

  /** The second oldest goes: how a program began is worth more than its middle. */
  #drop(): void {
    const [dropped] = this.#kept.splice(1, 1);
    const next = this.#kept[1];
    if (dropped === undefined || next === undefined) return;
    const file = path.join(this.#folder, segmentName(dropped.number));
    if (existsSync(file)) rmSync(file);
    this.#droppedFrom ??= dropped.first;
    const last = next.first - 1;
    const text = `the log is longer than its bounds: lines ${this.#droppedFrom} to ${last} were dropped`;
    // The note takes the number of the last line that was dropped, so that numbers still grow and none comes twice.
    const note = `{"at":${Date.now()},"n":${last},"step":"","stream":"millrace","text":${JSON.stringify(text)}}\n`;
    this.#note(note);
  }

  #note(note: string): void {
    const file = path.join(this.#folder, 'dropped.jsonl');
    const descriptor = openSync(file, 'w', 0o600);
    writeSync(descriptor, note);
    closeSync(descriptor);
  }
}

/** One stream of one step on its way into the log: decoded, masked, cut into lines. */
export class LogStream {
  readonly #writer: StepLog;
  readonly #step: string;
  readonly #stream: Stream;
  readonly #decoder = new StringDecoder('utf8');
  readonly #mask;
  readonly #redrawn = new Redrawn();
  #rest = '';
  /** The last line that was not empty. */
  last = '';

  constructor(writer: StepLog, source: { step: string; stream: Stream; mask: Mask }) {
    this.#writer = writer;
    this.#step = source.step;
    this.#stream = source.stream;
    this.#mask = source.mask.stream();
  }

  push(chunk: Buffer): void {
    this.#take(this.#mask.push(this.#decoder.write(chunk)));
  }

  end(): void {
    this.#take(this.#mask.push(this.#decoder.end()) + this.#mask.end());
    const rest = this.#rest === '' ? undefined : this.#redrawn.ended(this.#rest);
    if (rest !== undefined) this.#emit([rest]);
    this.#rest = '';
  }

  #take(text: string): void {
    if (text === '') return;
    const parts = (this.#rest + text).split('\n');
    const drawn = parts.pop() ?? '';
    const lines: string[] = [];
    for (const part of parts) {
      const line = this.#redrawn.ended(part);
      if (line !== undefined) cut(line, lines);
    }
    const { rest, show } = this.#redrawn.open(drawn);
    if (show !== undefined) cut(show, lines);
    this.#rest = rest;
    while (this.#rest.length > limits.logLineLength) {
      lines.push(this.#rest.slice(0, limits.logLineLength));
      this.#rest = this.#rest.slice(limits.logLineLength);
    }
    this.#emit(lines);
  }

  #emit(lines: readonly string[]): void {
    this.#writer.write(this.#step, this.#stream, lines);
    const last = lines.findLast((line) => line.trim() !== '');
    if (last !== undefined) this.last = last;
  }
}

function cut(line: string, into: string[]): void {
  if (line.length <= limits.logLineLength) {
    into.push(line);
    return;
  }
  for (let from = 0; from < line.length; from += limits.logLineLength)
    into.push(line.slice(from, from + limits.logLineLength));
}

/** A whole text as lines of the log, none longer than its bound. */
export function cutLines(text: string): readonly string[] {
  const lines: string[] = [];
  for (const line of text.split('\n')) cut(line.endsWith('\r') ? line.slice(0, -1) : line, lines);
  return lines;
}
