// Facts about instances of a forEach node: ranges of them. The node's record counts them, so that nothing ever has to go
// through all of them; those that never started have no record at all.
import { Defect } from '#errors/families.ts';
import type { Fact } from '#schemas/run.ts';
import { takePlaces } from './places.ts';
import { FRESH_INSTANCE, type InstanceRecord, type Instances } from './records.ts';
import type { Draft } from './state.ts';
import { emptyVector } from './vector.ts';
import {
  CANCELLED,
  COMPLETED,
  END_NUMBER,
  FAILED,
  READY,
  RETRYING,
  RUNNING,
  SKIPPED,
  STOPPING,
  TIMED_OUT,
} from './words.ts';

type InstanceFact = Extract<
  Fact,
  { fact: 'ready' | 'started' | 'retrying' | 'stopping' | 'ended' }
>;

/** Characters of an instance's message that the state keeps. */
const KEPT = 500;

/** A forEach node was given its instances. */
export function expand(draft: Draft, node: number, count: number): void {
  const each: Instances = {
    count,
    next: 0,
    cut: count,
    running: 0,
    stopping: 0,
    retrying: 0,
    ready: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    first: -1,
    top: 0,
    records: emptyVector(),
  };
  draft.put(node, { ...draft.record(node), each });
}

/** Applies a fact that names instances of `node`. */
export function applyInstances(draft: Draft, node: number, fact: InstanceFact): void {
  const record = draft.record(node);
  if (!record.each)
    throw new Defect(`fact "${fact.fact}" names instances of node ${node}, which has none`);
  const [first, last] = rangeOf(fact);
  const each = { ...record.each };
  if (fact.fact === 'ended' && fact.status === 'skipped') each.cut = first;
  else {
    const places = each.running + each.stopping;
    for (let index = first; index <= last; index++) {
      const before = draft.instance(node, index);
      const after = changed(before, fact);
      recount(each, before.status, -1);
      recount(each, after.status, 1);
      if (after.attempt > each.top) each.top = after.attempt;
      if (isFailure(after.status) && (each.first < 0 || index < each.first)) each.first = index;
      draft.putInstance(node, index, after);
    }
    if (first <= each.next && last >= each.next) each.next = last + 1;
    const taken = each.running + each.stopping - places;
    if (taken !== 0) takePlaces(draft, node, taken);
  }
  draft.put(node, { ...record, each, deadline: draft.instances(node).earliest() });
}

function rangeOf(fact: InstanceFact): readonly [number, number] {
  if (fact.fact === 'retrying') return [fact.instance ?? 0, fact.instance ?? 0];
  return fact.instances ?? [0, -1];
}

function changed(before: InstanceRecord, fact: InstanceFact): InstanceRecord {
  switch (fact.fact) {
    case 'ready':
      return { ...before, status: READY, deadline: 0 };
    case 'started':
      return {
        ...before,
        status: RUNNING,
        attempt: fact.attempt,
        deadline: fact.deadline ?? 0,
        reason: undefined,
        message: undefined,
      };
    case 'retrying':
      return {
        ...before,
        status: RETRYING,
        deadline: fact.next,
        interruptions: before.interruptions + (fact.result === 'interrupted' ? 1 : 0),
        reason: fact.reason,
        message: fact.message?.slice(0, KEPT),
      };
    case 'stopping':
      return {
        ...before,
        status: STOPPING,
        deadline: fact.deadline,
        reason: fact.reason,
        message: fact.message?.slice(0, KEPT),
      };
    case 'ended':
      return {
        ...FRESH_INSTANCE,
        status: END_NUMBER[fact.status],
        attempt: fact.attempt,
        reason: fact.reason,
        message: fact.message?.slice(0, KEPT),
        exitCode: fact.exitCode,
      };
  }
}

type Counters = { -readonly [K in keyof Instances]: Instances[K] };

function recount(each: Counters, status: number, by: number): void {
  if (status === RUNNING) each.running += by;
  else if (status === STOPPING) each.stopping += by;
  else if (status === RETRYING) each.retrying += by;
  else if (status === READY) each.ready += by;
  else if (status === COMPLETED) each.completed += by;
  else if (status === CANCELLED || status === SKIPPED) each.cancelled += by;
  else if (isFailure(status)) each.failed += by;
}

function isFailure(status: number): boolean {
  return status === FAILED || status === TIMED_OUT;
}
