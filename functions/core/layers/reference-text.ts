// Reads texts with `${…}` as OmegaConf writes them: `${a.b[0]}`, `${.sibling}`, `${oc.env:NAME,default}`, one inside another,
// `\${` for the letters themselves. Knows nothing of what they refer to.
import { limits } from '#schemas/limits.ts';

/** A text in its parts: letters, and what stands for a value. */
export type Parts = readonly (string | Reference)[];

/** What stands between `${` and `}`. */
export type Reference = {
  /** Offset of the `$` in the text. */
  readonly at: number;
  /** As it is written, braces included. */
  readonly text: string;
} & (
  | {
      readonly kind: 'path';
      /** 0 from the top, 1 from the mapping round the value (`${.a}`), 2 from the one round that. */
      readonly up: number;
      readonly keys: readonly Parts[];
    }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Argument[] }
);

export interface Argument {
  readonly parts: Parts;
  readonly quoted: boolean;
}

export type ReadReferences =
  | { readonly ok: true; readonly parts: Parts }
  | { readonly ok: false; readonly at: number; readonly why: Slip };

/** What is wrong with a text. */
export type Slip = 'open' | 'empty' | 'key' | 'bracket' | 'quote' | 'value' | 'deep';

/** Whether there is anything to read. */
export function hasReferences(text: string): boolean {
  return text.includes('${');
}

export function readReferences(text: string): ReadReferences {
  try {
    return { ok: true, parts: new Reader(text).parts() };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return { ok: false, at: error.at, why: error.why };
  }
}

/** Never seen outside. */
class Wrong {
  readonly at: number;
  readonly why: Slip;

  constructor(at: number, why: Slip) {
    this.at = at;
    this.why = why;
  }
}

const NAME = /[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*(?=\s*:)/y;
/** Other keys are written in brackets. */
const KEY = /[\p{L}\p{N}_-]+/uy;

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** To the end, or to one of these characters, which is left. */
  parts(until = ''): Parts {
    const parts: (string | Reference)[] = [];
    let letters = '';
    while (this.#at < this.#text.length) {
      const letter = this.#text[this.#at] ?? '';
      if (until.includes(letter)) break;
      if (letter === '\\') letters += this.#backslashes(until);
      else if (this.#text.startsWith('${', this.#at)) {
        if (letters !== '') parts.push(letters);
        letters = '';
        parts.push(this.#reference());
      } else {
        letters += letter;
        this.#at += 1;
      }
    }
    if (letters !== '') parts.push(letters);
    return parts;
  }

  /** Before `${` two are one, and an odd one makes letters of it; elsewhere they are what they are. */
  #backslashes(until: string): string {
    const from = this.#at;
    while (this.#text[this.#at] === '\\') this.#at += 1;
    const count = this.#at - from;
    if (this.#text.startsWith('${', this.#at)) {
      if (count % 2 === 0) return '\\'.repeat(count / 2);
      this.#at += 2;
      return `${'\\'.repeat((count - 1) / 2)}\${`;
    }
    const next = this.#text[this.#at] ?? '';
    if (until === '' || count % 2 === 0 || !(until.includes(next) || next === ' '))
      return '\\'.repeat(count);
    this.#at += 1;
    return '\\'.repeat(count - 1) + next;
  }

  #reference(): Reference {
    const at = this.#at;
    this.#depth += 1;
    if (this.#depth > limits.interpolationDepth) throw new Wrong(at, 'deep');
    this.#at += 2;
    this.#blanks();
    NAME.lastIndex = this.#at;
    const name = NAME.exec(this.#text)?.[0];
    const read = name === undefined ? this.#path(at) : this.#call(name, at);
    this.#depth -= 1;
    return { at, text: this.#text.slice(at, this.#at), ...read };
  }

  #blanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #close(from: number): void {
    this.#blanks();
    if (this.#at >= this.#text.length) throw new Wrong(from, 'open');
    if (this.#text[this.#at] !== '}') throw new Wrong(from, 'key');
    this.#at += 1;
  }

  #path(from: number): { kind: 'path'; up: number; keys: readonly Parts[] } {
    let up = 0;
    while (this.#text[this.#at] === '.') {
      up += 1;
      this.#at += 1;
    }
    const keys: Parts[] = [];
    for (let next = this.#text[this.#at]; ; next = this.#text[this.#at]) {
      if (next === '[') keys.push(this.#bracket(from));
      else if (next === '.' && keys.length > 0) {
        this.#at += 1;
        keys.push(this.#key(from));
      } else if (keys.length === 0 && next !== '}' && next !== undefined)
        keys.push(this.#key(from));
      else break;
    }
    this.#close(from);
    if (keys.length === 0) throw new Wrong(from, 'empty');
    return { kind: 'path', up, keys };
  }

  /** A key may be made with others: `${a_${b}}`. */
  #key(from: number): Parts {
    const parts: (string | Reference)[] = [];
    for (;;) {
      KEY.lastIndex = this.#at;
      const word = KEY.exec(this.#text)?.[0];
      if (word !== undefined) {
        this.#at += word.length;
        parts.push(word);
      } else if (this.#text.startsWith('${', this.#at)) parts.push(this.#reference());
      else break;
    }
    if (parts.length === 0) throw new Wrong(from, 'key');
    return parts;
  }

  #bracket(from: number): Parts {
    this.#at += 1;
    const quote = this.#text[this.#at] ?? '';
    const quoted = quote === "'" || quote === '"';
    const parts = quoted ? this.#quoted() : this.parts(']');
    if (this.#text[this.#at] !== ']' || parts.length === 0) throw new Wrong(from, 'bracket');
    this.#at += 1;
    return parts;
  }

  #call(name: string, from: number): { kind: 'call'; name: string; args: readonly Argument[] } {
    this.#at += name.length;
    this.#blanks();
    this.#at += 1;
    const args: Argument[] = [];
    this.#blanks();
    while (this.#text[this.#at] !== '}') {
      args.push(this.#argument(from));
      if (this.#text[this.#at] !== ',') break;
      this.#at += 1;
      this.#blanks();
      // `${oc.env:X,}` gives an empty text.
      if (this.#text[this.#at] === '}') args.push({ parts: [], quoted: false });
    }
    this.#close(from);
    return { kind: 'call', name, args };
  }

  #argument(from: number): Argument {
    const first = this.#text[this.#at] ?? '';
    if (first === '[' || first === '{') throw new Wrong(from, 'value');
    if (first === "'" || first === '"') {
      const parts = this.#quoted();
      this.#blanks();
      return { parts, quoted: true };
    }
    const parts = [...this.parts(',}')];
    const last = parts.at(-1);
    if (typeof last === 'string') parts[parts.length - 1] = last.trimEnd();
    return { parts: parts.filter((part) => part !== ''), quoted: false };
  }

  #quoted(): Parts {
    const from = this.#at;
    const quote = this.#text[this.#at] ?? '';
    this.#at += 1;
    const parts = this.parts(quote);
    if (this.#text[this.#at] !== quote) throw new Wrong(from, 'quote');
    this.#at += 1;
    return parts;
  }
}
