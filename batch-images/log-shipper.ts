// Sends the log of the attempt while it grows. Lines are masked before they are written, so what lies in its files may go out.
import { existsSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { readLog } from '#runner/log-reader.ts';
import type { LogPart } from '#schemas/attempts.ts';
import { limits } from '#schemas/limits.ts';
import type { LogLine } from '#schemas/runner-protocol.ts';
import type { Attempts } from './attempts.ts';
import { withRetries } from './retry.ts';
import { say } from './say.ts';

export class LogShipper {
  readonly #attempts: Attempts;
  readonly #folder: string;
  #after = 0;
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(attempts: Attempts, folder: string) {
    this.#attempts = attempts;
    this.#folder = folder;
  }

  begin(): void {
    this.#timer = setInterval(() => {
      this.#round ??= this.#sendNew().finally(() => {
        this.#round = undefined;
      });
    }, limits.logPartInterval);
  }

  /** Sends what is left but for the last part, which it answers: that goes with the report. */
  async finish(within: number): Promise<LogPart | undefined> {
    clearInterval(this.#timer);
    await this.#round;
    const gap = await this.#skip();
    let last = gap;
    for await (const part of this.#parts()) {
      if (last !== undefined) await this.#sendPatiently(last, within);
      last = part;
    }
    return last;
  }

  /** What cannot be sent now is sent the next time. */
  async #sendNew(): Promise<void> {
    try {
      for await (const part of this.#parts()) {
        if (this.#sent > limits.jobLogBytes) return;
        await this.#attempts.log(part);
        this.#note(part);
      }
    } catch (error) {
      say(`a part of the log was not sent: ${error instanceof Error ? error.message : error}`);
    }
  }

  async #sendPatiently(part: LogPart, within: number): Promise<void> {
    await withRetries({ within, onTrouble: say }, () => this.#attempts.log(part));
  }

  #note(part: LogPart): void {
    this.#sent += Buffer.byteLength(part.text);
    this.#after = lastNumber(part);
  }

  /** New lines, in parts within their bound. */
  async *#parts(): AsyncGenerator<LogPart> {
    let after = this.#after;
    let open: { first: number; lines: string[]; bytes: number } | undefined;
    for (;;) {
      const page = await readLog(this.#folder, { after });
      for (const line of page.lines) {
        const text = JSON.stringify(line);
        const bytes = Buffer.byteLength(text) + 1;
        if (open !== undefined && open.bytes + bytes > limits.logPartBytes) {
          yield part(open);
          open = undefined;
        }
        open ??= { first: line.n, lines: [], bytes: 0 };
        open.lines.push(text);
        open.bytes += bytes;
      }
      after = page.after;
      if (!page.more) break;
    }
    if (open !== undefined) yield part(open);
  }

  /** Of a log over its bound the middle is left out: answers the line that says so. */
  async #skip(): Promise<LogPart | undefined> {
    if (this.#sent <= limits.jobLogBytes) return undefined;
    const begin = await lastSegmentsBegin(this.#folder);
    if (begin === undefined || begin <= this.#after + 1) return undefined;
    const line: LogLine = {
      at: Date.now(),
      n: begin - 1,
      step: '',
      stream: 'millrace',
      text: `the log is longer than its bounds: lines ${this.#after + 1} to ${begin - 1} were dropped`,
    };
    this.#after = begin - 1;
    return { first: line.n, text: `${JSON.stringify(line)}\n` };
  }
}

function part({ first, lines }: { first: number; lines: readonly string[] }): LogPart {
  return { first, text: `${lines.join('\n')}\n` };
}

function lastNumber({ first, text }: LogPart): number {
  const last = text.slice(text.lastIndexOf('\n', text.length - 2) + 1);
  return Number(/"n":(\d+)/.exec(last)?.[1] ?? first);
}

/** The number of the line with which the last two segments begin. */
async function lastSegmentsBegin(folder: string): Promise<number | undefined> {
  if (!existsSync(folder)) return undefined;
  const segments = readdirSync(folder).filter((name) => /^\d{6}\.jsonl$/.test(name));
  const from = segments.sort().at(-2);
  if (from === undefined) return undefined;
  const file = await open(path.join(folder, from));
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(80), 0, 80, 0);
    const number = /"n":(\d+)/.exec(buffer.toString('latin1', 0, bytesRead))?.[1];
    return number === undefined ? undefined : Number(number);
  } finally {
    await file.close();
  }
}
