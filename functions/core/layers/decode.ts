// Values that are written `base64://…`: decoded once, and from then on known by a name instead of by what they are.
import { type Findings, subjectOf } from '#core/compile/findings.ts';
import type { Entry, Piece, Place, ScalarTree, Tree } from '#core/compile/tree.ts';
import { message } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import { decodeWord, MARK } from './base64.ts';
import { PREFIX } from './overrides.ts';

/** Decoded values by the names under which programs get them. */
export type Decoded = ReadonlyMap<string, string>;

/** With names in the place of what is secret. */
export function template(pieces: readonly Piece[]): string {
  return pieces
    .map((each) => (typeof each === 'string' ? each : `{{ secret.${each.secret} }}`))
    .join('');
}

export class Decoder {
  readonly decoded = new Map<string, string>();
  readonly #findings: Findings;
  readonly #known = new Map<Tree, Tree>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** The tree with every such value decoded. What cannot be is said, and broken. */
  read(place: Place): Tree {
    const { tree } = place;
    const before = this.#known.get(tree);
    if (before !== undefined) return before;
    const made = this.#content(place);
    this.#known.set(tree, made);
    return made;
  }

  #content(place: Place): Tree {
    const { tree } = place;
    if (tree.kind === 'scalar') return this.#scalar(place, tree);
    if (tree.kind === 'list') {
      const items = tree.items.map((item, key) => this.read({ tree: item, up: place, key }));
      return items.some((item, at) => item !== tree.items[at]) ? { ...tree, items } : tree;
    }
    const entries = new Map<string, Entry>();
    let changed = false;
    for (const [key, { at, value }] of tree.entries) {
      const read = this.read({ tree: value, up: place, key });
      changed ||= read !== value;
      entries.set(key, { at, value: read });
    }
    return changed ? { ...tree, entries } : tree;
  }

  #scalar(place: Place, tree: ScalarTree): ScalarTree {
    if (typeof tree.value !== 'string' || !tree.value.startsWith(MARK)) return tree;
    const read = decodeWord(tree.value);
    if (!read.ok) {
      const filling = { subject: subjectOf(place), why: read.why };
      this.#findings.error(message('bad_base64', 'value', filling), place);
      return { ...tree, value: null, broken: true };
    }
    const { text } = read;
    const plain: ScalarTree = { ...tree, value: text, raw: text };
    // Nothing can be hidden of nothing.
    if (text === '') return plain;
    const secret = this.#nameFor(place);
    this.decoded.set(secret, text);
    return { ...plain, pieces: [{ secret, text }] };
  }

  /** The name of the variable that would set it, as far as letters allow. */
  #nameFor(place: Place): string {
    const keys: string[] = [];
    for (let at: Place | undefined = place; at?.up !== undefined; at = at.up)
      keys.push(`${at.key}`);
    const words = keys.reverse().map((key) => key.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_'));
    const base = `${PREFIX}${words.join('__')}`.slice(0, limits.idLength - 8);
    let name = base;
    for (let count = 2; this.decoded.has(name); count += 1) name = `${base}_${count}`;
    return name;
  }
}
