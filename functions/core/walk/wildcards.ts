// Finds what each wildcard may match. A wildcard never matches a node that waits for the asker: positive wildcard edges
// are added first and those inside one strongly connected component dropped, then negated ones likewise. What is left
// has no cycle, so every condition is decided once its sources have ended (W6). Equal wildcards share one hub.
import { adjacency, components } from './components.ts';
import { splitPattern, type WildcardLeaf } from './conditions.ts';
import { glob } from './glob.ts';

export interface Hub {
  readonly pattern: string;
  readonly sources: readonly number[];
}

export interface Resolved {
  readonly hubs: readonly Hub[];
  /** By wildcard leaf: its hub, or -1 when nothing can match. */
  readonly hubOf: readonly number[];
}

/** `waits`: who waits for whom by exact names in start conditions, as pairs of node indexes. */
export interface Waiting {
  readonly askers: readonly number[];
  readonly sources: readonly number[];
}

export function resolveWildcards(
  leaves: readonly WildcardLeaf[],
  nodes: readonly { readonly id: string; readonly visible: boolean }[],
  waits: Waiting,
): Resolved {
  const resolver = new Resolver(nodes);
  const excluded: number[] = leaves.map(() => -1);
  const starting = leaves.flatMap((leaf, at) => (leaf.where === 'startWhen' ? [at] : []));
  const positive = starting.filter((at) => !leaves[at]?.negated);
  const negated = starting.filter((at) => leaves[at]?.negated);
  const kept: KeptEdges = { askers: [...waits.askers], sources: [...waits.sources] };
  for (const round of [positive, negated]) {
    if (round.length === 0) continue;
    const members = resolver.membersOf(round, leaves, kept);
    for (const at of round) excluded[at] = members.component(leaves[at]?.asker ?? 0);
    for (const at of round) {
      const leaf = leaves[at];
      if (!leaf) continue;
      const hub = resolver.hub(leaf, members.inside(excluded[at] ?? -1));
      resolver.remember(at, hub);
      resolver.keep(kept, leaf.asker, hub);
    }
  }
  for (const [at, leaf] of leaves.entries()) {
    if (leaf.where === 'stopWhen') resolver.remember(at, resolver.hub(leaf, undefined));
  }
  return { hubs: resolver.hubs, hubOf: leaves.map((_, at) => resolver.hubOf.get(at) ?? -1) };
}

interface KeptEdges {
  readonly askers: number[];
  readonly sources: number[];
}

/** Which component an asker lies in, and which nodes lie in a component. */
interface Members {
  component(asker: number): number;
  inside(component: number): Inside | undefined;
}

interface Inside {
  readonly key: string;
  has(node: number): boolean;
}

class Resolver {
  readonly hubs: Hub[] = [];
  readonly hubOf = new Map<number, number>();
  readonly #nodes: readonly { readonly id: string; readonly visible: boolean }[];
  readonly #matches = new Map<string, readonly number[]>();
  readonly #byKey = new Map<string, number>();
  /** Vertices that stand for hubs already resolved, so that later rounds route through them. */
  readonly #kept = new Set<number>();
  #rounds = 0;

  constructor(nodes: readonly { readonly id: string; readonly visible: boolean }[]) {
    this.#nodes = nodes;
  }

  /** Components of: who waits for whom so far, and the wildcard edges of this round, routed asker → pattern → matches. */
  membersOf(round: readonly number[], leaves: readonly WildcardLeaf[], kept: KeptEdges): Members {
    const askers = kept.askers.slice();
    const sources = kept.sources.slice();
    let vertex = this.#nodes.length + this.hubs.length;
    const routes = new Map<string, number>();
    for (const at of round) {
      const leaf = leaves[at];
      if (!leaf) continue;
      const [subject] = splitPattern(leaf.pattern);
      let route = routes.get(subject);
      if (route === undefined) {
        route = vertex++;
        routes.set(subject, route);
        for (const node of this.#matching(subject)) {
          askers.push(route);
          sources.push(node);
        }
      }
      askers.push(leaf.asker);
      sources.push(route);
    }
    // Components of different rounds have nothing to do with each other, though their numbers may be the same.
    this.#rounds++;
    const found = components(adjacency(vertex, askers, sources));
    return membership(found, this.#nodes.length, `${this.#rounds}.`);
  }

  /** The hub of a pattern without the nodes of one component (the asker is always among them). */
  hub(leaf: WildcardLeaf, inside: Inside | undefined): number {
    const [subject] = splitPattern(leaf.pattern);
    const matches = this.#matching(subject);
    const own = glob(subject, this.#nodes[leaf.asker]?.id ?? '');
    const without = inside && matches.some((node) => inside.has(node)) ? inside.key : '';
    const key = `${leaf.pattern} ${without || (own ? `!${leaf.asker}` : '')}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const sources = matches.filter(
      (node) => node !== leaf.asker && !(without !== '' && inside?.has(node)),
    );
    if (sources.length === 0) return -1;
    const hub = this.hubs.push({ pattern: leaf.pattern, sources }) - 1;
    this.#byKey.set(key, hub);
    return hub;
  }

  remember(leaf: number, hub: number): void {
    this.hubOf.set(leaf, hub);
  }

  /** Makes a resolved wildcard part of who waits for whom. */
  keep(kept: KeptEdges, asker: number, hub: number): void {
    if (hub < 0) return;
    const vertex = this.#nodes.length + hub;
    kept.askers.push(asker);
    kept.sources.push(vertex);
    if (this.#kept.has(hub)) return;
    this.#kept.add(hub);
    for (const source of this.hubs[hub]?.sources ?? []) {
      kept.askers.push(vertex);
      kept.sources.push(source);
    }
  }

  #matching(subject: string): readonly number[] {
    const known = this.#matches.get(subject);
    if (known) return known;
    const found = this.#nodes.flatMap((node, index) =>
      node.visible && glob(subject, node.id) ? [index] : [],
    );
    this.#matches.set(subject, found);
    return found;
  }
}

function membership(component: Int32Array, nodes: number, round: string): Members {
  const sizes = new Map<number, number>();
  for (const [vertex, number] of component.entries()) {
    if (vertex < nodes) sizes.set(number, (sizes.get(number) ?? 0) + 1);
  }
  return {
    component: (asker) => component[asker] ?? -1,
    inside: (number) =>
      (sizes.get(number) ?? 0) > 1
        ? { key: `${round}${number}`, has: (node) => component[node] === number }
        : undefined,
  };
}
