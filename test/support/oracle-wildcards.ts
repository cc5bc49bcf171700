// Which nodes a wildcard matches, and who handles a failure, for the oracle.
//
// A pattern whose star stands only behind the dot (`load.*`) names its node exactly, and counts as an exact name.
// A wildcard never matches a node that waits for the asker. Edges lead from the asker to what it waits for. To the exact edges
// all positive wildcard edges are added, and those inside one strongly connected component dropped; then the negated ones likewise.
import { matchingEvents } from './oracle-truth.ts';
import { type Cond, namedByCond, type Sketch } from './sketch.ts';

interface WildcardEdge {
  readonly asker: number;
  readonly pattern: string;
  readonly source: number;
}

/** The sources that are left to a pattern in the start condition of `asker`. */
export function wildcardSources(
  sketch: Sketch,
): (asker: number, pattern: string) => readonly number[] {
  const exact: [number, number][] = [];
  for (const [asker, node] of sketch.nodes.entries()) {
    for (const source of node.needs ?? []) exact.push([asker, source]);
    for (const source of node.start === undefined ? [] : namedByCond(node.start)) {
      exact.push([asker, source]);
    }
    for (const { pattern } of node.start === undefined ? [] : wildcardsIn(node.start, false)) {
      if (!namesExactly(pattern)) continue;
      for (const source of matched(sketch, asker, pattern)) exact.push([asker, source]);
    }
  }
  const positive = keep(sketch, exact, wildcardEdges(sketch, false));
  const kept: [number, number][] = positive.map((edge) => [edge.asker, edge.source]);
  const negated = keep(sketch, [...exact, ...kept], wildcardEdges(sketch, true));
  return (asker, pattern) => {
    if (namesExactly(pattern)) return matched(sketch, asker, pattern);
    const node = sketch.nodes[asker];
    const under = node?.start === undefined ? [] : wildcardsIn(node.start, false);
    const isNegated = under.some((each) => each.pattern === pattern && each.negated);
    return (isNegated ? negated : positive)
      .filter((edge) => edge.asker === asker && edge.pattern === pattern)
      .map((edge) => edge.source);
  };
}

function wildcardsIn(cond: Cond, negated: boolean): { pattern: string; negated: boolean }[] {
  switch (cond.is) {
    case 'and':
    case 'or':
      return cond.parts.flatMap((part) => wildcardsIn(part, negated));
    case 'not':
      return wildcardsIn(cond.part, !negated);
    case 'wildcard':
      return [{ pattern: cond.pattern, negated }];
    default:
      return [];
  }
}

function wildcardEdges(sketch: Sketch, negated: boolean): WildcardEdge[] {
  return sketch.nodes.flatMap((node, asker) =>
    (node.start === undefined ? [] : wildcardsIn(node.start, false))
      .filter((wildcard) => wildcard.negated === negated && !namesExactly(wildcard.pattern))
      .flatMap(({ pattern }) =>
        matched(sketch, asker, pattern).map((source) => ({ asker, pattern, source })),
      ),
  );
}

const namesExactly = (pattern: string): boolean =>
  !pattern.slice(0, pattern.indexOf('.')).includes('*');

function matched(sketch: Sketch, asker: number, pattern: string): number[] {
  return sketch.nodes.flatMap((source, index) =>
    index !== asker &&
    source.kind !== 'prepare' &&
    matchingEvents(sketch, index, pattern).length > 0
      ? [index]
      : [],
  );
}

/** Those of the edges whose ends are not in one component of the graph that all of them make together. */
function keep(
  sketch: Sketch,
  graph: readonly [number, number][],
  edges: readonly WildcardEdge[],
): WildcardEdge[] {
  const reach = reachable(sketch.nodes.length, [
    ...graph,
    ...edges.map((edge): [number, number] => [edge.asker, edge.source]),
  ]);
  return edges.filter((edge) => !reach[edge.source]?.[edge.asker]);
}

/** `reach[a][b]`: a path leads from a to b. Warshall's closure. */
function reachable(count: number, edges: readonly [number, number][]): boolean[][] {
  const reach = Array.from({ length: count }, () => Array.from({ length: count }, () => false));
  const from = (node: number): boolean[] => reach[node] ?? [];
  for (const [source, target] of edges) from(source)[target] = true;
  for (let middle = 0; middle < count; middle++) {
    for (let start = 0; start < count; start++) {
      if (from(start)[middle] !== true) continue;
      for (let end = 0; end < count; end++) if (from(middle)[end] === true) from(start)[end] = true;
    }
  }
  return reach;
}

/** Nodes that name exactly this failure of the node in their start condition, not under `!`. */
export function handledBy(
  sketch: Sketch,
  failed: number,
  end: { readonly status: string; readonly reason?: string },
): readonly number[] {
  const events = end.reason === 'rejected' ? [end.status, 'rejected'] : [end.status];
  const names = (cond: Cond): boolean => {
    if (cond.is === 'and' || cond.is === 'or') return cond.parts.some(names);
    return cond.is === 'event' && cond.node === failed && events.includes(cond.event);
  };
  return sketch.nodes.flatMap((node, index) =>
    node.start !== undefined && names(node.start) ? [index] : [],
  );
}
