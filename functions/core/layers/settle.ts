// From what stands in the files of a configuration to its values: overrides, decoding, interpolation, in this order. What is
// wrong is said; what is decoded gets a name under which programs get it, and may stand only where it is not stored.
import { type Findings, subjectOf } from '#core/compile/findings.ts';
import {
  type Entry,
  type Piece,
  type Place,
  pathOf,
  type ScalarTree,
  type Tree,
} from '#core/compile/tree.ts';
import { message } from '#core/messages.ts';
import { BELOW_PIPELINE, operatorsKeys } from '#schemas/dialect-operators.ts';
import { limits } from '#schemas/limits.ts';
import { withoutPasswords } from './addresses.ts';
import { type Decoded, Decoder, template } from './decode.ts';
import { Interpolation } from './interpolate.ts';
import { type Environment, overridden, PREFIX } from './overrides.ts';
import { allTyped } from './typed.ts';

const STORE = 's3_config';
const SECRET_KEY = 'secret_key';

export interface Settled {
  readonly tree: Tree;
  /** Decoded values by name. */
  readonly decoded: Decoded;
  /** Secrets that stand there as they are: by name for whoever stores the plan, but nothing is hidden of who wrote them. */
  readonly plain: Decoded;
}

/**
 * The values of a configuration in the dialect `operators`.
 *
 * @param environment variables of the process that reads it: for overrides and `${oc.env:…}`
 * @returns undefined when nothing can be said of the rest
 */
export function settled(
  findings: Findings,
  tree: Tree,
  environment: Environment,
): Settled | undefined {
  const set = overridden(findings, tree, environment);
  const decoder = new Decoder(findings);
  const read = decoder.read({ tree: set, key: '' });
  const interpolation = new Interpolation(findings, read, environment);
  const whole = interpolation.all();
  if (!isBounded(findings, whole)) return undefined;
  const filled = allTyped(withoutOwn(whole, interpolation.named));
  const { decoded } = decoder;
  const plain = new Map<string, string>();
  const opened = withoutPasswords(findings, { tree: filled, key: '' }, 'operators', decoded);
  const named = withNames(opened, { decoded, plain });
  if (decoded.size === 0) return { tree: named, decoded, plain };
  return { tree: new Hider(findings).all(named), decoded, plain };
}

/**
 * What a run is told of the store of archives is in its plan, which is stored: a value with something decoded in it stands there by a
 * name, and so does the secret key, however it is written.
 */
function withNames(
  tree: Tree,
  into: { readonly decoded: Map<string, string>; readonly plain: Map<string, string> },
): Tree {
  const store = tree.kind === 'map' ? tree.entries.get(STORE) : undefined;
  if (tree.kind !== 'map' || store?.value.kind !== 'map') return tree;
  const entries = new Map(store.value.entries);
  for (const [key, { at, value }] of entries) {
    if (value.kind !== 'scalar' || typeof value.value !== 'string' || value.value === '') continue;
    const { pieces = [], value: text } = value;
    const isNamed = pieces.length === 1 && typeof pieces[0] !== 'string';
    if (isNamed || (pieces.length === 0 && key !== SECRET_KEY)) continue;
    const secret = `${PREFIX}${STORE}__${key}`.toUpperCase();
    (pieces.length === 0 ? into.plain : into.decoded).set(secret, text);
    entries.set(key, { at, value: { ...value, pieces: [{ secret, text }] } });
  }
  const value = { ...store.value, entries };
  return { ...tree, entries: new Map(tree.entries).set(STORE, { ...store, value }) };
}

/** Keys of the user's own that other values name have done what they are there for: nobody needs to be warned of them. */
function withoutOwn(tree: Tree, named: ReadonlySet<string>): Tree {
  if (tree.kind !== 'map' || named.size === 0) return tree;
  const known = operatorsKeys([]);
  const entries = [...tree.entries].filter(([key]) => known.includes(key) || !named.has(key));
  return { ...tree, entries: new Map(entries) };
}

interface Size {
  readonly values: number;
  readonly depth: number;
}

/** What references share counts as often as it is named: whoever reads it walks through it as often. */
function isBounded(findings: Findings, tree: Tree): boolean {
  const { values, depth } = sizeOf(tree, new Map());
  if (depth > limits.yamlDepth) {
    findings.error(message('interpolation', 'levels', { most: limits.yamlDepth }), undefined);
    return false;
  }
  if (values > limits.yamlValues) {
    findings.error(message('interpolation', 'values', { most: limits.yamlValues }), undefined);
    return false;
  }
  return true;
}

function sizeOf(tree: Tree, known: Map<Tree, Size>): Size {
  if (tree.kind === 'scalar') return { values: 1, depth: 0 };
  const before = known.get(tree);
  if (before !== undefined) return before;
  const below = tree.kind === 'list' ? tree.items : [...tree.entries.values()].map(treeOf);
  let values = 1;
  let depth = 0;
  for (const each of below) {
    const size = sizeOf(each, known);
    values += size.values;
    depth = Math.max(depth, size.depth + 1);
  }
  const size = { values, depth };
  known.set(tree, size);
  return size;
}

function treeOf({ value }: Entry): Tree {
  return value;
}

/** Where decoded values are shown to people: as nothing but the mask. */
const SHOWN: ReadonlySet<string> = new Set(['name', 'description']);
/** Where they would be names, which stand in every report. */
const NAMES: ReadonlySet<string> = new Set(['pipeline_id', 'work_dir']);
const MASK = '***';

/** Puts names in the place of decoded values wherever a run stores what stands there. */
class Hider {
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  all(tree: Tree): Tree {
    if (tree.kind !== 'map') return tree;
    const root: Place = { tree, key: '' };
    const entries = new Map<string, Entry>();
    for (const [key, { at, value }] of tree.entries) {
      const place: Place = { tree: value, up: root, key };
      const isStored = BELOW_PIPELINE.some((each) => each === key) || NAMES.has(key);
      if (isStored) entries.set(key, { at, value: this.#stored(place) });
      else if (SHOWN.has(key)) entries.set(key, { at, value: masked(value) });
      else if (key === 'log_config') entries.set(key, { at, value: this.#log(place) });
      else entries.set(key, { at, value });
    }
    return { ...tree, entries };
  }

  /** Where the log lies runs are told, too. */
  #log(place: Place): Tree {
    const { tree } = place;
    const file = tree.kind === 'map' ? tree.entries.get('log_path') : undefined;
    if (tree.kind !== 'map' || file === undefined) return tree;
    const value = this.#stored({ tree: file.value, up: place, key: 'log_path' });
    return { ...tree, entries: new Map(tree.entries).set('log_path', { ...file, value }) };
  }

  #stored(place: Place): Tree {
    const { tree } = place;
    if (tree.kind === 'scalar') return this.#scalar(place, tree);
    if (tree.kind === 'list') {
      const items = tree.items.map((item, key) => this.#stored({ tree: item, up: place, key }));
      return { ...tree, items };
    }
    const entries = [...tree.entries].map(([key, { at, value }]): [string, Entry] => [
      key,
      { at, value: this.#stored({ tree: value, up: place, key }) },
    ]);
    return { ...tree, entries: new Map(entries) };
  }

  #scalar(place: Place, tree: ScalarTree): Tree {
    const { pieces } = tree;
    if (pieces === undefined) return tree;
    if (/^operators\[\d+\]\.start_command$/.test(pathOf(place))) return command(tree, pieces);
    if (/^operators\[\d+\]\.git_repo$/.test(pathOf(place)))
      return { ...tree, value: template(pieces) };
    if (/^operators\[\d+\]\.extra_env_vars\.[^.[]+$/.test(pathOf(place)))
      return { ...tree, value: template(pieces) };
    const said = message('secret_not_allowed', 'decoded', { subject: subjectOf(place) });
    this.#findings.error(said, place);
    return { ...tree, value: null, broken: true };
  }
}

function masked(tree: Tree): Tree {
  if (tree.kind !== 'scalar' || tree.pieces === undefined) return tree;
  const value = tree.pieces.map((each) => (typeof each === 'string' ? each : MASK)).join('');
  return { ...tree, value, raw: value };
}

/** A command that was decoded whole is read by the shell like any other; a value within one is a word of it. */
function command(tree: ScalarTree, pieces: readonly Piece[]): ScalarTree {
  const isWhole = pieces.length === 1 && typeof pieces[0] !== 'string';
  const text = template(pieces);
  return { ...tree, value: isWhole ? `eval ${text}` : text };
}
