// How the parser gives up: one problem with its place and, where one can tell, the corrected text.
import type { Message } from '#core/messages.ts';
import { Rejected } from '#errors/families.ts';
import type { ExpressionCode } from './types.ts';

/** What is wrong with a text, and where: `at` counts characters of that text from 0. */
export class ExpressionProblem {
  readonly code: ExpressionCode;
  readonly message: string;
  readonly at: number;
  readonly suggestion?: string;
  readonly #said: Message<ExpressionCode>;

  constructor(said: Message<ExpressionCode>, at: number, suggestion: string | undefined) {
    this.code = said.code;
    this.message = said.text;
    this.at = at;
    if (suggestion !== undefined) this.suggestion = suggestion;
    this.#said = said;
  }

  /** What is said of it where the text stands in a place that has a name. */
  about(subject: string): Message<ExpressionCode> {
    return this.#said.about(subject);
  }
}

/** Leaves the parser and never the folder: `parse.ts` turns it into `{ ok: false }`. */
export class Unreadable extends Rejected {
  override readonly name = 'Unreadable';
  readonly problem: ExpressionProblem;
  constructor(problem: ExpressionProblem) {
    super('invalid', problem.message);
    this.problem = problem;
  }
}

/** The text being read, and where it begins in the text the user wrote. */
export interface Source {
  readonly text: string;
  /** Offset of `text` in `whole`. */
  readonly base: number;
  readonly whole: string;
}

export interface Trouble {
  /** Offset in `source.text`. */
  readonly at: number;
  readonly said: Message<ExpressionCode>;
  /** What stands from `at` to `to` should rather be this. */
  readonly fix?: { readonly to: number; readonly by: string };
  /** A hint that is no correction of the text. */
  readonly suggestion?: string;
}

export function problemOf(source: Source, trouble: Trouble): ExpressionProblem {
  const at = Math.min(Math.max(trouble.at, 0), source.text.length) + source.base;
  const suggestion =
    trouble.fix === undefined
      ? trouble.suggestion
      : source.whole.slice(0, at) +
        trouble.fix.by +
        source.whole.slice(source.base + trouble.fix.to);
  return new ExpressionProblem(trouble.said, at, suggestion);
}

export function fail(source: Source, trouble: Trouble): never {
  throw new Unreadable(problemOf(source, trouble));
}

/** The name of the list that is nearest to one that is not in it, if any is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const ranked = known
    .map((candidate) => ({ candidate, distance: distance(lower, candidate.toLowerCase()) }))
    .filter(({ candidate, distance: far }) => far <= allowed(candidate))
    .sort((left, right) => left.distance - right.distance);
  return ranked[0]?.candidate;
}

/** A name of one or two letters is near to nothing: any other would be one edit away. */
function allowed(candidate: string): number {
  return candidate.length < 3 ? 0 : Math.max(1, Math.floor(candidate.length / 3));
}

/** Edits (insert, delete, replace, swap of neighbours) between two short texts. */
function distance(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > 8 || left.length > 64) {
    return 99;
  }
  let before: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let best = Math.min(
        (previous[column] ?? 99) + 1,
        (current[column - 1] ?? 99) + 1,
        (previous[column - 1] ?? 99) + (same ? 0 : 1),
      );
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (row > 1 && column > 1 && swapped) {
        best = Math.min(best, (before[column - 2] ?? 99) + 1);
      }
      current.push(best);
    }
    before = previous;
    previous = current;
  }
  return previous[right.length] ?? 99;
}
