// Follows the text of a query as the database reads it: what stands inside quotes and comments, where one statement ends, and
// what would be a parameter. Knows no values.

export type Inside = 'code' | 'literal' | 'escaped' | 'name' | 'line' | 'block' | 'dollar';

/** What was met, at which offset of the text that was read. `after`: whether the statement has code before its end. */
export type Met =
  | { readonly what: 'end'; readonly at: number; readonly after: boolean }
  | { readonly what: 'parameter'; readonly at: number; readonly came: string };

/** How much of the code before a place is kept: more than any word that matters. */
const TAIL = 400;
const QUOTES = { literal: "'", escaped: "'", name: '"' } as const;

export class SqlScanner {
  #inside: Inside = 'code';
  #code = '';
  #justOpened = false;
  #depth = 0;
  #tag = '';
  #met: Met[] = [];

  get inside(): Inside {
    return this.#inside;
  }

  /** The last of the statement's code, comments left out, texts without what is in them. Empty: the statement has nothing yet. */
  get code(): string {
    return this.#code;
  }

  /** Whether the last sign that was read opened the text in quotes that we are in. */
  get justOpened(): boolean {
    return this.#justOpened;
  }

  /** Reads on. A part never ends inside a sign of two characters, because a value follows it. */
  read(text: string): readonly Met[] {
    this.#met = [];
    let at = 0;
    while (at < text.length) {
      this.#justOpened = false;
      at = this.#inside === 'code' ? this.#inCode(text, at) : this.#in(text, at);
    }
    return this.#met;
  }

  /** A value stands here. */
  value(): void {
    this.#justOpened = false;
    if (this.#inside === 'code') this.#add('$1');
  }

  /** The quote that was just opened is taken away: its value stands without. */
  unquote(): void {
    this.#inside = 'code';
    this.#code = this.#code.slice(0, -1);
  }

  #add(code: string): void {
    this.#code = (this.#code + code).slice(-TAIL);
  }

  #inCode(text: string, at: number): number {
    const plain = /[^'"$?;/-]+/y;
    plain.lastIndex = at;
    const found = plain.exec(text)?.[0];
    if (found !== undefined) {
      this.#add(this.#code === '' ? found.trimStart() : found);
      return at + found.length;
    }
    const sign = text.charAt(at);
    if (sign === "'" || sign === '"') return this.#open(sign, at);
    if (sign === '$') return this.#dollar(text, at);
    if (sign === ';') return this.#end(at);
    const two = text.slice(at, at + 2);
    if (two === '--') this.#inside = 'line';
    else if (two === '/*') {
      this.#inside = 'block';
      this.#depth = 1;
    } else {
      if (sign === '?') this.#met.push({ what: 'parameter', at, came: sign });
      this.#add(sign);
      return at + 1;
    }
    this.#add(this.#code === '' ? '' : ' ');
    return at + 2;
  }

  #open(quote: string, at: number): number {
    const escaped = quote === "'" && /(?:^|[^\p{L}\p{Nd}_$])e$/iu.test(this.#code);
    this.#inside = quote === '"' ? 'name' : escaped ? 'escaped' : 'literal';
    this.#justOpened = quote === "'";
    this.#add(quote);
    return at + 1;
  }

  #end(at: number): number {
    this.#met.push({ what: 'end', at, after: this.#code !== '' });
    this.#code = '';
    return at + 1;
  }

  /** `$$` and `$tag$` open a text; `$1` and `$name` are parameters; `a$1` is a name. */
  #dollar(text: string, at: number): number {
    if (/[\p{L}\p{Nd}_$]$/u.test(this.#code)) {
      this.#add('$');
      return at + 1;
    }
    const tag = /\$(?:[\p{L}_][\p{L}\p{Nd}_]*)?\$/uy;
    tag.lastIndex = at;
    const opened = tag.exec(text)?.[0];
    if (opened !== undefined) {
      this.#inside = 'dollar';
      this.#tag = opened;
      this.#add("''");
      return at + opened.length;
    }
    const came = /\$[\p{L}\p{Nd}_]*/uy;
    came.lastIndex = at;
    const parameter = came.exec(text)?.[0] ?? '$';
    this.#met.push({ what: 'parameter', at, came: parameter });
    this.#add(parameter);
    return at + parameter.length;
  }

  /** Inside quotes or a comment: on to where it ends. */
  #in(text: string, at: number): number {
    switch (this.#inside) {
      case 'literal':
      case 'escaped':
      case 'name':
        return this.#inQuotes(text, at, QUOTES[this.#inside]);
      case 'line':
        return this.#until(text, at, '\n');
      case 'dollar':
        return this.#until(text, at, this.#tag);
      case 'block':
        return this.#inBlock(text, at);
      case 'code':
        return at;
    }
  }

  #inQuotes(text: string, at: number, quote: string): number {
    for (let index = at; index < text.length; index += 1) {
      const sign = text.charAt(index);
      if (sign === '\\' && this.#inside === 'escaped') index += 1;
      else if (sign === quote && text.charAt(index + 1) === quote) index += 1;
      else if (sign === quote) {
        this.#inside = 'code';
        this.#add(quote);
        return index + 1;
      }
    }
    return text.length;
  }

  #until(text: string, at: number, end: string): number {
    const found = text.indexOf(end, at);
    if (found < 0) return text.length;
    this.#inside = 'code';
    return found + end.length;
  }

  /** Comments in comments. */
  #inBlock(text: string, at: number): number {
    const sign = /\/\*|\*\//g;
    sign.lastIndex = at;
    const found = sign.exec(text);
    if (found === null) return text.length;
    this.#depth += found[0] === '/*' ? 1 : -1;
    if (this.#depth === 0) this.#inside = 'code';
    return found.index + 2;
  }
}
