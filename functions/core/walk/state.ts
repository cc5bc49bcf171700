// The state of a run: what the walker keeps of it between two walks. Immutable for everybody else; a walk and a fold work
// on a draft that copies only what it touches. Values are not part of it.
import { Defect } from '#errors/families.ts';
import type { Reason } from '#schemas/reasons.ts';
import type { Range, RunEnd } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import { type Bits, BitsDraft, NO_BITS } from './bits.ts';
import { type Graph, indexOf } from './graph.ts';
import {
  endedInstances,
  FLAG_GOES_ON,
  FLAG_HANDLED,
  FRESH,
  FRESH_INSTANCE,
  type InstanceRecord,
  type Instances,
  isActive,
  type NodeRecord,
} from './records.ts';
import type { Beginning } from './types.ts';
import { emptyVector, MARK_A, MARK_B, type Vector, VectorDraft } from './vector.ts';
import {
  COMPLETED,
  FAILED,
  NEVER,
  OPEN,
  PENDING,
  READY,
  RETRYING,
  RUNNING,
  STOPPING,
  TIMED_OUT,
  TRUE,
} from './words.ts';

/** The part of a state that every walk reads. Small: no list in it grows with the nodes but as ranges. */
export interface Head {
  readonly phase: 'pending' | 'running' | 'paused' | 'ended';
  readonly end: RunEnd | undefined;
  readonly reason: Reason | undefined;
  readonly message: string | undefined;
  /** The time of the last fact. */
  readonly now: number;
  /** Milliseconds the run may take, and when that is over (0: never). */
  readonly timeout: number;
  readonly deadline: number;
  /** Why nothing starts any more. */
  readonly stopping: Reason | undefined;
  /** Nodes that have not ended: visible ones, and prepare nodes. */
  readonly unfinished: number;
  readonly hidden: number;
  readonly live: number;
  /** Live attempts by limited group. */
  readonly places: readonly number[];
  readonly failedGroups: readonly number[];
  /** When the time of a group is over, from its first start. */
  readonly groupDeadlines: readonly (readonly [group: number, at: number])[];
  /** How many ranges of nodes that nothing holds back were made ready. */
  readonly roots: number;
  /** Sources whose edges are still to be followed, and from which edge on. */
  readonly spreading: readonly (readonly [source: number, from: number])[];
  /** External events of patterns and payloads that happened: the first of each name. */
  readonly externals: { readonly [name: string]: Json };
  readonly keys: readonly string[];
  /** Failures that no completed handler handles. */
  readonly unhandled: number;
  /** Nodes that ended because someone cancelled. */
  readonly cancelled: number;
  readonly seeds: readonly (readonly [run: string, ranges: readonly Range[]])[];
}

/** Ranks that must all be stopped or skipped. Where it has got to is no part of the state: it is found again. */
export interface Sweep {
  readonly cursor: number;
  readonly end: number;
  readonly reason: Reason;
  /** The run ends: prepare nodes are swept too. */
  readonly hidden: boolean;
}

export interface State {
  readonly head: Head;
  /** By node, then by hub. */
  readonly nodes: Vector<NodeRecord>;
  /** Ranks of the nodes that would start something if they were let. */
  readonly ready: Bits;
  readonly sweeps: readonly Sweep[];
  /** Groups whose time was over and that were swept. */
  readonly swept: readonly number[];
  readonly seeded: Seeded;
  /** From here on seeds may be left that were not taken over yet. Like sweeps, found again after a reload. */
  readonly seedCursor: number;
  /** Nodes that nothing holds back, as ranges in plan order. */
  readonly roots: readonly Range[];
}

/** By node: 1 and more is a seed, counting the runs they come from. Empty when there are none. */
export interface Seeded {
  readonly from: Uint16Array;
  readonly runs: readonly string[];
}

/** The state of a run that has not begun: its first walk starts it. */
export function initialState(graph: Graph, beginning: Beginning): State {
  const seeds = new Map<string, number[]>();
  for (const { node, run } of beginning.seeds ?? []) {
    const list = seeds.get(run);
    if (list) list.push(indexOf(graph, node));
    else seeds.set(run, [indexOf(graph, node)]);
  }
  return stateOf(
    graph,
    {
      phase: 'pending',
      end: undefined,
      reason: undefined,
      message: undefined,
      now: 0,
      timeout: beginning.timeout ?? 0,
      deadline: 0,
      stopping: undefined,
      unfinished: graph.visibleCount,
      hidden: graph.size - graph.visibleCount,
      live: 0,
      places: graph.groups.limited.map(() => 0),
      failedGroups: [],
      groupDeadlines: [],
      roots: 0,
      spreading: [],
      externals: {},
      keys: [],
      unhandled: 0,
      cancelled: 0,
      seeds: [...seeds].map(([run, nodes]) => [run, rangesOf(nodes)] as const),
    },
    emptyVector(),
  );
}

/** A state with what follows from its head and the graph alone. */
export function stateOf(graph: Graph, head: Head, nodes: Vector<NodeRecord>): State {
  const seeded = seededOf(graph, head);
  const free: number[] = [];
  for (let node = 0; node < graph.size; node++) {
    if (graph.free[node] === 1 && (seeded.from[node] ?? 0) === 0) free.push(node);
  }
  const { from, end } = graph.groups;
  const sweeps: Sweep[] = head.failedGroups.map((group) => ({
    cursor: from[group] ?? 0,
    end: end[group] ?? 0,
    reason: 'fail_fast',
    hidden: false,
  }));
  if (head.stopping !== undefined) {
    sweeps.push({ cursor: 0, end: graph.size, reason: head.stopping, hidden: true });
  }
  const roots = rangesOf(free);
  return { head, nodes, ready: NO_BITS, sweeps, swept: [], seeded, seedCursor: 0, roots };
}

function seededOf(graph: Graph, head: Head): Seeded {
  if (head.seeds.length === 0) return { from: new Uint16Array(0), runs: [] };
  const from = new Uint16Array(graph.size);
  for (const [at, [, ranges]] of head.seeds.entries()) {
    for (const [first, last] of ranges) from.fill(at + 1, first, last + 1);
  }
  return { from, runs: head.seeds.map(([run]) => run) };
}

function rangesOf(numbers: readonly number[]): Range[] {
  const ranges: Range[] = [];
  for (const number of numbers.toSorted((one, other) => one - other)) {
    const last = ranges.at(-1);
    if (last && number <= last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A state that is being changed, by `apply` alone. */
export class Draft {
  readonly graph: Graph;
  readonly before: State;
  readonly head: Mutable<Head>;
  readonly nodes: VectorDraft<NodeRecord>;
  readonly ready: BitsDraft;
  sweeps: readonly Sweep[];
  swept: readonly number[];
  seedCursor: number;
  /** Records and edges touched, which bounds one walk (W8). */
  touched = 0;
  readonly #instances = new Map<number, VectorDraft<InstanceRecord>>();

  constructor(graph: Graph, state: State) {
    this.graph = graph;
    this.before = state;
    this.head = { ...state.head };
    this.nodes = new VectorDraft(state.nodes);
    this.ready = new BitsDraft(state.ready);
    this.sweeps = state.sweeps;
    this.swept = state.swept;
    this.seedCursor = state.seedCursor;
  }

  isSeed(node: number): boolean {
    return (this.before.seeded.from[node] ?? 0) > 0;
  }

  seededFrom(node: number): string | undefined {
    return this.before.seeded.runs[(this.before.seeded.from[node] ?? 0) - 1];
  }

  /** The first seed that was not taken over yet, or -1. */
  nextSeed(): number {
    const { from } = this.before.seeded;
    for (; this.seedCursor < from.length; this.seedCursor++) {
      const seed = this.seedCursor;
      if (from[seed] !== 0 && !isEnd(this.nodes.get(seed)?.status ?? PENDING)) return seed;
    }
    return -1;
  }

  /** The record of a node or hub, made up where there is none yet. */
  record(index: number): NodeRecord {
    return this.nodes.get(index) ?? freshRecord(this.graph, index);
  }

  put(index: number, record: NodeRecord): void {
    this.touched++;
    const hub = index >= this.graph.size;
    this.nodes.set(index, record, !hub && this.#isDue(index, record) ? MARK_A : 0);
    if (!hub)
      this.ready.set(this.graph.groups.rankOf[index] ?? 0, isReady(this.graph, index, record));
  }

  instances(node: number): VectorDraft<InstanceRecord> {
    const known = this.#instances.get(node);
    if (known) return known;
    const each = this.nodes.get(node)?.each;
    if (!each) throw new Defect(`node ${node} has no instances`);
    const draft = new VectorDraft(each.records);
    this.#instances.set(node, draft);
    return draft;
  }

  instance(node: number, index: number): InstanceRecord {
    return this.instances(node).get(index) ?? FRESH_INSTANCE;
  }

  /** What an outcome may be of: the node, or one instance of it. */
  live(node: number, instance: number | undefined): NodeRecord | InstanceRecord {
    return instance === undefined ? this.record(node) : this.instance(node, instance);
  }

  /** Mark A: waits for a place to start again. Mark B: must be told when the node stops. */
  putInstance(node: number, index: number, record: InstanceRecord): void {
    this.touched++;
    const marks = (record.status === READY ? MARK_A : 0) | (isActive(record.status) ? MARK_B : 0);
    this.instances(node).set(index, record, marks);
  }

  finish(): State {
    for (const [node, draft] of this.#instances) {
      const record = this.nodes.get(node);
      // Instances that were only looked at change nothing: a walk without facts writes no chunk (S3).
      if (!record?.each || draft.changed.size === 0) continue;
      const each = { ...record.each, records: draft.finish() };
      this.nodes.set(node, { ...record, each }, this.#isDue(node, record) ? MARK_A : 0);
    }
    const { seeded, roots } = this.before;
    return {
      head: this.head,
      nodes: this.nodes.finish(),
      ready: this.ready.finish(),
      sweeps: this.sweeps,
      swept: this.swept,
      seedCursor: this.seedCursor,
      seeded,
      roots,
    };
  }

  /** Names of the chunks that were written to. */
  changed(): readonly string[] {
    const keys = [...this.nodes.changed].map((chunk) => `n${chunk}`);
    for (const [node, draft] of this.#instances) {
      for (const chunk of draft.changed) keys.push(`i${node}.${chunk}`);
    }
    return keys;
  }

  /** Whether something may have to be decided about a node. Saying so once too often is harmless. */
  #isDue(index: number, record: NodeRecord): boolean {
    switch (record.status) {
      case PENDING:
        return record.start >= NEVER || (record.start === TRUE && record.prepares === 0);
      case READY:
      case RETRYING:
        return record.attempt > 0 && record.stop !== OPEN && record.stop !== NEVER;
      case RUNNING:
        if (record.stop !== OPEN && record.stop !== NEVER) return true;
        return record.each !== undefined && this.#eachIsDue(index, record.each);
      case STOPPING:
        return record.each !== undefined && stoppingIsDue(record.each);
      case FAILED:
      case TIMED_OUT:
        return this.failsGroups(index, record).length > 0;
      default:
        return false;
    }
  }

  #eachIsDue(index: number, each: Instances): boolean {
    if (endedInstances(each) === each.count) return true;
    const group = this.graph.plan.nodes[index]?.group ?? 0;
    return each.failed > 0 && this.graph.plan.groups[group]?.failFast === true;
  }

  /** The groups that this failure makes fail, from the inside: none while a handler may still start. */
  failsGroups(index: number, record: NodeRecord): readonly number[] {
    if (record.handlers > 0 || (record.flags & (FLAG_HANDLED | FLAG_GOES_ON)) !== 0) return [];
    const { group = 0, failFast } = this.graph.plan.nodes[index] ?? {};
    if (failFast === false) return [];
    const fast = this.graph.groups.failFast[group] ?? [];
    if (fast.length === 0 || this.graph.visible[index] !== 1) return [];
    return fast.filter((each) => !this.head.failedGroups.includes(each));
  }
}

function stoppingIsDue(each: Instances): boolean {
  const open = each.running + each.retrying + each.ready;
  return open > 0 || each.next < each.cut || endedInstances(each) === each.count;
}

export function freshRecord(graph: Graph, index: number): NodeRecord {
  if (index >= graph.size || graph.conditional[index] === 1) {
    const prepares = graph.plan.nodes[index]?.prepares?.length ?? 0;
    return prepares === 0 ? FRESH : { ...FRESH, prepares };
  }
  const prepares = graph.plan.nodes[index]?.prepares?.length ?? 0;
  return { ...FRESH, start: TRUE, prepares };
}

/** Whether the node would start something now if it got a place. */
export function isReady(graph: Graph, index: number, record: NodeRecord): boolean {
  if (record.status === READY) return true;
  const { each } = record;
  if (!each || record.status !== RUNNING) return false;
  const most = graph.plan.nodes[index]?.maxParallel ?? Number.POSITIVE_INFINITY;
  return (each.next < each.cut || each.ready > 0) && each.running + each.stopping < most;
}

export function isEnd(status: number): boolean {
  return status >= COMPLETED;
}
