// What every use case works with: the ports, and what one process remembers of runs.
import type { Graph } from '#core/walk/graph.ts';
import type { State } from '#core/walk/state.ts';
import type { Jobs } from '#ports/jobs.ts';
import type { Objects } from '#ports/objects.ts';
import type { Alarms, Clock, Ids, Secrets } from '#ports/small.ts';
import type { Table } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Fact } from '#schemas/run.ts';
import type { RunStart } from '#schemas/run-start.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import type { Bells } from './bell.ts';
import { type RunRef, runKey } from './keys.ts';

/** The ports a service stands on. */
export interface Ports {
  readonly table: Table;
  readonly objects: Objects;
  readonly jobs: Jobs;
  readonly alarms: Alarms;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly bells: Bells;
}

/** A plan with what was derived from it, kept by digest. */
export interface Linked {
  readonly plan: Plan;
  readonly graph: Graph;
}

/** What a process remembers of a run. All of it can be had again from the table. */
export interface RunMemory {
  readonly ref: RunRef;
  readonly start: RunStart;
  readonly linked: Linked;
  /** Outputs of completed nodes and instances, by address. */
  readonly outputs: Map<string, Outputs>;
  /** Lists by reference, by object key; lists of forEach nodes, by node. */
  readonly lists: Map<string, readonly Json[]>;
  /** The state as it was saved last by this process, good while `HEAD` says the same sequence. */
  saved: { readonly sequence: number; readonly state: State } | undefined;
}

export interface Service extends Ports {
  readonly plans: Map<string, Linked>;
  readonly runs: Map<string, RunMemory>;
  /** Lists that this process has entered something in: months and namespaces that have runs. */
  readonly listed: Set<string>;
  /** Told after a save, in order, for those who follow a run from this process. */
  readonly committed: (ref: RunRef, sequence: number, facts: readonly Fact[]) => void;
  /**
   * Sees to it that somebody walks a sub-run: a new one, or one that another process left, which is adopted first. It is rung
   * afterwards. May be asked again of a run that is walked already.
   */
  readonly takeUp: (ref: RunRef, how: 'new' | 'adopt') => Promise<void>;
}

/** A run in the hands of a use case. */
export interface Held {
  readonly service: Service;
  readonly ref: RunRef;
  readonly memory: RunMemory;
}

/** A service over these ports that remembers nothing yet. */
export function createService(
  ports: Ports,
  committed: Service['committed'] = () => {},
  takeUp: Service['takeUp'] = async () => {},
): Service {
  const remembered = { plans: new Map(), runs: new Map(), listed: new Set<string>() };
  return { ...ports, ...remembered, committed, takeUp };
}

/** Forgets what is remembered of a run that is over. */
export function forget(service: Service, ref: RunRef): void {
  service.runs.delete(runKey(ref));
  service.bells.forget(ref);
}

/** What is remembered of a run. Where all that is remembered may go, the run that was asked for longest ago goes first. */
export function rememberedRun({ runs, bells }: Service, ref: RunRef): RunMemory | undefined {
  const key = runKey(ref);
  const known = runs.get(key);
  if (known === undefined || bells.durable !== true) return known;
  runs.delete(key);
  runs.set(key, known);
  return known;
}

/**
 * Remembers a run, and of those that are not walked by this process alone no more than the bound: readers come back to few of them, and
 * a function that is called for many runs must not grow with each.
 */
export function rememberRun(service: Service, ref: RunRef, memory: RunMemory): void {
  const { runs, bells } = service;
  runs.set(runKey(ref), memory);
  // Two looks for each one that comes are enough to get below the bound, however many are under way.
  for (let look = 0; look < 2 && runs.size > limits.rememberedRuns; look += 1) {
    const [key, oldest] = runs.entries().next().value ?? [];
    if (key === undefined || oldest === undefined) return;
    runs.delete(key);
    if (isUnderWay(oldest) && bells.durable !== true) runs.set(key, oldest);
    else service.bells.forget(oldest.ref);
  }
}

/** Remembers a plan; the one that came first goes when there are too many. */
export function rememberPlan({ plans }: Service, digest: string, linked: Linked): void {
  plans.set(digest, linked);
  if (plans.size <= limits.rememberedPlans) return;
  const [first] = plans.keys();
  if (first !== undefined) plans.delete(first);
}

const isUnderWay = ({ saved }: RunMemory): boolean =>
  saved !== undefined && saved.state.head.phase !== 'ended';
