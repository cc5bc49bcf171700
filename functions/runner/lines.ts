// Cuts a stream of text into lines.

/** Calls back for every whole line; a line over the bound is handed to `tooLong` and the rest of it skipped. */
export class LineReader {
  readonly #bound: number;
  readonly #line: (line: string) => void;
  readonly #tooLong: (length: number) => void;
  #rest: string[] = [];
  #length = 0;

  constructor(bound: number, line: (line: string) => void, tooLong: (length: number) => void) {
    this.#bound = bound;
    this.#line = line;
    this.#tooLong = tooLong;
  }

  push(text: string): void {
    let from = 0;
    for (;;) {
      const end = text.indexOf('\n', from);
      if (end < 0) break;
      this.#keep(text.slice(from, end));
      this.#emit();
      from = end + 1;
    }
    this.#keep(text.slice(from));
  }

  #keep(part: string): void {
    this.#length += part.length;
    if (part !== '' && this.#length <= this.#bound) this.#rest.push(part);
  }

  #emit(): void {
    const length = this.#length;
    const line = this.#rest.join('');
    this.#rest = [];
    this.#length = 0;
    if (length > this.#bound) this.#tooLong(length);
    else if (line !== '') this.#line(line);
  }
}
