// Derives from a plan what a walk needs: gates with counters, edges from sources to gates, hubs of wildcards, ranks of
// groups. Depends on the plan alone, so it is never stored. No recursion over nodes: a chain may have 100,000 of them.

import { Defect } from '#errors/families.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import { parseCondition } from '../expression/parse.ts';
import type { Condition } from '../expression/types.ts';
import { namesPayloads, writesTemplates } from './bindings.ts';
import { adjacency } from './components.ts';
import {
  ConditionBuilder,
  eventMask,
  ROOT_HUB,
  ROOT_START,
  splitPattern,
  type Term,
  TO_NODE,
  TO_PREPARED,
  TO_TERM,
  type WildcardLeaf,
} from './conditions.ts';
import { glob } from './glob.ts';
import { type Groups, linkGroups } from './groups.ts';
import { type Hub, type Resolved, resolveWildcards } from './wildcards.ts';
import { EVENT_COMPLETED, EVENT_RETRYING, EVENT_STARTED } from './words.ts';

/** A failure that another node may handle, or has handled. */
export interface Handled {
  readonly node: number;
  readonly mask: number;
}

/** An event pattern of the outside, with its source of edges. */
export interface ExternalSource {
  readonly pattern: string;
  readonly source: number;
  matches(name: string): boolean;
}

/**
 * Sources of edges are numbered: nodes (when they end), then hubs, then the beginning of the run, then nodes that
 * start or retry where somebody asks for that, then patterns and payloads of external events. Owners of gates are the
 * nodes and hubs.
 */
export interface Graph {
  readonly plan: Plan;
  /** Nodes of the plan. */
  readonly size: number;
  readonly index: ReadonlyMap<string, number>;
  readonly visible: Uint8Array;
  readonly visibleCount: number;
  readonly groups: Groups;
  readonly gates: {
    readonly owner: Int32Array;
    readonly slot: Int32Array;
    readonly parent: Int32Array;
    readonly parentSign: Uint8Array;
  };
  /** By owner: how its slots begin. */
  readonly slots: { readonly start: Int32Array; readonly initial: Int32Array };
  readonly edges: {
    readonly start: Int32Array;
    readonly target: Int32Array;
    readonly info: Int32Array;
  };
  readonly terms: readonly Term[];
  /** By node: its first term; its start condition's terms come first. */
  readonly termStart: Int32Array;
  /** 1 for nodes with a start condition (or needs). */
  readonly conditional: Uint8Array;
  /** 1 for nodes that nothing holds back: ready as soon as the run has started. */
  readonly free: Uint8Array;
  readonly skips: ReadonlyMap<number, Condition>;
  readonly handlersOf: ReadonlyMap<number, readonly Handled[]>;
  readonly handledBy: ReadonlyMap<number, readonly Handled[]>;
  readonly hubs: readonly Hub[];
  /** By asker and pattern: the hub that answers; -1 when nothing can match. */
  readonly hubOf: ReadonlyMap<string, number>;
  readonly run: number;
  readonly starting: ReadonlyMap<number, number>;
  readonly retrying: ReadonlyMap<number, number>;
  readonly externals: readonly ExternalSource[];
  readonly payloads: ReadonlyMap<string, number>;
  /** Names of external events whose payload some text of the plan reads. */
  readonly payloadNames: ReadonlySet<string>;
  /** 1 for nodes with templates that must be checked before they start. */
  readonly templates: Uint8Array;
}

/** Which node an id names. */
export function indexOf(graph: Graph, id: string): number {
  const index = graph.index.get(id);
  if (index === undefined) throw new Defect(`"${id}" is no node of plan "${graph.plan.id}"`);
  return index;
}

export function nodeOf(graph: Graph, index: number): PlanNode {
  const node = graph.plan.nodes[index];
  if (node === undefined) throw new Defect(`plan "${graph.plan.id}" has no node ${index}`);
  return node;
}

/**
 * The graph of a plan; equal plans give equal graphs.
 *
 * @throws Defect when a condition of the plan cannot be read: the compiler lets none through.
 */
export function link(plan: Plan): Graph {
  const size = plan.nodes.length;
  const index = new Map(plan.nodes.map((node, at) => [node.id, at]));
  const builder = new ConditionBuilder(index);
  const visible = Uint8Array.from(plan.nodes, (node) => (node.executor.kind === 'prepare' ? 0 : 1));
  const termStart = new Int32Array(size + 1);
  const skips = new Map<number, Condition>();
  for (const [at, node] of plan.nodes.entries()) {
    addNode(builder, at, node);
    termStart[at + 1] = builder.terms.length;
    if (node.skip !== undefined) skips.set(at, readCondition(node.skip));
  }
  const { hubs, hubOf } = addHubs(builder, plan, visible);
  const sources = addSources(builder, plan, hubs.length);
  return {
    plan,
    size,
    index,
    visible,
    visibleCount: visible.reduce((sum, one) => sum + one, 0),
    groups: linkGroups(plan),
    ...packed(builder, sources.count),
    terms: builder.terms,
    termStart,
    conditional: Uint8Array.from(plan.nodes, (node) => (isConditional(node) ? 1 : 0)),
    free: Uint8Array.from(plan.nodes, (node) => (isFree(node) ? 1 : 0)),
    skips,
    ...handlings(builder),
    hubs,
    hubOf: new Map(builder.wildcards.map((leaf, at) => [leafKey(leaf), hubOf[at] ?? -1])),
    ...sources,
    payloadNames: new Set([...sources.payloads.keys(), ...namesPayloads(plan)]),
    templates: Uint8Array.from(plan.nodes, (node) => (writesTemplates(plan, node) ? 1 : 0)),
  };
}

function isConditional(node: PlanNode): boolean {
  return node.start !== undefined || (node.needs?.length ?? 0) > 0;
}

function isFree(node: PlanNode): boolean {
  return !isConditional(node) && node.stop === undefined && (node.prepares?.length ?? 0) === 0;
}

function readCondition(text: string): Condition {
  const parsed = parseCondition(text);
  if (parsed.ok) return parsed.value;
  throw new Defect(`the plan's skipWhen "${text}" cannot be read: ${parsed.problem.message}`);
}

function addNode(builder: ConditionBuilder, at: number, node: PlanNode): void {
  if (node.start !== undefined) builder.condition(at, node.start, 'startWhen');
  else if ((node.needs?.length ?? 0) > 0) {
    const gate = builder.gate(at, ROOT_START, 0);
    for (const need of node.needs ?? []) builder.edge(need, gate, EVENT_COMPLETED, 0);
  }
  if (node.stop !== undefined) builder.condition(at, node.stop, 'stopWhen');
  for (const prepare of node.prepares ?? []) builder.push(prepare, at, TO_PREPARED << 11);
  builder.nextOwner();
}

/** Who waits for whom by exact names: the edges so far, and the sources of the terms. */
function waiting(builder: ConditionBuilder) {
  const askers: number[] = [];
  const sources: number[] = [];
  for (const [edge, source] of builder.edgeSource.entries()) {
    if ((builder.edgeInfo[edge] ?? 0) >> 11 !== 0) continue;
    const gate = builder.edgeTarget[edge] ?? 0;
    if (rootOf(builder, gate) !== ROOT_START) continue;
    askers.push(builder.gateOwner[gate] ?? 0);
    sources.push(source);
  }
  for (const term of builder.terms) {
    if (term.where !== 'startWhen') continue;
    for (const source of term.sources) {
      askers.push(term.owner);
      sources.push(source);
    }
  }
  return { askers, sources };
}

function rootOf(builder: ConditionBuilder, gate: number): number {
  let at = gate;
  while (at >= 0) at = builder.gateParent[at] ?? ROOT_HUB;
  return at;
}

/** By what `hubOf` finds the hub of a wildcard. */
export function leafKey({ asker, pattern }: Pick<WildcardLeaf, 'asker' | 'pattern'>): string {
  return `${asker} ${pattern}`;
}

function addHubs(builder: ConditionBuilder, plan: Plan, visible: Uint8Array): Resolved {
  if (builder.wildcards.length === 0) return { hubs: [], hubOf: [] };
  const nodes = plan.nodes.map((node, at) => ({ id: node.id, visible: visible[at] === 1 }));
  const { hubs, hubOf } = resolveWildcards(builder.wildcards, nodes, waiting(builder));
  for (const [at, hub] of hubs.entries()) {
    const gate = builder.gate(plan.nodes.length + at, ROOT_HUB, 1);
    const mask = maskOf(hub.pattern);
    for (const source of hub.sources) builder.edge(source, gate, mask, 1);
    builder.nextOwner();
  }
  for (const [at, leaf] of builder.wildcards.entries()) {
    const hub = hubOf[at] ?? -1;
    if (hub >= 0) builder.edge(plan.nodes.length + hub, leaf.gate, 0, leaf.sign);
    else {
      builder.constants.push({ gate: leaf.gate, sign: 1 - leaf.sign });
      builder.gateOpen[leaf.gate] = (builder.gateOpen[leaf.gate] ?? 0) + 1;
    }
  }
  return { hubs, hubOf };
}

function maskOf(pattern: string): number {
  return eventMask(splitPattern(pattern)[1]);
}

/** Sources beyond nodes and hubs, and the edges from them. */
function addSources(builder: ConditionBuilder, plan: Plan, hubs: number) {
  const run = plan.nodes.length + hubs;
  let count = run + 1;
  const starting = new Map<number, number>();
  const retrying = new Map<number, number>();
  const payloads = new Map<string, number>();
  const sourceIn = <K>(map: Map<K, number>, key: K): number => {
    const known = map.get(key);
    if (known !== undefined) return known;
    map.set(key, count);
    return count++;
  };
  const edges = builder.edgeSource.length;
  for (let edge = 0; edge < edges; edge++) {
    const info = builder.edgeInfo[edge] ?? 0;
    const source = builder.edgeSource[edge] ?? 0;
    if (info >> 11 !== 0 || source >= plan.nodes.length) continue;
    const early = info & (1 << 10);
    const target = builder.edgeTarget[edge] ?? 0;
    if ((info & EVENT_STARTED) !== 0) builder.push(sourceIn(starting, source), target, early);
    // What is retried was started: a leaf that names both has been true since then, and fires once (W5).
    else if ((info & EVENT_RETRYING) !== 0) {
      builder.push(sourceIn(retrying, source), target, early);
    }
  }
  for (const { gate, sign } of builder.constants) builder.push(run, gate, sign << 10);
  for (const [at, node] of plan.nodes.entries()) {
    const held = isConditional(node) || isFree(node) || (node.prepares?.length ?? 0) > 0;
    if (!held) builder.push(run, at, TO_NODE << 11);
  }
  addTermEdges(builder, run, (name) => sourceIn(payloads, name));
  const externals: ExternalSource[] = [];
  const patterns = new Map<string, number>();
  for (const { pattern, gate, sign } of builder.externals) {
    builder.push(sourceIn(patterns, pattern), gate, sign << 10);
  }
  for (const [pattern, source] of patterns) {
    externals.push({ pattern, source, matches: (name) => glob(pattern, name) });
  }
  return { run, count, starting, retrying, payloads, externals };
}

function addTermEdges(
  builder: ConditionBuilder,
  run: number,
  payloadSource: (name: string) => number,
): void {
  for (const [at, term] of builder.terms.entries()) {
    for (const source of term.sources) builder.push(source, at, TO_TERM << 11);
    for (const name of term.payloads) builder.push(payloadSource(name), at, TO_TERM << 11);
    if (term.sources.length === 0 && term.payloads.length === 0) {
      builder.push(run, at, TO_TERM << 11);
    }
  }
}

function packed(builder: ConditionBuilder, sources: number) {
  const numbers = builder.edgeTarget.map((_, edge) => edge);
  const { start, target: order } = adjacency(sources, builder.edgeSource, numbers);
  const pick = (values: readonly number[]) => Int32Array.from(order, (edge) => values[edge] ?? 0);
  return {
    gates: {
      owner: Int32Array.from(builder.gateOwner),
      slot: Int32Array.from(builder.gateSlot),
      parent: Int32Array.from(builder.gateParent),
      parentSign: Uint8Array.from(builder.gateParentSign),
    },
    slots: {
      start: Int32Array.from(builder.slotStart),
      // A gate's slot holds twice its open inputs, plus 1 once one of them was an error; a term's slot is 0 while open.
      initial: Int32Array.from(builder.slotGate, (gate) =>
        gate < 0 ? 0 : (builder.gateOpen[gate] ?? 0) * 2,
      ),
    },
    edges: { start, target: pick(builder.edgeTarget), info: pick(builder.edgeInfo) },
  };
}

function handlings(builder: ConditionBuilder) {
  const handlersOf = new Map<number, Handled[]>();
  const handledBy = new Map<number, Handled[]>();
  const masks = new Map<string, number>();
  for (const { of, handler, mask } of builder.handlings) {
    const key = `${of} ${handler}`;
    masks.set(key, (masks.get(key) ?? 0) | mask);
  }
  for (const [key, mask] of masks) {
    const [of = 0, handler = 0] = key.split(' ').map(Number);
    append(handlersOf, of, { node: handler, mask });
    append(handledBy, handler, { node: of, mask });
  }
  return { handlersOf, handledBy };
}

function append<T>(map: Map<number, T[]>, key: number, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
