// Texts as values of the type that their place wants: a number may be quoted, come out of `${…}` or from the environment.
import { plainScalar } from '#core/compile/plain-values.ts';
import type { Entry, ScalarTree, Tree } from '#core/compile/tree.ts';
import { operatorsFits } from '#schemas/dialect-operators.ts';

export type Keys = readonly (string | number)[];

/** The text itself where a text fits; else the number, truth or nothing that YAML reads in it, if that fits; else the text. */
export function typed(keys: Keys, text: string): ScalarTree['value'] {
  if (operatorsFits(keys, text)) return text;
  const value = looseValue(text);
  return operatorsFits(keys, value) ? value : text;
}

/** A tree whose texts are what their places want, as the systems that the dialect comes from read them. */
export function allTyped(tree: Tree, keys: Keys = []): Tree {
  if (tree.kind === 'scalar') return typedScalar(tree, keys);
  if (tree.kind === 'list') {
    const items = tree.items.map((item, at) => allTyped(item, [...keys, at]));
    return items.some((item, at) => item !== tree.items[at]) ? { ...tree, items } : tree;
  }
  const entries = new Map<string, Entry>();
  let changed = false;
  for (const [key, entry] of tree.entries) {
    const value = allTyped(entry.value, [...keys, key]);
    changed ||= value !== entry.value;
    entries.set(key, value === entry.value ? entry : { at: entry.at, value });
  }
  return changed ? { ...tree, entries } : tree;
}

/** What a text must look like to be anything else: most need not be asked about. */
const LOOSE = /^(?:[-+.]?\d[\w.+-]*|true|false|yes|no|on|off)$/i;

function typedScalar(tree: ScalarTree, keys: Keys): ScalarTree {
  const { value: text } = tree;
  if (typeof text !== 'string' || tree.pieces !== undefined || !LOOSE.test(text)) return tree;
  const value = typed(keys, text);
  return value === text ? tree : { ...tree, value, raw: text };
}

const TRUTHS: Readonly<Record<string, boolean>> = { yes: true, on: true, no: false, off: false };

/** Older YAML has more words for true and false, and numbers with `_` between their digits. */
function looseValue(text: string): ScalarTree['value'] {
  const truth = TRUTHS[text.toLowerCase()];
  if (truth !== undefined) return truth;
  return plainValue(/^[-+]?\d+(?:_\d+)+$/.test(text) ? text.replaceAll('_', '') : text);
}

/** What YAML makes of a plain text. */
export function plainValue(text: string): ScalarTree['value'] {
  const scalar = plainScalar(text, 0, text.length);
  return scalar === undefined ? text : scalar.value;
}
