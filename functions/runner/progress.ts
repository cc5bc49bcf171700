// Follows the file in which a program tells how far it is: lines such as `0.42 reading`.
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { limits } from '#schemas/limits.ts';
import { LineReader } from './lines.ts';

export class Progress {
  readonly #file: string;
  readonly #tell: (share: number, text: string) => void;
  readonly #lines: LineReader;
  readonly #timer: NodeJS.Timeout;
  #position = 0;
  #last: { share: number; text: string } | undefined;

  constructor(file: string, tell: (share: number, text: string) => void) {
    this.#file = file;
    this.#tell = tell;
    this.#lines = new LineReader(
      limits.progressLine,
      (line) => this.#take(line),
      () => undefined,
    );
    this.#timer = setInterval(() => this.look(), limits.noticeInterval);
  }

  /** Tells the newest line only: progress is a state, not a history. */
  look(): void {
    this.#read();
    if (this.#last !== undefined) this.#tell(this.#last.share, this.#last.text);
    this.#last = undefined;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #take(line: string): void {
    const found = /^\s*(\d*\.?\d+)(?:\s+(.*))?$/.exec(line);
    const share = Number(found?.[1]);
    if (found === null || !(share >= 0 && share <= 1)) return;
    this.#last = { share, text: found[2] ?? '' };
  }

  #read(): void {
    // Most programs never write it, and asking costs less than failing.
    if (!existsSync(this.#file)) return;
    let descriptor: number;
    try {
      descriptor = openSync(this.#file, 'r');
    } catch {
      return;
    }
    try {
      const buffer = Buffer.alloc(64 * 1024);
      const size = readSync(descriptor, buffer, 0, buffer.length, this.#position);
      this.#position += size;
      this.#lines.push(buffer.toString('utf8', 0, size));
    } finally {
      closeSync(descriptor);
    }
  }
}
