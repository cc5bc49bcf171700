// Variables of the environment that set values of the configuration: `MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT` is
// `s3_config.endpoint`. They reach the level of the pipeline only.
import type { Findings } from '#core/compile/findings.ts';
import { nearest } from '#core/compile/nearest.ts';
import { isNothing, type MapTree, type Place, type Tree } from '#core/compile/tree.ts';
import { hint, message, nearHint } from '#core/messages.ts';
import { BELOW_PIPELINE, operatorsKeys } from '#schemas/dialect-operators.ts';
import { limits } from '#schemas/limits.ts';
import { typed } from './typed.ts';

/** What the names of these variables begin with; two underscores lead a level down. */
export const PREFIX = 'MI_PIPELINE_CONF_';

/** Variables of the process that reads the configuration. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that set values, in the order of their names. */
export function overridesIn(environment: Environment): readonly string[] {
  return Object.keys(environment)
    .filter((name) => name.toUpperCase().startsWith(PREFIX))
    .filter((name) => environment[name] !== undefined)
    .sort()
    .slice(0, limits.overrides);
}

/** The tree with the values of all variables in it. */
export function overridden(findings: Findings, tree: Tree, environment: Environment): Tree {
  let root = tree;
  const seen = new Map<string, string>();
  for (const name of overridesIn(environment)) {
    const value = environment[name] ?? '';
    const at = findings.append(value, { variable: name });
    const place: Place = { tree: nothingAt(at, at + value.length), key: '' };
    const keys = keysOf(findings, root, { name, place });
    if (keys === undefined) continue;
    const path = keys.join('.');
    const other = seen.get(path);
    seen.set(path, name);
    if (other !== undefined) {
      findings.error(message('override', 'twice', { name, other, path }), place);
      continue;
    }
    const scalar: Tree = {
      kind: 'scalar',
      at,
      end: at + value.length,
      value: typed(keys, value),
      style: 'plain',
      raw: value,
    };
    root = withValue(root, { tree: root, keys }, scalar);
  }
  return root;
}

function nothingAt(at: number, end: number): Tree {
  return { kind: 'scalar', at, end, value: null, style: 'plain' };
}

interface Variable {
  readonly name: string;
  readonly place: Place;
}

/** The keys that a name leads along, as the configuration spells them. Says it when there are none. */
function keysOf(findings: Findings, root: Tree, variable: Variable): readonly string[] | undefined {
  const { name, place } = variable;
  const words = name.slice(PREFIX.length).toLowerCase().split('__');
  const [first = ''] = words;
  if (words.some((word) => word === '')) {
    findings.error(message('override', 'form', { name, example: EXAMPLE }), place);
    return undefined;
  }
  if (LOWER.has(first)) {
    findings.error(message('override', 'level', { name, section: first }), place);
    return undefined;
  }
  const keys: string[] = [];
  let tree: Tree | undefined = root;
  for (const word of words) {
    const known = knownKeys(keys, tree);
    const key = known.find((each) => each.toLowerCase() === word);
    if (key === undefined) return unknown(findings, variable, { root, keys, word, known });
    keys.push(key);
    tree = tree?.kind === 'map' ? opened(root, tree.entries.get(key)?.value) : undefined;
  }
  const below = knownKeys(keys, tree);
  if (below.length === 0 && tree?.kind !== 'list') return keys;
  const wanted = below.map((key) => variableOf([...keys, key]))[0] ?? EXAMPLE;
  findings.error(message('override', 'section', { name, path: keys.join('.'), wanted }), place);
  return undefined;
}

const EXAMPLE = `${PREFIX}S3_CONFIG__ENDPOINT`;
const LOWER: ReadonlySet<string> = new Set(BELOW_PIPELINE);

/** Keys that may stand below: those of the dialect, and those that the files have besides. */
function knownKeys(keys: readonly string[], tree: Tree | undefined): readonly string[] {
  const own = tree?.kind === 'map' ? [...tree.entries.keys()] : [];
  return [...new Set([...operatorsKeys(keys), ...own])];
}

function variableOf(keys: readonly string[]): string {
  return `${PREFIX}${keys.join('__').toUpperCase()}`;
}

interface Unknown {
  readonly root: Tree;
  readonly keys: readonly string[];
  readonly word: string;
  readonly known: readonly string[];
}

function unknown(
  findings: Findings,
  variable: Variable,
  { root, keys, word, known }: Unknown,
): undefined {
  const suggestion = nearest(variable.name.toUpperCase(), variablesOf(root));
  const usable = keys.length === 0 ? known.filter((key) => !LOWER.has(key)) : known;
  const names = usable.map((key) => variableOf([...keys, key])).join(', ');
  const said = message('override', 'unknown', {
    name: variable.name,
    path: [...keys, word].join('.'),
    hint: nearHint(suggestion, () => (names === '' ? '' : hint('known', { known: names }))),
  });
  findings.error(said, variable.place, { suggestion });
}

/** All variables that set a value: with them one underscore too few, or a word misspelt above another, is known at once. */
function variablesOf(tree: Tree | undefined, keys: readonly string[] = []): readonly string[] {
  const known = knownKeys(keys, tree).filter((key) => keys.length > 0 || !LOWER.has(key));
  if (known.length === 0) return tree?.kind === 'list' ? [] : [variableOf(keys)];
  return known.flatMap((key) =>
    variablesOf(tree?.kind === 'map' ? tree.entries.get(key)?.value : undefined, [...keys, key]),
  );
}

/** A tree with a value at the end of these keys; mappings on the way are made where there are none. */
function withValue(
  root: Tree,
  { tree, keys }: { readonly tree: Tree; readonly keys: readonly string[] },
  value: Tree,
): Tree {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  const map: MapTree =
    tree.kind === 'map' ? tree : { kind: 'map', at: value.at, end: value.end, entries: new Map() };
  const entry = map.entries.get(key);
  const before = entry?.value ?? nothingAt(value.at, value.end);
  const entries = new Map(map.entries);
  const inside = rest.length === 0 ? before : (opened(root, before) ?? before);
  entries.set(key, {
    at: entry === undefined || isNothing(before) ? value.at : entry.at,
    value: withValue(root, { tree: inside, keys: rest }, value),
  });
  return { ...map, entries };
}

const REFERENCE = /^\$\{([\w-]+(?:\.[\w-]+)*)\}$/;

/** The mapping that a section stands for which is written as a reference: what is set in it leaves its other keys. */
function opened(root: Tree, section: Tree | undefined): Tree | undefined {
  let found = section;
  for (let hops = 0; hops < limits.interpolationDepth; hops += 1) {
    const text = found?.kind === 'scalar' && typeof found.value === 'string' ? found.value : '';
    const path = REFERENCE.exec(text)?.[1];
    if (path === undefined) break;
    found = root;
    for (const key of path.split('.'))
      found = found?.kind === 'map' ? found.entries.get(key)?.value : undefined;
  }
  return found?.kind === 'map' ? found : section;
}
