// Reads the plain part of YAML in which nearly all pipelines are written: block mappings and lists, values on one line, flow
// collections on one line, literal blocks. Several times as fast as the library, and with a fraction of its memory. Anything
// else (anchors, tags, folded texts, tabs, anything odd or wrong) makes it give up, and the library reads the file: so it
// never has an opinion of its own. A test holds the two against each other.
import { limits } from '#schemas/limits.ts';
import { flowValue, inlineEnd, plainScalar, quotedScalar } from './plain-values.ts';
import type { Entry, ScalarTree, Tree } from './tree.ts';
import { FORBIDDEN_KEYS } from './tree.ts';

/** The tree of a source, or undefined when it holds anything but the plain part of YAML. */
export function readPlainYaml(source: string): Tree | undefined {
  if (ODD.test(source)) return undefined;
  const reader = new Reader(source);
  try {
    return reader.document();
  } catch (signal) {
    if (signal instanceof NotPlain) return undefined;
    throw signal;
  }
}

/** Says that the file is not plain; never seen outside. */
export class NotPlain {}

/** Tabs, other line ends than LF, control characters, and what begins or ends a document. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ODD = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]|^(?:---|\.\.\.|%)/m;

/** What may follow a value in its line. */
const REST = / *(?:$| #)/my;

const KEY = /[A-Za-z_][\w.-]*(?=:(?: |$))/my;

class Reader {
  readonly #source: string;
  /** Offset of the first character of the current line that is no blank; the end of the source behind the last line. */
  #at = 0;
  /** Column of that character. */
  #indent = -1;

  constructor(source: string) {
    this.#source = source;
    this.#lineFrom(0);
  }

  document(): Tree {
    if (this.#indent !== 0) throw new NotPlain();
    const tree = this.#block(0, 0);
    if (this.#at < this.#source.length) throw new NotPlain();
    return tree;
  }

  /** Goes to the next line that holds something, from the beginning of a line on. */
  #lineFrom(start: number): void {
    const source = this.#source;
    for (let from = start; from < source.length; ) {
      let at = from;
      while (source.charCodeAt(at) === 32) at += 1;
      const code = source.charCodeAt(at);
      if (at < source.length && code !== 10 && code !== 35) {
        this.#at = at;
        this.#indent = at - from;
        return;
      }
      const end = source.indexOf('\n', at);
      if (end < 0) break;
      from = end + 1;
    }
    this.#at = source.length;
    this.#indent = -1;
  }

  #nextLine(from: number): void {
    const end = this.#source.indexOf('\n', from);
    this.#lineFrom(end < 0 ? this.#source.length : end + 1);
  }

  #isItem(): boolean {
    if (this.#source.charCodeAt(this.#at) !== 45) return false;
    const next = this.#source.charCodeAt(this.#at + 1);
    return next === 32 || next === 10 || Number.isNaN(next);
  }

  /** The mapping or list whose first line is the current one. */
  #block(indent: number, depth: number): Tree {
    if (depth > limits.yamlDepth) throw new NotPlain();
    return this.#isItem() ? this.#list(indent, depth) : this.#map(indent, depth);
  }

  #list(indent: number, depth: number): Tree {
    const at = this.#at;
    let end = at;
    const items: Tree[] = [];
    while (this.#indent === indent && this.#isItem()) {
      const item = this.#item(indent, depth);
      items.push(item);
      end = item.end;
    }
    if (this.#indent > indent) throw new NotPlain();
    return { kind: 'list', at, end, items };
  }

  #item(indent: number, depth: number): Tree {
    const dash = this.#at;
    let at = dash + 1;
    while (this.#source.charCodeAt(at) === 32) at += 1;
    const code = this.#source.charCodeAt(at);
    if (code === 10 || code === 35 || Number.isNaN(code)) {
      this.#nextLine(at);
      return this.#indent > indent ? this.#block(this.#indent, depth + 1) : nothing(dash + 1);
    }
    KEY.lastIndex = at;
    const dashAgain = code === 45 && /[ \n]/.test(this.#source[at + 1] ?? '\n');
    if (!KEY.test(this.#source) && !dashAgain) return this.#value(at, indent, depth);
    // A mapping or list that begins behind the dash: its lines are indented as far as its first one.
    this.#at = at;
    this.#indent = indent + at - dash;
    return this.#block(this.#indent, depth + 1);
  }

  #map(indent: number, depth: number): Tree {
    const at = this.#at;
    let end = at;
    const entries = new Map<string, Entry>();
    while (this.#indent === indent) {
      const keyAt = this.#at;
      KEY.lastIndex = keyAt;
      if (!KEY.test(this.#source)) throw new NotPlain();
      const name = this.#source.slice(keyAt, KEY.lastIndex);
      if (entries.has(name) || FORBIDDEN_KEYS.has(name)) throw new NotPlain();
      const value = this.#member(keyAt + name.length, indent, depth);
      entries.set(name, { at: keyAt, value });
      end = value.end;
    }
    if (this.#indent > indent) throw new NotPlain();
    return { kind: 'map', at, end, entries };
  }

  /** What stands behind the colon of a key. */
  #member(colon: number, indent: number, depth: number): Tree {
    let at = colon + 1;
    while (this.#source.charCodeAt(at) === 32) at += 1;
    const code = this.#source.charCodeAt(at);
    if (code !== 10 && code !== 35 && !Number.isNaN(code)) return this.#value(at, indent, depth);
    this.#nextLine(at);
    if (this.#indent > indent) return this.#block(this.#indent, depth + 1);
    if (this.#indent === indent && this.#isItem()) return this.#list(indent, depth + 1);
    return nothing(colon);
  }

  /** A value that begins in the line of its key or dash; the following lines must not belong to it. */
  #value(at: number, indent: number, depth: number): Tree {
    const code = this.#source.charCodeAt(at);
    if (code === 124) return this.#literal(at, indent);
    const tree =
      code === 91 || code === 123
        ? flowValue(this.#source, at, depth + 1)
        : code === 34 || code === 39
          ? quotedScalar(this.#source, at)
          : plainScalar(this.#source, at, inlineEnd(this.#source, at));
    if (tree === undefined) throw new NotPlain();
    REST.lastIndex = tree.end;
    if (!REST.test(this.#source)) throw new NotPlain();
    this.#nextLine(tree.end);
    if (this.#indent > indent) throw new NotPlain();
    return tree;
  }

  /** A literal block: `|`, its lines as they are but for their indentation; one line end at its end. */
  #literal(at: number, indent: number): Tree {
    const source = this.#source;
    if (source.charCodeAt(at + 1) !== 10) throw new NotPlain();
    let from = at + 2;
    const lines: string[] = [];
    let width = -1;
    while (from < source.length) {
      const stop = source.indexOf('\n', from);
      const line = source.slice(from, stop < 0 ? source.length : stop);
      const blanks = line.length - line.trimStart().length;
      const empty = blanks === line.length;
      if (!empty && blanks <= Math.max(indent, 0)) break;
      // Blank lines at the beginning and lines of blanks have rules of their own.
      if (empty && (line.length > 0 || width < 0)) throw new NotPlain();
      if (width < 0) width = blanks;
      if (!empty && blanks < width) throw new NotPlain();
      lines.push(line.slice(width));
      from = stop < 0 ? source.length : stop + 1;
    }
    if (width < 0 || lines.at(-1) === '' || source[from - 1] !== '\n') throw new NotPlain();
    this.#lineFrom(from);
    const value = `${lines.join('\n')}\n`;
    return { kind: 'scalar', at, end: from, value, style: 'block' };
  }
}

function nothing(at: number): ScalarTree {
  return { kind: 'scalar', at, end: at, value: null, style: 'plain' };
}
