// Passwords in addresses of repositories: bound by a name like what is decoded, so that no run stores them.
import { type Findings, subjectOf } from '#core/compile/findings.ts';
import {
  type Entry,
  member,
  type Piece,
  type Place,
  pathOf,
  type ScalarTree,
  type Tree,
} from '#core/compile/tree.ts';
import { message } from '#core/messages.ts';
import { secretOfAddress, secretsOfAddress } from '#core/shown-address.ts';
import { limits } from '#schemas/limits.ts';
import { template } from './decode.ts';
import { PREFIX } from './overrides.ts';

/** From the root to the addresses of a dialect; `*` is every element of a list. */
const WAYS = {
  operators: ['operators', '*', 'git_repo'],
  nodes: ['nodes', '*', 'steps', '*', 'operator', 'git'],
} as const;

/**
 * The tree with names in the place of passwords.
 *
 * @param named values by their names; what is found here is added
 */
export function withoutPasswords(
  findings: Findings,
  root: Place,
  dialect: keyof typeof WAYS,
  named: Map<string, string>,
): Tree {
  return below(root, WAYS[dialect], (place, tree) => {
    const pieces = piecesOf(place, tree, named);
    if (pieces === undefined) return tree;
    // What is made of variables of the environment stands in no file.
    if (tree.pieces === undefined && tree.raw === undefined)
      findings.warn(message('unsafe_value', 'password', { subject: subjectOf(place) }), place);
    return { ...tree, pieces, value: template(pieces) };
  });
}

function below(
  place: Place,
  way: readonly string[],
  read: (place: Place, tree: ScalarTree) => Tree,
): Tree {
  const { tree } = place;
  const [next, ...rest] = way;
  if (next === undefined) return tree.kind === 'scalar' ? read(place, tree) : tree;
  if (next === '*') {
    if (tree.kind !== 'list') return tree;
    const items = tree.items.map((item, key) => below({ tree: item, up: place, key }, rest, read));
    return items.some((item, at) => item !== tree.items[at]) ? { ...tree, items } : tree;
  }
  const found = member(place, next);
  const entry = tree.kind === 'map' ? tree.entries.get(next) : undefined;
  if (found === undefined || tree.kind !== 'map' || entry === undefined) return tree;
  const value = below(found, rest, read);
  if (value === entry.value) return tree;
  const entries: Map<string, Entry> = new Map(tree.entries);
  return { ...tree, entries: entries.set(next, { ...entry, value }) };
}

/** The pieces of an address none of which holds a password that is not a secret; undefined where there is none. */
function piecesOf(
  place: Place,
  { value, pieces = [] }: ScalarTree,
  named: Map<string, string>,
): readonly Piece[] | undefined {
  if (typeof value !== 'string') return undefined;
  const secret = secretOfAddress(value);
  if (pieces.length > 0) {
    if (secret === undefined || isCovered(pieces, secret))
      return pieces.map((each) =>
        typeof each === 'string' ? each : bound(place, each.text, named),
      );
    // Part of the password was decoded, and part was not: all of the address is hidden.
    return [bound(place, value, named)];
  }
  if (secret === undefined) return undefined;
  const text = value.slice(secret.from, secret.to);
  // Named by who wrote it.
  if (secretsOfAddress(text).length > 0) return undefined;
  const parts = [value.slice(0, secret.from), bound(place, text, named), value.slice(secret.to)];
  return parts.filter((part) => part !== '');
}

function isCovered(pieces: readonly Piece[], secret: { from: number; to: number }): boolean {
  let at = 0;
  return pieces.every((piece) => {
    const from = at;
    at += typeof piece === 'string' ? piece.length : piece.text.length;
    return typeof piece !== 'string' || at <= secret.from || from >= secret.to;
  });
}

/** The same password has the same name wherever it stands: then what it opens is fetched once. */
function bound(place: Place, text: string, named: Map<string, string>): Piece {
  for (const [secret, known] of named) if (known === text) return { secret, text };
  const words = pathOf(place).toUpperCase().replaceAll(/[.[]/g, '__').replaceAll(']', '');
  const base = `${PREFIX}${words}`.slice(0, limits.idLength - 8);
  let secret = base;
  for (let count = 2; named.has(secret); count += 1) secret = `${base}_${count}`;
  named.set(secret, text);
  return { secret, text };
}
