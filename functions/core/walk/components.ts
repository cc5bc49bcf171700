// Strongly connected components (Tarjan), with a stack of its own: a chain may be as long as a plan has nodes.

/** Edges by source: the targets of `v` are `target[start[v]]` to before `target[start[v + 1]]`. */
export interface Adjacency {
  readonly start: Int32Array;
  readonly target: Int32Array;
}

export function adjacency(
  size: number,
  sources: readonly number[],
  targets: readonly number[],
): Adjacency {
  const start = new Int32Array(size + 1);
  for (const source of sources) start[source + 1] = (start[source + 1] ?? 0) + 1;
  for (let index = 0; index < size; index++) {
    start[index + 1] = (start[index + 1] ?? 0) + (start[index] ?? 0);
  }
  const fill = start.slice();
  const target = new Int32Array(targets.length);
  for (const [edge, source] of sources.entries()) {
    const at = fill[source] ?? 0;
    target[at] = targets[edge] ?? 0;
    fill[source] = at + 1;
  }
  return { start, target };
}

/** The number of the component each vertex lies in. */
export function components(graph: Adjacency): Int32Array {
  const search = new Search(graph);
  for (let vertex = 0; vertex < graph.start.length - 1; vertex++) search.from(vertex);
  return search.component;
}

class Search {
  readonly component: Int32Array;
  readonly #graph: Adjacency;
  readonly #order: Int32Array;
  readonly #low: Int32Array;
  readonly #next: Int32Array;
  readonly #path: number[] = [];
  readonly #open: number[] = [];
  #visited = 0;
  #components = 0;

  constructor(graph: Adjacency) {
    const size = graph.start.length - 1;
    this.#graph = graph;
    this.component = new Int32Array(size).fill(-1);
    this.#order = new Int32Array(size);
    this.#low = new Int32Array(size);
    this.#next = graph.start.slice(0, size);
  }

  from(root: number): void {
    if (this.#order[root] !== 0) return;
    this.#enter(root);
    while (this.#path.length > 0) {
      const vertex = this.#path.at(-1) ?? 0;
      const edge = this.#next[vertex] ?? 0;
      if (edge < (this.#graph.start[vertex + 1] ?? 0)) {
        this.#next[vertex] = edge + 1;
        this.#follow(vertex, this.#graph.target[edge] ?? 0);
      } else this.#leave(vertex);
    }
  }

  #enter(vertex: number): void {
    this.#visited++;
    this.#order[vertex] = this.#visited;
    this.#low[vertex] = this.#visited;
    this.#path.push(vertex);
    this.#open.push(vertex);
  }

  #follow(vertex: number, target: number): void {
    if (this.#order[target] === 0) this.#enter(target);
    else if (this.component[target] === -1) this.#lower(vertex, this.#order[target] ?? 0);
  }

  #leave(vertex: number): void {
    this.#path.pop();
    const above = this.#path.at(-1);
    if (above !== undefined) this.#lower(above, this.#low[vertex] ?? 0);
    if (this.#low[vertex] !== this.#order[vertex]) return;
    for (;;) {
      const member = this.#open.pop() ?? vertex;
      this.component[member] = this.#components;
      if (member === vertex) break;
    }
    this.#components++;
  }

  #lower(vertex: number, to: number): void {
    if (to < (this.#low[vertex] ?? 0)) this.#low[vertex] = to;
  }
}
