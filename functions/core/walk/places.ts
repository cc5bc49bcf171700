// Places: live attempts of a group and of those below it, where the group bounds them.
import type { Draft } from './state.ts';

/** Takes places for live attempts of the node, in its group and those round it; a negative count gives them back. */
export function takePlaces(draft: Draft, node: number, count: number): void {
  const { plan, groups } = draft.graph;
  draft.head.live += count;
  const held = groups.limits[plan.nodes[node]?.group ?? 0] ?? [];
  if (held.length === 0) return;
  const places = draft.head.places.slice();
  for (const at of held) places[at] = (places[at] ?? 0) + count;
  draft.head.places = places;
}

/** Places that are free for nodes of this group; Infinity where nothing bounds them. */
export function freePlaces(draft: Draft, group: number): number {
  const { groups } = draft.graph;
  let free = Number.POSITIVE_INFINITY;
  for (const at of groups.limits[group] ?? []) {
    const most = groups.limited[at]?.most ?? 0;
    free = Math.min(free, most - (draft.head.places[at] ?? 0));
  }
  return Math.max(0, free);
}
