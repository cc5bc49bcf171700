// One walk under way: what it has decided so far, what it may still change, and what it knows of values.
import type { Command, Fact, Verdict } from '#schemas/run.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import { asTruth, evaluate } from '../expression/evaluate.ts';
import type { Known, Variables } from '../expression/types.ts';
import { isObject, isRef } from '../expression/values.ts';
import { apply, type FactOf } from './apply.ts';
import { type Term, TO_TERM } from './conditions.ts';
import { isOpenTerm, SPREAD } from './gates.ts';
import { type Graph, nodeOf } from './graph.ts';
import type { Draft } from './state.ts';
import { isEnd } from './state.ts';
import type { WalkContext } from './types.ts';
import { COMPLETED, END_NUMBER, statusName } from './words.ts';

export interface Walking {
  readonly graph: Graph;
  readonly draft: Draft;
  readonly context: WalkContext;
  readonly now: number;
  readonly facts: Fact[];
  readonly commands: Command[];
  readonly missing: Map<string, { readonly node: string } | { readonly ref: Json }>;
  /** Outputs that came with the outcomes of this walk. */
  readonly outputs: Map<number, Outputs>;
  readonly lists: Map<number, readonly Json[]>;
  started: number;
  /** Something that is due was left for the next walk. */
  left: boolean;
}

/** Decides a fact: it is applied at once, the way `fold` will apply it again. */
export function tell(walking: Walking, fact: Fact): void {
  apply(walking.draft, fact);
  walking.facts.push(fact);
}

/** Whether this walk may change more (W8). */
export function mayChange(walking: Walking): boolean {
  return walking.draft.touched < walking.context.bounds.changes;
}

type Ended = Omit<FactOf<'ended'>, 'fact' | 'at' | 'node' | 'verdicts'>;

/** Ends a node, and decides the terms that waited for that. */
export function end(walking: Walking, node: number, how: Ended): void {
  const ending = { node, status: END_NUMBER[how.status] };
  const verdicts = verdictsAfter(walking, { source: node, from: 0 }, ending);
  tell(walking, {
    fact: 'ended',
    at: walking.now,
    node: nodeOf(walking.graph, node).id,
    ...how,
    ...(verdicts.length > 0 ? { verdicts } : {}),
  });
}

interface Ending {
  readonly node: number;
  readonly status: number;
}

/** Verdicts of the open terms among the edges that one fact follows. */
export function verdictsAfter(
  walking: Walking,
  window: { readonly source: number; readonly from: number },
  ending?: Ending,
): Verdict[] {
  const { edges, terms, termStart } = walking.graph;
  const first = (edges.start[window.source] ?? 0) + window.from;
  const last = Math.min(edges.start[window.source + 1] ?? 0, first + SPREAD);
  const verdicts: Verdict[] = [];
  for (let edge = first; edge < last; edge++) {
    if ((edges.info[edge] ?? 0) >> 11 !== TO_TERM) continue;
    const at = edges.target[edge] ?? 0;
    const term = terms[at];
    if (!term || !isOpenTerm(walking.draft, at)) continue;
    const verdict = judge(walking, term, ending);
    if (!verdict) continue;
    const { id } = nodeOf(walking.graph, term.owner);
    verdicts.push({ node: id, term: at - (termStart[term.owner] ?? 0), ...verdict });
  }
  return verdicts;
}

function judge(
  walking: Walking,
  term: Term,
  ending: Ending | undefined,
): Pick<Verdict, 'truth' | 'message'> | undefined {
  const missing = walking.missing.size;
  const { truth, because } = asTruth(evaluate(term.expr, variables(walking, ending)));
  if (truth === 'true' || truth === 'never') return { truth };
  const message = `${term.where}: {{ ${term.text} }}: ${because ?? 'it cannot be decided'}`;
  if (truth === 'error') return { truth, message };
  if (walking.missing.size > missing || term.payloads.length > 0) return undefined;
  const waits = term.sources.some((source) => knownStatus(walking, source, ending) < COMPLETED);
  // Every node it names has ended: what is open now is open for ever, which must not hold up the run (W6).
  return waits ? undefined : { truth: 'error', message };
}

function knownStatus(walking: Walking, node: number, ending: Ending | undefined): number {
  if (ending?.node === node) return ending.status;
  return walking.draft.nodes.get(node)?.status ?? 0;
}

/** What expressions of conditions and bindings find. */
export function variables(walking: Walking, ending?: Ending): Variables {
  const { context, graph, draft } = walking;
  return {
    input: context.inputs,
    system: context.system,
    node(id): Known {
      const node = graph.index.get(id);
      if (node === undefined) return { is: 'never', because: `there is no node "${id}"` };
      const status = knownStatus(walking, node, ending);
      if (!isEnd(status)) return { is: 'not_yet' };
      if (status !== COMPLETED) {
        return { is: 'never', because: `"${id}" ended ${statusName(status)}` };
      }
      const outputs = outputsOf(walking, node);
      return outputs ? { is: 'outputs', outputs } : { is: 'not_yet' };
    },
    payload(event): Known {
      const { externals } = draft.head;
      if (!Object.hasOwn(externals, event)) return { is: 'not_yet' };
      const value = externals[event] ?? null;
      return { is: 'outputs', outputs: isObject(value) ? value : {} };
    },
    file: { uri: fileName, path: fileName },
    ...(context.list ? { list: (ref: Json) => listOf(walking, ref) } : {}),
  };
}

/** Where a file lies is known only where a program runs; a check needs no more than that it is a text. */
function fileName(): string {
  return 'file';
}

function outputsOf(walking: Walking, node: number): Outputs | undefined {
  const here = walking.outputs.get(node);
  if (here) return here;
  const { id, executor, forEach } = nodeOf(walking.graph, node);
  const seeded = walking.draft.isSeed(node);
  if (executor.kind === 'join' && forEach === undefined && !seeded) return {};
  const outputs = walking.context.outputs(id);
  if (!outputs) walking.missing.set(`node ${id}`, { node: id });
  return outputs;
}

/** A list by reference; undefined, and noted as missing, when it is not at hand; undefined of any other value by reference. */
export function listOf(walking: Walking, ref: Json): readonly Json[] | undefined {
  if (isRef(ref) && ref.$ref.count === undefined) return undefined;
  const list = walking.context.list?.(ref);
  if (!list && walking.context.list) walking.missing.set(JSON.stringify(ref), { ref });
  return list;
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Only the members that have a value: facts do not spell out what is absent. */
export function given<T extends { readonly [name: string]: unknown }>(members: T): Given<T> {
  const found: Given<T> = {};
  for (const name in members) {
    const value = members[name];
    if (isThere(value)) found[name] = value;
  }
  return found;
}

function isThere<T>(value: T): value is Exclude<T, undefined> {
  return value !== undefined;
}
