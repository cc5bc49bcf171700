// Fills the sentences of the catalogue (schemas/problem-messages.ts). What is said of a problem is a Message, and a Message is made
// here only: a sentence that is not in the catalogue does not compile.
import type { ProblemCode } from '#schemas/problem-codes.ts';
import {
  type Filling,
  HINTS,
  PARTS,
  PROBLEM_MESSAGES,
  type SentenceOf,
  type Variant,
} from '#schemas/problem-messages.ts';
import type { Problem } from '#schemas/problems.ts';

type Values = Readonly<Record<string, string | number>>;

const SENTENCES: Readonly<Record<ProblemCode, Readonly<Record<string, string>>>> = PROBLEM_MESSAGES;

/** Once over the sentence: what is filled in is never filled itself. */
function filled(sentence: string, values: Values = {}): string {
  return sentence.replaceAll(/\{([a-z]+)\}/g, (whole, name: string) => `${values[name] ?? whole}`);
}

/** A code with its sentence. The private member keeps objects that only look like one out. */
export class Message<C extends ProblemCode = ProblemCode> {
  readonly code: C;
  readonly #text: string;

  private constructor(code: C, text: string) {
    this.code = code;
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }

  /** The same of a place: `"retry" of node "a": "5" has no unit; …`. */
  about(subject: string): Message<C> {
    return new Message(this.code, part('about', { subject, problem: this.#text }));
  }

  static of<C extends ProblemCode, V extends Variant<C>>(
    code: C,
    variant: V,
    ...filling: Filling<SentenceOf<C, V>>
  ): Message<C> {
    return new Message(code, filled(SENTENCES[code][variant] ?? '', filling[0]));
  }
}

/** The sentence `variant` of a code, with its names filled in. */
export const message = Message.of;

/** A part of sentences, with its names filled in. */
export function part<P extends keyof typeof PARTS>(
  name: P,
  ...filling: Filling<(typeof PARTS)[P]>
): string {
  return filled(PARTS[name], filling[0]);
}

/** An end of sentences, with its names filled in. */
export function hint<H extends keyof typeof HINTS>(
  name: H,
  ...filling: Filling<(typeof HINTS)[H]>
): string {
  return filled(HINTS[name], filling[0]);
}

/** "Did you mean" where there is a name that is near; else nothing, or what `otherwise` says. */
export function nearHint(near: string | undefined, otherwise: () => string = () => ''): string {
  return near === undefined ? otherwise() : hint('near', { near });
}

/** A problem that has no place in a pipeline file: one of the command line, of an input, of this machine. */
export function problemOf(said: Message, path: string, suggestion?: string): Problem {
  const { code, text } = said;
  const about = { code, severity: 'error', path, line: 0, column: 0, message: text } as const;
  return { ...about, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** The same where the run may go on. */
export function warningOf(said: Message, path: string): Problem {
  return { ...problemOf(said, path), severity: 'warning' };
}
