// Reads what an attempt printed, from the files alone: the runner need not live.
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '#schemas/limits.ts';
import { type LogLine, logLine } from '#schemas/runner-protocol.ts';

export interface LogPage {
  readonly lines: readonly LogLine[];
  /** Give it as `after` to go on; the last line's number. */
  readonly after: number;
  /** There are further lines already. */
  readonly more: boolean;
}

/** Lines after number `after`, at most `limit`. An attempt that printed nothing has an empty log. */
export async function readLog(
  folder: string,
  options: { after?: number; limit?: number } = {},
): Promise<LogPage> {
  const after = options.after ?? 0;
  const limit = options.limit ?? limits.page;
  const lines: LogLine[] = [];
  for (const segment of segmentsFrom(folder, after)) {
    for (const line of linesOf(segment, after)) {
      if (lines.length === limit) return page(lines, after, true);
      lines.push(line);
    }
  }
  return page(lines, after, false);
}

function page(lines: readonly LogLine[], after: number, more: boolean): LogPage {
  return { lines, after: lines.at(-1)?.n ?? after, more };
}

/** Yields lines as they come, until `ended` answers true and nothing is left, or the signal aborts. */
export async function* followLog(
  folder: string,
  options: { after?: number; ended: () => boolean; signal?: AbortSignal },
): AsyncGenerator<LogLine> {
  let after = options.after ?? 0;
  for (;;) {
    // Asked before reading: what was written before the end is read after it.
    const ended = options.ended();
    const found = await readLog(folder, { after });
    yield* found.lines;
    after = found.after;
    if (options.signal?.aborted === true) return;
    if (found.more) continue;
    if (ended) return;
    await sleep(limits.tailInterval, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

/** Segments that may hold lines after this one, in order; what was dropped stands where it was. */
function segmentsFrom(folder: string, after: number): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^\d{6}\.jsonl$/.test(name));
  const segments = names.sort().map((name) => path.join(folder, name));
  const dropped = path.join(folder, 'dropped.jsonl');
  if (existsSync(dropped)) segments.splice(1, 0, dropped);
  // A segment whose successor begins at or before `after + 1` holds nothing new.
  let first = 0;
  for (let index = 1; index < segments.length; index += 1) {
    const begins = firstNumber(segments[index] ?? '');
    if (begins === undefined || begins > after + 1) break;
    first = index;
  }
  return segments.slice(first);
}

function firstNumber(file: string): number | undefined {
  return numberIn(headOf(file));
}

function numberIn(head: string | undefined): number | undefined {
  const begin = /^\{"at":\d+,"n":(\d+)/.exec(head ?? '');
  return begin?.[1] === undefined ? undefined : Number(begin[1]);
}

/** Bytes that hold the time and the number of a line. */
const HEAD = 80;

function headOf(file: string): string {
  const buffer = Buffer.alloc(HEAD);
  try {
    const descriptor = openSync(file, 'r');
    const size = readSync(descriptor, buffer, 0, buffer.length, 0);
    closeSync(descriptor);
    return buffer.toString('latin1', 0, size);
  } catch {
    return '';
  }
}

/** Whole lines after number `after`. Numbers grow within a file, so where they begin is found without reading what stands before. */
function* linesOf(file: string, after: number): Generator<LogLine> {
  const descriptor = opened(file);
  if (descriptor === undefined) return;
  try {
    let offset = beginOf(descriptor, after);
    for (;;) {
      const block = wholeLines(descriptor, offset);
      if (block === undefined) return;
      for (const text of block.toString('utf8').split('\n').slice(0, -1)) {
        const parsed = parse(text);
        if (parsed === undefined) return;
        if (parsed.n > after) yield parsed;
      }
      offset += block.length;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** A file that was rotated away meanwhile has nothing more to say. */
function opened(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const BLOCK = 64 * 1024;
const NEWLINE = 0x0a;

/** From `offset` to the end of the last whole line within a block; a longer block when a line is longer. The last line may be half written: it is read the next time. */
function wholeLines(descriptor: number, offset: number): Buffer | undefined {
  for (let size = BLOCK; ; size *= 2) {
    const block = Buffer.allocUnsafe(size);
    const length = readSync(descriptor, block, 0, size, offset);
    const end = block.subarray(0, length).lastIndexOf(NEWLINE);
    if (end >= 0) return block.subarray(0, end + 1);
    if (length < size) return undefined;
  }
}

/** The offset of a line at or before the first one after `after`, by halves. */
function beginOf(descriptor: number, after: number): number {
  if (after === 0) return 0;
  let low = 0;
  let high = fstatSync(descriptor).size;
  while (high - low > BLOCK) {
    const middle = Math.floor((low + high) / 2);
    const block = wholeLines(descriptor, middle);
    const begin = (block?.indexOf(NEWLINE) ?? -1) + 1;
    const number =
      begin === 0 ? undefined : numberIn(block?.toString('latin1', begin, begin + HEAD));
    if (number === undefined || number > after) high = middle;
    else low = middle + begin;
  }
  return low;
}

const isStream = (word: string | undefined): word is LogLine['stream'] =>
  word === 'stdout' || word === 'stderr' || word === 'millrace';

/** As the writer writes it. Names of steps with signs that JSON escapes are read the long way. */
const WRITTEN =
  /^\{"at":(\d{1,15}),"n":(\d{1,15}),"step":"([^"\\]*)",(?:"try":(\d{1,6}),)?"stream":"(stdout|stderr|millrace)","text":/;

function parse(text: string): LogLine | undefined {
  const [head, at, n, step, number, stream] = WRITTEN.exec(text) ?? [];
  const plain = head !== undefined && text.endsWith('"}') && !text.includes('\\', head.length);
  if (plain && step !== undefined && isStream(stream))
    return {
      ...{ at: Number(at), n: Number(n), step, stream, text: text.slice(head.length + 1, -2) },
      ...(number === undefined ? {} : { try: Number(number) }),
    };
  try {
    const parsed = logLine.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
