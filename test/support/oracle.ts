// What a run must come to, found the slow and obvious way from the rules of the design ("Meaning, settled"). Knows nothing of
// the order in which nodes end: it asks every condition again whenever something has ended, until nothing changes.
// Covers what does not depend on order: no fail-fast, no stopWhen, no cancel, no timeouts but the run's own.

import { UNDECIDED } from '#core/walk/approvals.ts';
import { Defect } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Reason } from '#schemas/reasons.ts';
import type { AttemptResult, EndStatus, RunEnd } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import { evaluated, judge, type NodeEnd, type World } from './oracle-truth.ts';
import { handledBy, wildcardSources } from './oracle-wildcards.ts';
import type { Sketch, SketchNode, SubSketch } from './sketch.ts';

export interface Expected {
  readonly run: { readonly status: RunEnd; readonly reason?: Reason };
  /** By index of the sketch's nodes. What a `prepare` node comes to is nobody's business. */
  readonly nodes: readonly NodeEnd[];
  /** What it gives, of one that completed and says so; undefined too where that cannot be evaluated. */
  readonly outputs?: { readonly [name: string]: Json };
}

/** What the run of a sketch must come to, whatever the order. */
export function expected(sketch: Sketch): Expected {
  const sources = wildcardSources(sketch);
  const ends = new Map<number, NodeEnd>();
  const world: World = { sketch, ends, sources };
  for (const [node, outputs] of sketch.seeds) ends.set(node, seeded(outputs));
  while (decideMore(world)) {
    // Once more, until nothing changes.
  }
  const waitsForOutside = sketch.nodes.some((_, index) => !ends.has(index));
  if (waitsForOutside) timeUp(sketch, ends);
  const nodes = sketch.nodes.map((node, index) => ends.get(index) ?? undecided(node.id));
  const run = runEnd(sketch, nodes, waitsForOutside);
  const outputs = run.status === 'completed' ? given(world) : undefined;
  return { run, nodes, ...(outputs === undefined ? {} : { outputs }) };
}

/** What did not complete gives null. */
function given(world: World): { [name: string]: Json } | undefined {
  const all = Object.entries(world.sketch.outputs ?? {}).map(([name, expr]) => ({
    name,
    value: evaluated(world, expr),
  }));
  if (all.some(({ value }) => value.is === 'error')) return undefined;
  return Object.fromEntries(
    all.map(({ name, value }) => [name, value.is === 'value' ? value.value : null]),
  );
}

/** A run of another sketch, as an attempt of the node that it is the work of. */
function subRunEnding(by: SubSketch, item: Json | undefined): AttemptResult {
  const inner = expected(subSketch(by, item));
  if (inner.run.status === 'timed_out') return { result: 'timed_out', message: 'took too long' };
  if (inner.run.status !== 'completed')
    return { result: 'failed', reason: 'sub_run_failed', message: 'its run failed' };
  if (inner.outputs !== undefined) return { result: 'completed', outputs: inner.outputs };
  return { result: 'failed', reason: 'expression_error', message: 'what it gives is an error' };
}

/** The sketch with the inputs that an instance is given; the item of a list by reference stands under `k`. */
export function subSketch({ sketch, inputs }: SubSketch, item: Json | undefined): Sketch {
  const number = typeof item === 'object' && item !== null && 'k' in item ? item['k'] : item;
  const values = Object.entries(inputs).map(([name, value]): [string, Json] => [
    name,
    value === 'item' ? (number ?? null) : value,
  ]);
  return { ...sketch, inputs: { ...sketch.inputs, ...Object.fromEntries(values) } };
}

function seeded(outputs: { readonly [name: string]: Json }): NodeEnd {
  return {
    status: 'completed',
    attempts: 0,
    started: false,
    retried: false,
    outputs,
    seeded: true,
  };
}

/** A condition may be open for good only because it waits for an event from outside that never comes. */
function timeUp(sketch: Sketch, ends: Map<number, NodeEnd>): void {
  for (const [index, node] of sketch.nodes.entries()) {
    if (!ends.has(index) && node.kind !== 'prepare') ends.set(index, never('run_timeout'));
  }
}

function undecided(id: string): never {
  throw new Defect(`the oracle could not decide node "${id}"`);
}

function decideMore(world: World): boolean {
  let changed = false;
  for (const [index, node] of world.sketch.nodes.entries()) {
    if (world.ends.has(index)) continue;
    const end = endOf(world, index, node);
    if (end === undefined) continue;
    world.ends.set(index, end);
    changed = true;
  }
  return changed;
}

/** How the node ends, or undefined as long as that is open. */
function endOf(world: World, index: number, node: SketchNode): NodeEnd | undefined {
  const start = startTruth(world, index, node);
  if (start === 'open') return undefined;
  if (start === 'never') return never('condition_never');
  if (start === 'error') return broken();
  const prepares = (node.prepares ?? []).map((prepare) => world.ends.get(prepare));
  if (prepares.some((prepare) => prepare === undefined)) return undefined;
  if (prepares.some((prepare) => prepare?.status !== 'completed')) {
    return { ...broken(), reason: 'environment_failed' };
  }
  if (node.skip !== undefined) {
    const skip = judge(world, index, node.skip);
    if (skip === 'open') throw new Defect(`skipWhen of "${node.id}" is open when the node starts`);
    if (skip === 'true') return never('skip_when');
    if (skip === 'error') return broken();
  }
  for (const expr of Object.values(node.inputs ?? {})) {
    if (evaluated(world, expr).is !== 'value') return broken();
  }
  return worked(node);
}

function startTruth(world: World, index: number, node: SketchNode): ReturnType<typeof judge> {
  if (node.start !== undefined) return judge(world, index, node.start);
  const needs = (node.needs ?? []).map((need) => world.ends.get(need));
  if (needs.some((need) => need !== undefined && need.status !== 'completed')) return 'never';
  return needs.some((need) => need === undefined) ? 'open' : 'true';
}

const never = (reason: Reason): NodeEnd => ({
  status: 'skipped',
  reason,
  attempts: 0,
  started: false,
  retried: false,
});

const broken = (): NodeEnd => ({
  status: 'failed',
  reason: 'expression_error',
  attempts: 0,
  started: false,
  retried: false,
});

function worked(node: SketchNode): NodeEnd {
  if (node.forEach !== undefined) return fannedOut(node, node.forEach.length);
  if (node.kind === 'join') {
    return { status: 'completed', attempts: 1, started: true, retried: false, outputs: {} };
  }
  return attempts(node, endingsOf(node, 0));
}

/** Every attempt of a sub-run is the same run again. */
function endingsOf(node: SketchNode, instance: number): readonly AttemptResult[] {
  if (typeof node.by === 'object') return [subRunEnding(node.by, node.forEach?.[instance])];
  return node.endings[instance] ?? [];
}

function fannedOut(node: SketchNode, count: number): NodeEnd {
  const instances = Array.from({ length: count }, (_, index) =>
    attempts(node, endingsOf(node, index)),
  );
  const most = Math.max(1, ...instances.map((instance) => instance.attempts));
  const base = { attempts: most, started: true, retried: false, instances };
  if (instances.some((instance) => instance.status !== 'completed')) {
    const reason = node.kind === 'approval' ? 'rejected' : 'instance_failed';
    return { ...base, status: 'failed', reason };
  }
  return {
    ...base,
    status: 'completed',
    outputs: { items: instances.map((instance) => instance.outputs ?? {}) },
  };
}

function attempts(node: SketchNode, endings: readonly AttemptResult[]): NodeEnd {
  let interruptions = 0;
  for (let attempt = 1; ; attempt++) {
    const ending = endings[Math.min(attempt, endings.length) - 1];
    if (ending === undefined) throw new Defect(`node "${node.id}" has no ending`);
    const base = { attempts: attempt, started: true, retried: attempt > 1 };
    if (node.kind === 'approval' && ending.result === 'timed_out') return undecidedEnd(node, base);
    if (ending.result === 'completed') {
      return { ...base, status: 'completed', outputs: ending.outputs };
    }
    if (ending.result === 'interrupted') {
      interruptions++;
      const refused = node.retry !== undefined && !node.retry.on.includes('interrupted');
      if (!refused && interruptions <= limits.interruptions) continue;
      return { ...base, status: 'failed', reason: 'interrupted' };
    }
    const tries = attempt - interruptions;
    if (
      node.retry !== undefined &&
      tries < node.retry.maxAttempts &&
      isRetried(node.retry.on, ending)
    ) {
      continue;
    }
    return { ...base, ...finalOf(ending) };
  }
}

/** Nobody decides: what counts then was said beforehand. */
function undecidedEnd(
  node: SketchNode,
  base: Pick<NodeEnd, 'attempts' | 'started' | 'retried'>,
): NodeEnd {
  if (node.onDeadline === 'approve') return { ...base, status: 'completed', outputs: UNDECIDED };
  return { ...base, status: 'failed', reason: 'rejected' };
}

function finalOf(ending: AttemptResult): { status: EndStatus; reason?: Reason } {
  if (ending.result === 'failed') return { status: 'failed', reason: ending.reason };
  if (ending.result === 'timed_out') return { status: 'timed_out', reason: 'timeout' };
  return { status: 'cancelled' };
}

const TRIED_AGAIN: readonly Reason[] = ['exit', 'function_failed', 'sql_failed', 'sub_run_failed'];

function isRetried(classes: readonly string[], ending: AttemptResult): boolean {
  if (ending.result === 'timed_out') return classes.includes('timed_out');
  if (ending.result !== 'failed') return false;
  return classes.some((each) => {
    if (each === 'failed') return TRIED_AGAIN.includes(ending.reason);
    if (each === 'out_of_memory') return ending.reason === 'out_of_memory';
    const [, low, high] = /^exit:(\d+)(?:-(\d+))?$/.exec(each) ?? [];
    if (low === undefined || ending.exitCode === undefined) return false;
    return ending.exitCode >= Number(low) && ending.exitCode <= Number(high ?? low);
  });
}

function runEnd(
  sketch: Sketch,
  nodes: readonly NodeEnd[],
  timedOut: boolean,
): { status: RunEnd; reason?: Reason } {
  if (timedOut) return { status: 'timed_out', reason: 'run_timeout' };
  const unhandled = nodes.some((end, index) => {
    if (end.status !== 'failed' && end.status !== 'timed_out') return false;
    if (sketch.nodes[index]?.kind === 'prepare') return false;
    return !handledBy(sketch, index, end).some((handler) => nodes[handler]?.status === 'completed');
  });
  return unhandled ? { status: 'failed', reason: 'node_failed' } : { status: 'completed' };
}
