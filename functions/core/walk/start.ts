// Starts what is ready, in plan order, as far as places allow. Asked at that moment, and only once for a node: its prepare
// nodes, `skipWhen`, `stopWhen`, and whether its templates can be evaluated.
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { renderBinding } from '../expression/template.ts';
import type { Evaluated } from '../expression/types.ts';
import { tooLargeToRead } from '../expression/values.ts';
import { approvalOf } from './approvals.ts';
import { askSkip } from './ask.ts';
import { bindsInstances, checkBindings } from './bindings.ts';
import { nodeOf } from './graph.ts';
import { freePlaces } from './places.ts';
import { FLAG_UNPREPARED } from './records.ts';
import { isEnd } from './state.ts';
import { isForbiddenIn } from './stop.ts';
import { MARK_A } from './vector.ts';
import { end, listOf, mayChange, tell, variables, type Walking } from './walking.ts';
import { COMPLETED, ERROR, RUNNING, statusName, TRUE } from './words.ts';

/** Starts ready nodes in plan order. Answers how many nodes were looked at. */
export function startReady(walking: Walking): number {
  const { head, ready } = walking.draft;
  if (head.phase !== 'running' || head.stopping !== undefined) return 0;
  const queue = openGroups(walking);
  let taken = 0;
  for (;;) {
    const next = queue.pop();
    if (!next) return taken;
    if (freePlaces(walking.draft, next.group) === 0) continue;
    if (!mayChange(walking) || walking.started >= walking.context.bounds.starts) {
      walking.left = true;
      return taken;
    }
    const facts = walking.facts.length;
    takeNode(walking, next.node);
    if (walking.facts.length > facts) taken++;
    const rank = ready.next(next.rank + 1);
    queue.push(candidate(walking, rank, next.group));
  }
}

interface Candidate {
  readonly node: number;
  readonly rank: number;
  readonly group: number;
}

/** The first ready node of each group that has a place, as a heap by plan order. */
function openGroups(walking: Walking): Heap {
  const { groups, plan } = walking.graph;
  const { ready } = walking.draft;
  const heap = new Heap();
  let rank = ready.next(0);
  while (rank >= 0) {
    const group = plan.nodes[groups.nodeAt[rank] ?? 0]?.group ?? 0;
    if (freePlaces(walking.draft, group) > 0 && !isForbiddenIn(walking, group))
      heap.push(candidate(walking, rank, group));
    rank = ready.next(groups.ownEnd[group] ?? rank + 1);
  }
  return heap;
}

function candidate(walking: Walking, rank: number, group: number): Candidate | undefined {
  const { groups } = walking.graph;
  if (rank < 0 || rank >= (groups.ownEnd[group] ?? 0)) return undefined;
  return { node: groups.nodeAt[rank] ?? 0, rank, group };
}

/** A binary heap of candidates, the first in plan order on top. */
class Heap {
  readonly #items: Candidate[] = [];

  push(item: Candidate | undefined): void {
    if (!item) return;
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#node(above) <= item.node) break;
      items[at] = items[above] ?? item;
      at = above;
    }
    items[at] = item;
  }

  pop(): Candidate | undefined {
    const items = this.#items;
    const [top] = items;
    const last = items.pop();
    if (!last || items.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const lower = this.#node(left + 1) < this.#node(left) ? left + 1 : left;
      const below = items[lower];
      if (!below || below.node >= last.node) break;
      items[at] = below;
      at = lower;
    }
    items[at] = last;
    return top;
  }

  #node(at: number): number {
    return this.#items[at]?.node ?? Number.POSITIVE_INFINITY;
  }
}

function takeNode(walking: Walking, node: number): void {
  const { draft } = walking;
  const record = draft.nodes.get(node);
  if (record && isEnd(record.status)) {
    draft.ready.set(walking.graph.groups.rankOf[node] ?? 0, false);
    return;
  }
  if (isForbiddenIn(walking, nodeOf(walking.graph, node).group)) return;
  if (record?.each) startInstances(walking, node);
  else if (record && record.attempt > 0) launch(walking, node, record.attempt + 1);
  else if (mayBegin(walking, node)) begin(walking, node);
}

/** Asks what is asked once, when a node would start. Ends the node, or notes what is missing, when the answer is no. */
function mayBegin(walking: Walking, node: number): boolean {
  const record = walking.draft.record(node);
  if ((record.flags & FLAG_UNPREPARED) !== 0) {
    const message = unprepared(walking, node);
    end(walking, node, { attempt: 0, status: 'failed', reason: 'environment_failed', message });
    return false;
  }
  const skip = askSkip(walking, node);
  if (skip.is === 'missing') return false;
  if (skip.is === 'error') return broken(walking, node, `skipWhen: ${skip.message}`);
  if (skip.is === 'true') {
    end(walking, node, { attempt: 0, status: 'skipped', reason: 'skip_when' });
    return false;
  }
  if (record.stop === TRUE) {
    end(walking, node, { attempt: 0, status: 'skipped', reason: 'stop_when' });
    return false;
  }
  if (record.stop === ERROR) return broken(walking, node, errorOf(walking, node, 'stopWhen'));
  return walking.graph.templates[node] === 0 || bindingsHold(walking, node);
}

/** Fails a node whose expressions cannot be evaluated: no attempt, no `started`, no retry. */
function broken(walking: Walking, node: number, message: string): false {
  end(walking, node, {
    attempt: 0,
    status: 'failed',
    reason: 'expression_error',
    message: message.slice(0, limits.messageLength),
  });
  return false;
}

/** The message of the first term of a condition that came to an error. */
export function errorOf(walking: Walking, node: number, where: 'startWhen' | 'stopWhen'): string {
  const { terms, termStart } = walking.graph;
  const first = termStart[node] ?? 0;
  const found = (walking.draft.record(node).errors ?? [])
    .filter(([term]) => terms[first + term]?.where === where)
    .toSorted(([one], [other]) => one - other);
  return found[0]?.[1] ?? `${where} cannot be evaluated`;
}

function unprepared(walking: Walking, node: number): string {
  for (const prepare of nodeOf(walking.graph, node).prepares ?? []) {
    const { status, message } = walking.draft.record(prepare);
    if (status === COMPLETED) continue;
    const { id } = nodeOf(walking.graph, prepare);
    // All that was said stands with the environment, once: many nodes may wait for it.
    const why = message?.split('\n', 1)[0];
    return `${id} ended ${statusName(status)}${why === undefined ? '' : `: ${why}`}`;
  }
  return 'its environment could not be prepared';
}

/** Variables of a node's templates: secrets count as there, files as texts. */
function scope(walking: Walking, node: number) {
  const record = walking.draft.record(node);
  const base = variables(walking);
  const system = { ...base.system, attempt: record.attempt + 1 };
  return { ...base, system, secret: () => 'secret' };
}

function bindingsHold(walking: Walking, node: number): boolean {
  const { graph } = walking;
  const missing = walking.missing.size;
  const result = checkBindings(graph.plan, nodeOf(graph, node), scope(walking, node), false);
  if (walking.missing.size > missing) return false;
  return result.is === 'value' || broken(walking, node, whyNot(result));
}

function whyNot(result: Evaluated): string {
  if (result.is === 'error') return result.message;
  if (result.is === 'never')
    return `it names a variable that can no longer come: ${result.because}`;
  return 'it names a variable that is not there yet';
}

function begin(walking: Walking, node: number): void {
  const { graph, now } = walking;
  const plan = nodeOf(graph, node);
  if (plan.forEach === undefined) {
    launch(walking, node, 1);
    return;
  }
  const list = listFor(walking, node);
  if (!list) return;
  tell(walking, { fact: 'expanded', at: now, node: plan.id, count: list.length });
  tell(walking, { fact: 'started', at: now, node: plan.id, attempt: 1 });
  if (list.length === 0) end(walking, node, { attempt: 1, status: 'completed' });
  else startInstances(walking, node);
}

/** The list of a forEach node; undefined after the node was failed, or when outputs are missing. */
function listFor(walking: Walking, node: number): readonly Json[] | undefined {
  const known = walking.lists.get(node);
  if (known) return known;
  const missing = walking.missing.size;
  const binding = nodeOf(walking.graph, node).forEach ?? [];
  const result = renderBinding(binding, scope(walking, node));
  if (walking.missing.size > missing) return undefined;
  if (result.is !== 'value') {
    broken(walking, node, `forEach: ${whyNot(result)}`);
    return undefined;
  }
  const list = asList(walking, result.value);
  if (walking.missing.size > missing) return undefined;
  if (typeof list === 'string') {
    broken(walking, node, list);
    return undefined;
  }
  walking.lists.set(node, list);
  return list;
}

/** The items, or what is wrong with the value. */
function asList(walking: Walking, value: Json): readonly Json[] | string {
  const tooLarge = tooLargeToRead(value);
  if (tooLarge !== undefined) return `forEach: the list ${tooLarge}`;
  const isRef = typeof value === 'object' && value !== null && '$ref' in value;
  const list = isRef ? listOf(walking, value) : value;
  if (!isList(list)) {
    const came = list === null || list === undefined ? 'null' : typeof list;
    return `forEach: came to ${isRef ? 'a value by reference' : came}, wanted a list`;
  }
  if (list.length <= limits.instances) return list;
  return `forEach: the list has ${list.length} items; at most ${limits.instances} are allowed`;
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** Decides an attempt of a node. A node without an executor has done its work when it starts. */
function launch(walking: Walking, node: number, attempt: number): void {
  const { graph, now } = walking;
  const plan = nodeOf(graph, node);
  walking.started++;
  tell(walking, { fact: 'started', at: now, node: plan.id, attempt, ...backstop(walking, node) });
  if (plan.executor.kind === 'join') end(walking, node, { attempt, status: 'completed' });
  else if (plan.executor.kind !== 'approval')
    walking.commands.push({ command: 'start-node', node: plan.id, attempt });
}

/**
 * The runner enforces the timeout of an attempt, from when it begins; the walker acts only when it does not. The deadline of an approval
 * is its own.
 */
function backstop(walking: Walking, node: number): { readonly deadline?: number } {
  const approval = approvalOf(walking.graph, node);
  if (approval)
    return approval.deadline === undefined ? {} : { deadline: walking.now + approval.deadline };
  const { timeout, executor } = nodeOf(walking.graph, node);
  if (timeout === undefined) return {};
  const waits = walking.context.waits?.(executor.kind) ?? 0;
  return { deadline: walking.now + waits + timeout + limits.backstop };
}

/** Starts instances of a forEach node: first those that are tried again, then new ones in ranges. */
function startInstances(walking: Walking, node: number): void {
  const { graph } = walking;
  const plan = nodeOf(graph, node);
  const own = plan.executor.kind !== 'join' && graph.templates[node] === 1;
  const checked = own && bindsInstances(graph.plan, plan);
  const list = checked ? listFor(walking, node) : undefined;
  if (checked && !list) return;
  while (startSome(walking, node, list)) {
    // As long as there is room.
  }
}

/** Starts one range of instances; false when there is no room, nothing to start, or something missing. */
function startSome(walking: Walking, node: number, list: readonly Json[] | undefined): boolean {
  const { draft } = walking;
  const room = roomFor(walking, node);
  const { each } = draft.record(node);
  if (!each) return false;
  if (room <= 0) {
    walking.left ||= isBounded(walking, node);
    return false;
  }
  if (each.ready > 0) {
    const index = draft.instances(node).next(MARK_A);
    startRange(walking, node, [index, index]);
    return true;
  }
  if (each.next >= each.cut) return false;
  const last = each.next + Math.min(room, each.cut - each.next) - 1;
  const range: [number, number] = [each.next, last];
  if (list) return startChecked(walking, node, { range, list });
  startRange(walking, node, range);
  return true;
}

function roomFor(walking: Walking, node: number): number {
  if (!mayChange(walking)) return 0;
  return Math.min(placesFor(walking, node), walking.context.bounds.starts - walking.started);
}

/** Nothing but the bounds of this walk is in the way of further instances: the next one goes on. */
function isBounded(walking: Walking, node: number): boolean {
  const { each } = walking.draft.record(node);
  return placesFor(walking, node) > 0 && !!each && (each.ready > 0 || each.next < each.cut);
}

/** Instances that `maxParallel` and the groups still allow. */
function placesFor({ draft, graph }: Walking, node: number): number {
  const plan = nodeOf(graph, node);
  const record = draft.record(node);
  if (!record.each || record.status !== RUNNING) return 0;
  const own =
    (plan.maxParallel ?? Number.POSITIVE_INFINITY) - record.each.running - record.each.stopping;
  return Math.min(own, freePlaces(draft, plan.group));
}

function startRange(walking: Walking, node: number, instances: [number, number]): void {
  const { draft, graph, now } = walking;
  const { id, executor } = nodeOf(graph, node);
  const attempt = draft.instance(node, instances[0]).attempt + 1;
  const count = instances[1] - instances[0] + 1;
  walking.started += count;
  const deadline = backstop(walking, node);
  tell(walking, { fact: 'started', at: now, node: id, instances, attempt, ...deadline });
  if (executor.kind === 'join') {
    tell(walking, { fact: 'ended', at: now, node: id, instances, attempt, status: 'completed' });
  } else if (executor.kind !== 'approval')
    walking.commands.push({ command: 'start-node', node: id, instances, attempt });
}

/** Starts the instances of a range up to the first whose templates cannot be evaluated, which fails. */
function startChecked(
  walking: Walking,
  node: number,
  what: { readonly range: readonly [number, number]; readonly list: readonly Json[] },
): boolean {
  const { graph, now } = walking;
  const plan = nodeOf(graph, node);
  const [first, last] = what.range;
  const missing = walking.missing.size;
  const common = scope(walking, node);
  for (let index = first; index <= last; index++) {
    const local = { item: what.list[index] ?? null, index };
    const result = checkBindings(graph.plan, plan, { ...common, local }, true);
    if (walking.missing.size > missing) return false;
    if (result.is === 'value') continue;
    if (index > first) startRange(walking, node, [first, index - 1]);
    tell(walking, {
      fact: 'ended',
      at: now,
      node: plan.id,
      instances: [index, index],
      attempt: 0,
      status: 'failed',
      reason: 'expression_error',
      message: whyNot(result).slice(0, limits.messageLength),
    });
    return true;
  }
  startRange(walking, node, [first, last]);
  return true;
}
