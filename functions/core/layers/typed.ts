// Texts from the environment as values of the type that their place wants.
import { plainScalar } from '#core/compile/plain-values.ts';
import type { ScalarTree } from '#core/compile/tree.ts';
import { operatorsFits } from '#schemas/dialect-operators.ts';

export type Keys = readonly (string | number)[];

/** The text itself where a text fits; else the number, truth or nothing that YAML reads in it, if that fits; else the text. */
export function typed(keys: Keys, text: string): ScalarTree['value'] {
  if (operatorsFits(keys, text)) return text;
  const value = plainValue(text);
  return operatorsFits(keys, value) ? value : text;
}

/** What YAML makes of a plain text. */
export function plainValue(text: string): ScalarTree['value'] {
  const scalar = plainScalar(text, 0, text.length);
  return scalar === undefined ? text : scalar.value;
}
