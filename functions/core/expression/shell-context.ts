// Knows where in a shell command a `{{ }}` stands: outside quotes, inside them, in a comment, in a here-document.
//
// Quotes, escapes and comments are followed exactly. What needs a shell to be understood (command substitution, `${x:-y}`,
// here-documents, arithmetic) is followed as well as can be, and from there on the scanner says that it is not sure; then
// a value must be put in a way that is safe wherever it stands.

export type Place = {
  /** What the text up to here leaves open. */
  readonly inside: 'nothing' | 'single' | 'double' | 'comment' | 'document';
  readonly sure: boolean;
  /** Why no value can stand here at all. */
  readonly trouble?: string;
};

/** A number may stand there all the same. */
export const IN_ARITHMETIC = '{{ }} stands in shell arithmetic, where only a number is safe';

type Frame = 'nothing' | 'double' | 'substitution' | 'backtick' | 'expansion';

interface Document {
  readonly word: string;
  readonly literal: boolean;
  readonly tabs: boolean;
}

/** A `#` begins a comment only where a word could begin. */
const BEFORE_WORD = /[\s;&|()<>]/;
const DOCUMENT = /^<<(-?)[ \t]*((?:'[^'\n]*'|"[^"\n]*"|\\.|[^\s;&|()<>'"\\])*)/;

export class ShellScanner {
  readonly #frames: Frame[] = ['nothing'];
  #quote: 'single' | 'comment' | undefined;
  /** Where a word could begin now. */
  #fresh = true;
  #sure = true;
  /** How many frames were open where each arithmetic began. */
  readonly #arithmetic: number[] = [];
  #trouble: string | undefined;
  readonly #waiting: Document[] = [];
  #document: Document | undefined;
  #line = '';

  /** Reads text that stands in the command as it is. */
  read(text: string): void {
    this.#trouble = undefined;
    let at = 0;
    while (at < text.length) {
      at += this.#step(text, at);
    }
  }

  /** Where a value would stand now. */
  place(): Place {
    const inside = this.#document === undefined ? this.#inside() : 'document';
    const trouble = this.#trouble ?? this.#impossible();
    return { inside, sure: this.#sure, ...(trouble === undefined ? {} : { trouble }) };
  }

  /** Tells that a value was put here: it is (part of) a word. */
  value(): void {
    this.#fresh = false;
    this.#line += '\0';
    this.#trouble = undefined;
  }

  #inside(): Exclude<Place['inside'], 'document'> {
    if (this.#quote !== undefined) {
      return this.#quote;
    }
    return this.#frames.at(-1) === 'double' ? 'double' : 'nothing';
  }

  #impossible(): string | undefined {
    if (this.#document?.literal === true) {
      return `{{ }} stands in a here-document whose end is quoted (<<'${this.#document.word}'), where the shell puts no values; write <<${this.#document.word}`;
    }
    return this.#arithmetic.length > 0 ? IN_ARITHMETIC : undefined;
  }

  #step(text: string, at: number): number {
    const char = text.charAt(at);
    if (this.#document !== undefined) {
      return this.#inDocument(this.#document, text, at);
    }
    if (this.#quote === 'single') {
      this.#quote = char === "'" ? undefined : 'single';
      return 1;
    }
    if (this.#quote === 'comment') {
      return char === '\n' ? this.#newline() : 1;
    }
    if (char === '\\') {
      return this.#escape(text, at);
    }
    if (char === '$' || char === '`') {
      return this.#expansion(text, at);
    }
    return this.#frames.at(-1) === 'double' ? this.#inDouble(char) : this.#inNothing(text, at);
  }

  #escape(text: string, at: number): number {
    if (at + 1 >= text.length) {
      this.#trouble = 'a backslash stands directly before {{ }} and would undo its quotes';
    }
    // A line that goes on is no end of a word and no beginning of one.
    this.#fresh = text.charAt(at + 1) === '\n' ? this.#fresh : false;
    return 2;
  }

  #expansion(text: string, at: number): number {
    const rest = text.slice(at, at + 200);
    const plain = /^\$(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])/.exec(
      rest,
    );
    this.#fresh = false;
    if (plain !== null) {
      return plain[0].length;
    }
    if (rest === '$') {
      this.#trouble =
        'a $ stands directly before {{ }}; a value is written with braces alone: {{ x }}';
      return 1;
    }
    if (rest.startsWith('`')) {
      this.#sure = false;
      this.#fresh = true;
      this.#toggle('backtick');
      return 1;
    }
    if (rest.startsWith('$((')) {
      this.#sure = false;
      this.#beginArithmetic();
      return 3;
    }
    if (rest.startsWith('$(') || rest.startsWith('${')) {
      this.#sure = false;
      this.#frames.push(rest.startsWith('$(') ? 'substitution' : 'expansion');
      this.#fresh = rest.startsWith('$(');
      return 2;
    }
    if (rest.startsWith("$'") && this.#frames.at(-1) !== 'double') {
      this.#sure = false;
    }
    return 1;
  }

  #toggle(frame: 'backtick' | 'double'): void {
    const open = this.#frames.lastIndexOf(frame);
    if (open >= 0 && (frame === 'backtick' || this.#frames.at(-1) === frame)) {
      this.#frames.length = open;
    } else {
      this.#frames.push(frame);
    }
  }

  #inDouble(char: string): number {
    if (char === '"') {
      this.#frames.pop();
    }
    return 1;
  }

  #inNothing(text: string, at: number): number {
    const char = text.charAt(at);
    const fresh = this.#fresh;
    this.#fresh = BEFORE_WORD.test(char);
    switch (char) {
      case "'":
        this.#quote = 'single';
        return 1;
      case '"':
        this.#frames.push('double');
        return 1;
      case '#':
        if (fresh && this.#frames.at(-1) !== 'expansion') {
          this.#quote = 'comment';
        }
        return 1;
      case '\n':
        return this.#newline();
      case '<':
        return this.#redirection(text, at);
      case '(':
      case ')':
      case '}':
        return this.#bracket(text, at);
      default:
        return 1;
    }
  }

  #bracket(text: string, at: number): number {
    const char = text.charAt(at);
    if (text.startsWith('((', at)) {
      this.#beginArithmetic();
      return 2;
    }
    if (char === '(') {
      if (this.#frames.length > 1) {
        this.#frames.push('substitution');
      }
      return 1;
    }
    if (this.#frames.at(-1) === (char === ')' ? 'substitution' : 'expansion')) {
      this.#frames.pop();
    }
    while ((this.#arithmetic.at(-1) ?? -1) >= this.#frames.length) {
      this.#arithmetic.pop();
    }
    return 1;
  }

  #beginArithmetic(): void {
    this.#sure = false;
    this.#arithmetic.push(this.#frames.length);
    this.#frames.push('substitution', 'substitution');
  }

  #redirection(text: string, at: number): number {
    const rest = text.slice(at, at + 300);
    if (rest.startsWith('<<<')) {
      return 3;
    }
    if (!rest.startsWith('<<') || this.#arithmetic.length > 0) {
      return 1;
    }
    const found = DOCUMENT.exec(rest);
    const written = found?.[2] ?? '';
    const length = found?.[0].length ?? 2;
    this.#sure = false;
    if (written === '' || at + length >= text.length) {
      this.#trouble = '{{ }} stands in the word that ends a here-document';
    }
    this.#waiting.push({
      word: written.replace(/['"\\]/g, ''),
      literal: /['"\\]/.test(written),
      tabs: found?.[1] === '-',
    });
    this.#fresh = false;
    return length;
  }

  #newline(): number {
    this.#quote = undefined;
    this.#fresh = true;
    this.#document = this.#waiting.shift();
    this.#line = '';
    return 1;
  }

  #inDocument(document: Document, text: string, at: number): number {
    const char = text.charAt(at);
    if (char !== '\n') {
      this.#line += char;
      return 1;
    }
    const line = document.tabs ? this.#line.replace(/^\t+/, '') : this.#line;
    this.#line = '';
    if (line === document.word) {
      this.#document = this.#waiting.shift();
      this.#fresh = true;
    }
    return 1;
  }
}
