// Nodes that wait for each other. Over exact names only: wildcards are untangled by the walker. Nothing here recurses.
import { adjacency, components } from '#core/walk/components.ts';

/** Edges of a graph: `edges[a]` are the nodes that `a` waits for. */
export type Edges = readonly (readonly number[])[];

/** One shortest cycle of each set of nodes that wait for each other, as [a, b, …, a]. */
export function cycles(edges: Edges): readonly (readonly number[])[] {
  const sources = edges.flatMap((targets, source) => targets.map(() => source));
  const component = components(adjacency(edges.length, sources, edges.flat()));
  const sizes = new Map<number, number>();
  for (const number of component) sizes.set(number, (sizes.get(number) ?? 0) + 1);
  const said = new Set<number>();
  const found: (readonly number[])[] = [];
  for (const [node, number] of component.entries()) {
    const alone = sizes.get(number) === 1;
    if (said.has(number) || (alone && edges[node]?.includes(node) !== true)) continue;
    said.add(number);
    found.push(shortest(edges, node, (other) => component[other] === number));
  }
  return found;
}

/** Back to `start` on the shortest way. */
function shortest(
  edges: Edges,
  start: number,
  inside: (node: number) => boolean,
): readonly number[] {
  const from = new Map<number, number>();
  let layer = [start];
  while (layer.length > 0) {
    const next: number[] = [];
    for (const node of layer) {
      for (const target of edges[node] ?? []) {
        if (target === start) return wayBack(from, start, node);
        if (!inside(target) || from.has(target)) continue;
        from.set(target, node);
        next.push(target);
      }
    }
    layer = next;
  }
  return [start, start];
}

function wayBack(
  from: ReadonlyMap<number, number>,
  start: number,
  last: number,
): readonly number[] {
  const way = [start];
  for (let node: number | undefined = last; node !== undefined && node !== start; ) {
    way.push(node);
    node = from.get(node);
  }
  way.push(start);
  return way.reverse();
}
