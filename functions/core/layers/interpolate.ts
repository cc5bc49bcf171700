// Fills in `${…}` in a configuration: from other values of it, and from the environment. Each value is filled in once; what
// was decoded, and what comes out, is never looked at again.
import { type Findings, subjectOf } from '#core/compile/findings.ts';
import { listed, nearest } from '#core/compile/nearest.ts';
import {
  type Entry,
  kindOf,
  member,
  type Piece,
  type Place,
  pathOf,
  type ScalarTree,
  type Tree,
} from '#core/compile/tree.ts';
import { message, nearHint, part } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import { InterpolationSlips, keyAt, type ScalarPlace } from './interpolation-slips.ts';
import type { Environment } from './overrides.ts';
import {
  type Argument,
  hasReferences,
  type Parts,
  type Reference,
  readReferences,
} from './reference-text.ts';
import { plainValue, typed } from './typed.ts';

/** Undefined where it could not be made, which was said. */
type Made = Tree | undefined;

const CALLS = ['oc.env', 'oc.decode', 'oc.select'];

export class Interpolation {
  readonly #findings: Findings;
  readonly #slips: InterpolationSlips;
  readonly #environment: Environment;
  readonly #root: Place;
  readonly #made = new Map<string, Tree>();
  /** Values that are being filled in, each for the one before it. */
  readonly #open = new Map<string, ScalarPlace>();
  #length = 0;
  /** Keys of the top that values name. */
  readonly named = new Set<string>();

  constructor(findings: Findings, root: Tree, environment: Environment) {
    this.#findings = findings;
    this.#slips = new InterpolationSlips(findings);
    this.#root = { tree: root, key: '' };
    this.#environment = environment;
  }

  /** The whole tree, filled in. */
  all(): Tree {
    return this.#tree(this.#root);
  }

  #tree(place: Place): Tree {
    const { tree } = place;
    if (tree.kind === 'scalar') return this.#scalar({ ...place, tree });
    const path = pathOf(place);
    const before = this.#made.get(path);
    if (before !== undefined) return before;
    const made = tree.kind === 'list' ? this.#list(place, tree) : this.#map(place, tree);
    this.#made.set(path, made);
    return made;
  }

  #list(place: Place, tree: Extract<Tree, { kind: 'list' }>): Tree {
    const items = tree.items.map((item, key) => this.#tree({ tree: item, up: place, key }));
    return items.some((item, at) => item !== tree.items[at]) ? { ...tree, items } : tree;
  }

  #map(place: Place, tree: Extract<Tree, { kind: 'map' }>): Tree {
    const entries = new Map<string, Entry>();
    let changed = false;
    for (const [key, { at, value }] of tree.entries) {
      const made = this.#tree({ tree: value, up: place, key });
      changed ||= made !== value;
      entries.set(key, { at, value: made });
    }
    return changed ? { ...tree, entries } : tree;
  }

  #scalar(place: ScalarPlace): Tree {
    const { tree } = place;
    if (typeof tree.value !== 'string' || tree.pieces !== undefined) return tree;
    if (tree.value === '???') return this.#mandatory(place);
    if (!hasReferences(tree.value)) return tree;
    const path = pathOf(place);
    const before = this.#made.get(path);
    if (before !== undefined) return before;
    const made = this.#open.has(path) ? this.#cycle(path) : this.#opened(path, place);
    const settled = made ?? broken(tree);
    // Within a cycle the first answer stands: it was told there.
    if (!this.#made.has(path)) this.#made.set(path, settled);
    return this.#made.get(path) ?? settled;
  }

  #mandatory(place: ScalarPlace): Tree {
    const path = pathOf(place);
    const before = this.#made.get(path);
    if (before !== undefined) return before;
    const filling = { subject: subjectOf(place) };
    this.#findings.error(message('mandatory_value', 'value', filling), place);
    const made = broken(place.tree);
    this.#made.set(path, made);
    return made;
  }

  #opened(path: string, place: ScalarPlace): Made {
    if (this.#open.size >= limits.interpolationDepth) {
      if (this.#findings.seen('interpolation depth')) return undefined;
      return this.#slips.wrong(place, 0, this.#slips.slip(place, 'deep', `${place.tree.value}`));
    }
    this.#open.set(path, place);
    const made = this.#filled(place);
    this.#open.delete(path);
    return made;
  }

  #cycle(path: string): Made {
    const open = [...this.#open];
    const around = open.slice(open.findIndex(([each]) => each === path));
    const first = around[0]?.[1];
    if (first === undefined) return undefined;
    const steps = [...around, [path, first] as const].map(([name, at]) =>
      part('found', { name, where: this.#findings.whereIs(keyAt(at)) }),
    );
    const filling = { subject: subjectOf(first), chain: steps.join(' → ') };
    this.#findings.error(message('interpolation', 'cycle', filling), first);
    for (const [name, { tree }] of around) this.#made.set(name, broken(tree));
    return undefined;
  }

  #filled(place: ScalarPlace): Made {
    const text = `${place.tree.value}`;
    const read = readReferences(text);
    if (!read.ok) return this.#slips.unread(place, text, read);
    const [only] = read.parts;
    if (read.parts.length === 1 && typeof only === 'object') return this.#whole(place, only);
    const pieces = this.#pieces(place, read.parts);
    return pieces === undefined ? undefined : this.#text(place, pieces);
  }

  #text(place: ScalarPlace, pieces: readonly Piece[]): Made {
    const value = pieces.map((each) => (typeof each === 'string' ? each : each.text)).join('');
    this.#length += value.length;
    if (this.#length > limits.interpolationLength) {
      if (this.#length - value.length > limits.interpolationLength) return undefined;
      const filling = { subject: subjectOf(place), most: limits.interpolationLength };
      return this.#slips.wrong(place, 0, message('interpolation', 'long', filling));
    }
    const made = { ...place.tree, value, raw: value };
    return pieces.some((each) => typeof each !== 'string') ? { ...made, pieces } : made;
  }

  /** A value that is one reference and nothing else keeps the type of what it names. */
  #whole(place: ScalarPlace, reference: Reference): Made {
    const value = this.#value(place, reference);
    if (value === undefined || value.kind !== 'scalar') return value;
    const { at, end } = place.tree;
    const raw = value.raw ?? this.#findings.source.slice(value.at, value.end);
    return { ...value, at, end, raw };
  }

  #pieces(place: ScalarPlace, parts: Parts): readonly Piece[] | undefined {
    const pieces: Piece[] = [];
    let whole = true;
    for (const each of parts) {
      const found = typeof each === 'string' ? [each] : this.#inText(place, each);
      if (found === undefined) whole = false;
      else pieces.push(...found);
    }
    return whole ? pieces : undefined;
  }

  #inText(place: ScalarPlace, reference: Reference): readonly Piece[] | undefined {
    const value = this.#value(place, reference);
    if (value === undefined) return undefined;
    if (value.kind === 'scalar') {
      if (value.broken === true) return undefined;
      if (value.pieces !== undefined) return value.pieces;
      if (typeof value.value === 'string') return [value.value];
      return [value.raw ?? this.#findings.source.slice(value.at, value.end)];
    }
    const filling = {
      subject: subjectOf(place),
      ref: reference.text,
      came: kindOf(value),
      where: this.#findings.whereIs(value.at),
    };
    return this.#slips.wrong(place, reference.at, message('interpolation', 'text', filling));
  }

  #value(place: ScalarPlace, reference: Reference): Made {
    if (reference.kind === 'call') return this.#call(place, reference);
    return this.#named(place, reference);
  }

  // Values of the configuration

  #named(place: ScalarPlace, reference: Extract<Reference, { kind: 'path' }>): Made {
    let from: Place | undefined = this.#root;
    if (reference.up > 0) {
      from = place;
      for (let level = 0; level < reference.up; level += 1) from = from?.up;
    }
    const keys: string[] = [];
    for (const key of reference.keys) {
      const word = this.#word(place, key);
      if (word === undefined) return undefined;
      keys.push(word);
    }
    if (from === undefined)
      return this.#slips.lost(place, reference, { holder: this.#root, key: '.' });
    const found = this.#select(from, keys);
    if (found.is === 'value') return found.tree;
    return found.is === 'broken' ? undefined : this.#slips.lost(place, reference, found);
  }

  #word(place: ScalarPlace, parts: Parts): string | undefined {
    const pieces = this.#pieces(place, parts);
    return pieces?.map((each) => (typeof each === 'string' ? each : each.text)).join('');
  }

  #select(from: Place, keys: readonly string[]): Selected {
    if (from.up === undefined && keys[0] !== undefined) this.named.add(keys[0]);
    let place = from;
    for (const key of keys) {
      const holder = { ...place, tree: this.#solid(place) };
      if (holder.tree.kind === 'scalar' && holder.tree.broken === true) return { is: 'broken' };
      const next = below(holder, key);
      if (next === undefined) return { is: 'missing', holder, key };
      place = next;
    }
    const tree = this.#tree(place);
    return isBroken(tree) ? { is: 'broken' } : { is: 'value', tree };
  }

  /** What is inside a mapping or list need not be filled in to be looked at. */
  #solid(place: Place): Tree {
    return place.tree.kind === 'scalar' ? this.#tree(place) : place.tree;
  }

  // Calls

  #call(place: ScalarPlace, reference: Extract<Reference, { kind: 'call' }>): Made {
    const { name, args, text } = reference;
    if (name === 'oc.env' && (args.length === 1 || args.length === 2))
      return this.#variable(place, reference);
    if (name === 'oc.decode' && args.length === 1) return this.#decoded(place, reference);
    if (name === 'oc.select' && (args.length === 1 || args.length === 2))
      return this.#selected(place, reference);
    const subject = subjectOf(place);
    if (CALLS.includes(name)) {
      const said = message('interpolation', 'arguments', { subject, ref: text });
      return this.#slips.wrong(place, reference.at, said);
    }
    if (place.key === 'start_command') return this.#slips.shellForm(place, reference.at, text);
    const near = nearest(name, CALLS);
    const known = listed(CALLS);
    const filling = { subject, ref: text, name, known, hint: nearHint(near) };
    return this.#slips.wrong(place, reference.at, message('interpolation', 'call', filling), near);
  }

  #variable(place: ScalarPlace, reference: Extract<Reference, { kind: 'call' }>): Made {
    const [first, otherwise] = reference.args;
    const name = first === undefined ? undefined : this.#word(place, first.parts);
    if (name === undefined) return undefined;
    const value = this.#environment[name];
    if (value !== undefined) return this.#fresh(place, typed(keysOf(place), value), value);
    if (otherwise !== undefined) return this.#argument(place, otherwise);
    if (this.#slips.toldBefore(reference.text)) return undefined;
    const cure = `\${oc.env:${name},…}`;
    const filling = { subject: subjectOf(place), ref: reference.text, name, cure };
    return this.#slips.wrong(place, reference.at, message('interpolation', 'unset', filling));
  }

  /** A text as the value that YAML reads in it. */
  #decoded(place: ScalarPlace, reference: Extract<Reference, { kind: 'call' }>): Made {
    const [first] = reference.args;
    const text = first === undefined ? undefined : this.#word(place, first.parts);
    return text === undefined ? undefined : this.#fresh(place, plainValue(text), text);
  }

  /** `${oc.select:a.b,default}`: where the key is not there, the default, or nothing. */
  #selected(place: ScalarPlace, reference: Extract<Reference, { kind: 'call' }>): Made {
    const [first, otherwise] = reference.args;
    const path = first === undefined ? undefined : this.#word(place, first.parts);
    if (path === undefined) return undefined;
    const found = this.#select(this.#root, path.split('.'));
    if (found.is === 'value') return found.tree;
    if (found.is === 'broken') return undefined;
    return otherwise === undefined
      ? this.#fresh(place, null, 'null')
      : this.#argument(place, otherwise);
  }

  #argument(place: ScalarPlace, { parts, quoted }: Argument): Made {
    const pieces = this.#pieces(place, parts);
    if (pieces === undefined) return undefined;
    const [only] = parts;
    if (parts.length === 1 && typeof only === 'object') return this.#value(place, only);
    const made = this.#text(place, pieces);
    if (made?.kind !== 'scalar' || made.pieces !== undefined || quoted) return made;
    const text = `${made.value}`;
    return this.#fresh(place, text === 'null' ? null : typed(keysOf(place), text), text);
  }

  #fresh(place: ScalarPlace, value: ScalarTree['value'], raw: string): Tree {
    const { at, end, style } = place.tree;
    return { kind: 'scalar', at, end, style, value, raw };
  }
}

type Selected =
  | { readonly is: 'value'; readonly tree: Tree }
  | { readonly is: 'broken' }
  | { readonly is: 'missing'; readonly holder: Place; readonly key: string };

function below(holder: Place, key: string): Place | undefined {
  const { tree } = holder;
  if (tree.kind === 'map') return member(holder, key);
  if (tree.kind !== 'list' || !/^-?\d{1,9}$/.test(key)) return undefined;
  const index = Number(key) < 0 ? tree.items.length + Number(key) : Number(key);
  const item = tree.items[index];
  return item === undefined ? undefined : { tree: item, up: holder, key: index };
}

function keysOf(place: Place): readonly (string | number)[] {
  const keys: (string | number)[] = [];
  for (let at: Place | undefined = place; at?.up !== undefined; at = at.up) keys.push(at.key);
  return keys.reverse();
}

function isBroken(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.broken === true;
}

function broken(tree: ScalarTree): ScalarTree {
  return { ...tree, value: null, broken: true };
}
