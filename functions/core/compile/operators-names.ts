// What names of operators lead to, in the dialect `operators`: an operator, or a problem that is told once.
import { hint, message, nearHint } from '#core/messages.ts';
import { type Findings, subjectOf } from './findings.ts';
import { listed, nearest } from './nearest.ts';
import type { OperatorRead } from './operators-operator.ts';
import { text } from './read.ts';
import type { Place } from './tree.ts';

/** Places of one mistake that are told. */
export const SAID = 2;

/** The operators by how they are spelled. */
export class Names {
  readonly operators: ReadonlyMap<string, OperatorRead>;
  readonly #findings: Findings;
  readonly #said = new Map<string, number>();
  readonly #nameless: boolean;
  /** Operators that misspelt names were taken for. */
  readonly meant = new Set<string>();

  constructor(findings: Findings, operators: ReadonlyMap<string, OperatorRead>, nameless: boolean) {
    this.#findings = findings;
    this.operators = operators;
    this.#nameless = nameless;
  }

  /** The operator that a text names. A name that nobody has is said of the first two places that name it. */
  known(place: Place): OperatorRead | undefined {
    const { operators } = this;
    const name = text(this.#findings, place);
    const found = name === undefined ? undefined : operators.get(name);
    if (name === undefined || found !== undefined) return found;
    // Where there are no operators that is what is wrong.
    if (operators.size === 0) return undefined;
    const times = this.#said.get(name) ?? 0;
    this.#said.set(name, times + 1);
    if (times >= SAID) return undefined;
    const near = nearest(name, operators.keys());
    // It may be the name of one whose id is missing, which is told already.
    if (near === undefined && this.#nameless) return undefined;
    if (near !== undefined) this.meant.add(near);
    const said = message('unknown_operator', 'names', {
      subject: subjectOf(place),
      name,
      hint: nearHint(near, () => hint('has', { known: listed([...operators.keys()]) })),
    });
    this.#findings.error(said, place, { suggestion: near });
    return undefined;
  }
}
