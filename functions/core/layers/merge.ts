// Several files as one: mappings are merged key by key, everything else of a later file takes the place of what was before.
import type { Entry, Tree } from '#core/compile/tree.ts';

/** A tree whose offsets lead into a text that stands behind others. What aliases share stays shared. */
export function shifted(tree: Tree, by: number, known: Map<Tree, Tree> = new Map()): Tree {
  if (by === 0) return tree;
  const before = known.get(tree);
  if (before !== undefined) return before;
  const moved = { at: tree.at + by, end: tree.end + by };
  let made: Tree;
  if (tree.kind === 'scalar') made = { ...tree, ...moved };
  else if (tree.kind === 'list')
    made = { ...tree, ...moved, items: tree.items.map((item) => shifted(item, by, known)) };
  else {
    const entries = [...tree.entries].map(([key, entry]): [string, Entry] => [
      key,
      { at: entry.at + by, value: shifted(entry.value, by, known) },
    ]);
    made = { ...tree, ...moved, entries: new Map(entries) };
  }
  known.set(tree, made);
  return made;
}

/** The depth of both is bounded by limits.yamlDepth. */
export function merged(before: Tree, after: Tree): Tree {
  if (before.kind !== 'map' || after.kind !== 'map') return after;
  const entries = new Map(before.entries);
  for (const [key, entry] of after.entries) {
    const own = entries.get(key);
    entries.set(key, {
      at: entry.at,
      value: own === undefined ? entry.value : merged(own.value, entry.value),
    });
  }
  return { ...before, entries };
}
