// Values in queries. Each `{{ }}` becomes a parameter of the database: its value is never read as SQL, whatever is in it.
//
// A text in quotes that is exactly one `{{ }}` takes its quotes with it. Everywhere else where SQL takes no value (a longer
// text, a name, a comment) it is a problem. A query may be several statements; each is one the database is given by itself.
import { type Message, message } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import { evaluateWithin } from './evaluate.ts';
import { undecided } from './operators.ts';
import { type Inside, SqlScanner } from './sql-scan.ts';
import type { Evaluated, Template, Variables } from './types.ts';
import { value } from './values.ts';

type Part = Exclude<Template['parts'][number], string>;

/** From `bound` on, up to the next piece, the text of a statement is the template's from `source` on; `fixed`: a parameter. */
export interface SqlPiece {
  readonly bound: number;
  readonly source: number;
  readonly fixed: boolean;
}

export interface SqlStatement {
  /** With `$1`, `$2`, … for its values. */
  readonly text: string;
  /** Which of the template's parts stands for `$1`, `$2`, …, by index. */
  readonly parameters: readonly number[];
  readonly pieces: readonly SqlPiece[];
}

export interface SqlProblem {
  readonly said: Message;
  /** Offset in the template. */
  readonly at: number;
}

export interface SqlTemplate {
  readonly statements: readonly SqlStatement[];
  readonly problems: readonly SqlProblem[];
}

/** The statements of a query, and every `{{ }}` that stands where no value can. */
export function readSql(template: Template): SqlTemplate {
  const reader = new Reader(template);
  reader.read();
  return { statements: reader.statements, problems: reader.problems };
}

/**
 * The values of the parameters of a query, one for each part of the template that is a `{{ }}`, in their order. The answer is
 * a list.
 */
export function evaluateSql(template: Template, variables: Variables): Evaluated {
  const budget = { left: limits.expressionOperations };
  const results = template.parts.flatMap((part) =>
    typeof part === 'string' ? [] : [evaluateWithin(part.expr, variables, budget)],
  );
  const open = undecided(results);
  if (open !== undefined) return open;
  return value(results.flatMap((result) => (result.is === 'value' ? [result.value] : [])));
}

/** Where in the template a character of a statement stands. */
export function placeInTemplate(statement: SqlStatement, at: number): number {
  let found: SqlPiece = { bound: 0, source: 0, fixed: true };
  for (const piece of statement.pieces) {
    if (piece.bound > at) break;
    found = piece;
  }
  return found.fixed ? found.source : found.source + at - found.bound;
}

/** Types whose name may stand before a text in quotes. */
const TYPED =
  /(?:^|[^\p{L}\p{Nd}_$"])(date|time|timetz|timestamp|timestamptz|datetime|interval|uuid|json|blob|decimal|numeric|double|integer|bigint|hugeint|varchar)\s*$/iu;
const TABLE = /(?:^|[^\p{L}\p{Nd}_$"])(from|join)\s*$/iu;
/** `from` that names no table. */
const NO_TABLE =
  /(?:distinct\s+from|(?:extract|substring|trim|overlay)\s*\((?:[^()]|\([^()]*\))*\sfrom)\s*$/iu;
const PREFIX = /(?:^|[^\p{L}\p{Nd}_$"])([exbn]|u&)$/iu;
const WORD_BEFORE = /[\p{L}\p{Nd}_$"'.]$/u;
const WORD_AFTER = /^[\p{L}\p{Nd}_$"']/u;

/** What a `{{ }}` stands among. */
interface Around {
  readonly inside: Inside;
  readonly quoted: boolean;
  /** The code before it, and the text after it. */
  readonly before: string;
  readonly after: string;
}

/** Why no value can stand here; undefined when one can. */
function trouble(term: string, around: Around): Message | undefined {
  switch (around.inside) {
    case 'literal':
    case 'escaped':
      return message('sql_placeholder', 'literal', { term });
    case 'name':
      return message('sql_placeholder', 'name', { term });
    case 'line':
    case 'block':
      return message('sql_placeholder', 'comment', { term });
    case 'dollar':
      return message('sql_placeholder', 'dollar', { term });
    case 'code':
      return troubleInCode(term, around);
  }
}

function troubleInCode(term: string, { quoted, before, after }: Around): Message | undefined {
  const typed = TYPED.exec(before)?.[1];
  if (typed !== undefined && (quoted || typed.toLowerCase() !== 'interval'))
    return message('sql_placeholder', 'typed', { term, word: typed, type: typed.toLowerCase() });
  const prefix = PREFIX.exec(before)?.[1];
  if (quoted && prefix !== undefined) return message('sql_placeholder', 'prefix', { term, prefix });
  const word = TABLE.exec(before)?.[1];
  if (word !== undefined && !NO_TABLE.test(before))
    return message('sql_placeholder', 'table', { term, word });
  if (WORD_BEFORE.test(before) || WORD_AFTER.test(after))
    return message('sql_placeholder', 'word', { term });
  return undefined;
}

class Reader {
  readonly statements: SqlStatement[] = [];
  readonly problems: SqlProblem[] = [];
  readonly #template: Template;
  readonly #scanner = new SqlScanner();
  #text = '';
  #pieces: SqlPiece[] = [];
  #parameters: number[] = [];
  /** Parameters by their expression: what is written twice is one, so that `select` and `group by` name the same. */
  #numbers = new Map<string, number>();
  #hasCode = false;
  /** The next part begins with the closing quote of a value that takes its quotes with it. */
  #closing = false;

  constructor(template: Template) {
    this.#template = template;
  }

  read(): void {
    const { parts } = this.#template;
    let ordinal = 0;
    for (const [index, part] of parts.entries()) {
      if (typeof part === 'string') {
        this.#read(part, this.#startOf(part, index));
        continue;
      }
      const next = parts[index + 1];
      this.#value(part, ordinal, typeof next === 'string' ? next : '');
      ordinal += 1;
    }
    this.#finish();
  }

  /** A text ends where the next value begins. */
  #startOf(part: string, index: number): number {
    const next = this.#template.parts[index + 1];
    const end = typeof next === 'object' ? next.at : this.#template.text.length;
    return end - part.length;
  }

  #read(part: string, start: number): void {
    const skipped = this.#closing ? 1 : 0;
    this.#closing = false;
    const text = part.slice(skipped);
    const source = start + skipped;
    let done = 0;
    for (const met of this.#scanner.read(text)) {
      if (met.what === 'parameter') {
        const said = message('sql_placeholder', 'parameter', { came: met.came });
        this.problems.push({ said, at: source + met.at });
        continue;
      }
      this.#hasCode ||= met.after;
      this.#emit(text.slice(done, met.at), source + done);
      this.#finish();
      done = met.at + 1;
    }
    this.#emit(text.slice(done), source + done);
    this.#hasCode ||= this.#scanner.code !== '';
  }

  #emit(text: string, source: number): void {
    if (text === '') return;
    this.#pieces.push({ bound: this.#text.length, source, fixed: false });
    this.#text += text;
  }

  #value(part: Part, ordinal: number, after: string): void {
    const scanner = this.#scanner;
    const quoted = scanner.justOpened && /^'(?!')/.test(after);
    if (quoted) {
      scanner.unquote();
      this.#text = this.#text.slice(0, -1);
      this.#closing = true;
    }
    const { inside, code: before } = scanner;
    const around = { inside, quoted, before, after: quoted ? after.slice(1) : after };
    const said = trouble(part.text, around);
    if (said !== undefined) this.problems.push({ said, at: part.at });
    this.#bind(part.text, ordinal, quoted ? part.at - 1 : part.at);
    scanner.value();
    this.#hasCode = true;
  }

  #bind(term: string, ordinal: number, source: number): void {
    let number = this.#numbers.get(term);
    if (number === undefined) {
      this.#parameters.push(ordinal);
      number = this.#parameters.length;
      this.#numbers.set(term, number);
    }
    this.#pieces.push({ bound: this.#text.length, source, fixed: true });
    this.#text += `$${number}`;
  }

  /** A statement with nothing but blanks and comments in it is none. */
  #finish(): void {
    if (this.#hasCode)
      this.statements.push({
        text: this.#text,
        parameters: this.#parameters,
        pieces: this.#pieces,
      });
    this.#text = '';
    this.#pieces = [];
    this.#parameters = [];
    this.#numbers = new Map();
    this.#hasCode = false;
  }
}
