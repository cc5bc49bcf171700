// Reads what an attempt printed, from the files alone: the runner need not live.
import { closeSync, createReadStream, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
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
    for await (const line of linesOf(segment)) {
      if (line.n <= after) continue;
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
  const begin = /^\{"at":\d+,"n":(\d+)/.exec(headOf(file));
  return begin?.[1] === undefined ? undefined : Number(begin[1]);
}

function headOf(file: string): string {
  const buffer = Buffer.alloc(80);
  try {
    const descriptor = openSync(file, 'r');
    const size = readSync(descriptor, buffer, 0, buffer.length, 0);
    closeSync(descriptor);
    return buffer.toString('latin1', 0, size);
  } catch {
    return '';
  }
}

async function* linesOf(file: string): AsyncGenerator<LogLine> {
  if (!existsSync(file)) return;
  const input = createReadStream(file, { encoding: 'utf8' });
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const text of lines) {
      const parsed = parse(text);
      // The last line may be half written: it is read the next time.
      if (parsed === undefined) return;
      yield parsed;
    }
  } catch (error) {
    // A file that was rotated away meanwhile has nothing more to say.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  } finally {
    lines.close();
    input.destroy();
  }
}

function parse(text: string): LogLine | undefined {
  try {
    const parsed = logLine.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
