// Values as they stand in a YAML file, with their places. The rest of the compiler knows nothing of the YAML library.

/** Member names that reach into the host's objects. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set([
  '__proto__',
  'constructor',
  'prototype',
]);

export type Style = 'plain' | 'single' | 'double' | 'block';

export interface ScalarTree {
  readonly kind: 'scalar';
  /** Offset of the first character in the source; of a quoted scalar, its quote. */
  readonly at: number;
  /** Offset behind the last one. */
  readonly end: number;
  readonly value: null | boolean | number | string;
  readonly style: Style;
  /** What stands here was misread by YAML and has its problem already: nothing more is said of it. */
  readonly broken?: true;
  /** How the value is written, where it does not stand at `at` as it is: it was decoded or interpolated. */
  readonly raw?: string;
  /** Of a text that was made with decoded values: its pieces in order. `value` is all of them together. */
  readonly pieces?: readonly Piece[];
}

/** A part of a text: as it is, or a decoded value with the name by which programs get it. */
export type Piece = string | { readonly secret: string; readonly text: string };

export interface ListTree {
  readonly kind: 'list';
  readonly at: number;
  readonly end: number;
  readonly items: readonly Tree[];
}

export interface Entry {
  /** Offset of the key. */
  readonly at: number;
  readonly value: Tree;
}

export interface MapTree {
  readonly kind: 'map';
  readonly at: number;
  readonly end: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

export type Tree = ScalarTree | ListTree | MapTree;

/** A value and the way to it. Made while reading, because an aliased value has several ways. */
export interface Place {
  readonly tree: Tree;
  readonly up?: Place | undefined;
  /** Key or index under `up`. */
  readonly key: string | number;
}

/** A value of a mapping, or undefined where the key is not there. */
export function member(place: Place, key: string): Place | undefined {
  if (place.tree.kind !== 'map') return undefined;
  const entry = place.tree.entries.get(key);
  return entry === undefined ? undefined : { tree: entry.value, up: place, key };
}

/** The values of a list with their places. */
export function items(place: Place): readonly Place[] {
  if (place.tree.kind !== 'list') return [];
  return place.tree.items.map((tree, key) => ({ tree, up: place, key }));
}

/** `nodes[2].startWhen`. */
export function pathOf(place: Place): string {
  const parts: (string | number)[] = [];
  for (let at: Place | undefined = place; at?.up !== undefined; at = at.up) parts.push(at.key);
  let path = '';
  for (const part of parts.reverse()) path += typeof part === 'number' ? `[${part}]` : `.${part}`;
  return path.startsWith('.') ? path.slice(1) : path;
}

/** What people call a kind of value. */
export function kindOf(tree: Tree): string {
  if (tree.kind === 'map') return 'a mapping';
  if (tree.kind === 'list') return 'a list';
  if (tree.value === null) return 'nothing';
  if (typeof tree.value === 'string') return tree.value === '' ? 'an empty text' : 'a text';
  return typeof tree.value === 'number' ? 'a number' : `${tree.value}`;
}

/** Whether a value is null, which is also what stands behind a key without a value. */
export function isNothing(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.value === null && tree.broken !== true;
}
