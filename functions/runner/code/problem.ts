// What is wrong with an operator's source, in words for the one who wrote the pipeline.
import type { Message } from '#core/messages.ts';
import { Rejected } from '#errors/families.ts';

/** What may be wrong with a source, and the code of the error that says so. */
const ERRORS = {
  repository_missing: 'repository',
  tag_missing: 'tag_missing',
  project_file_missing: 'project_file',
} as const;

export type SourceMessage = Message<keyof typeof ERRORS>;

export class SourceProblem extends Rejected {
  override readonly name = 'SourceProblem';
  declare readonly code: (typeof ERRORS)[keyof typeof ERRORS];
  readonly said: SourceMessage;
  constructor(said: SourceMessage, details: Readonly<Record<string, unknown>> = {}) {
    super(ERRORS[said.code], said.text, details);
    this.said = said;
  }
}

/** Names closest to a name, best first: how far two names are apart, counted in letters to change. */
export function nearest(name: string, names: readonly string[], count = 3): string[] {
  return names
    .map((candidate) => ({ candidate, distance: distance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
