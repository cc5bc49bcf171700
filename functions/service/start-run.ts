// Starts a run: everything it needs is written in one transaction, then it is rung.
import { canonical, digestOf, digestOfCanonical } from '#core/compile/canonical.ts';
import { encode } from '#core/walk/codec.ts';
import { link } from '#core/walk/graph.ts';
import { initialState } from '#core/walk/state.ts';
import { Rejected } from '#errors/families.ts';
import type { Write } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { type Plan, plan as planSchema } from '#schemas/plan.ts';
import type { RunStart, StepSeed } from '#schemas/run-start.ts';
import type { Json } from '#schemas/values.ts';
import { newBell } from './bell.ts';
import type { RunRequest } from './control.ts';
import {
  activeKey,
  headKey,
  monthOf,
  monthsKey,
  namespaceKey,
  planObject,
  type RunRef,
  startKey,
  summaryKey,
} from './keys.ts';
import { type Linked, rememberPlan, type Service } from './service.ts';

/** What a retry adds to a request. */
export interface Origin {
  readonly retryOf?: string;
  /** Nodes that are worked anew although they are cached. */
  readonly anew?: readonly string[];
  readonly seeds?: readonly { readonly node: string; readonly run: string }[];
  /** Operators of nodes that are done again. */
  readonly stepSeeds?: readonly StepSeed[];
  /** External events that happened in the earlier run. */
  readonly external?: readonly { name: string; payload?: Json; key?: string }[];
}

/**
 * Creates a run and rings it.
 *
 * @returns the new run; it is durable
 * @throws Conflict `condition_failed` when there is a run with the id that was asked for
 * @throws Rejected `invalid` when the plan is not one this version reads
 */
export async function startRun(
  service: Service,
  namespace: string,
  request: RunRequest,
  origin: Origin = {},
): Promise<RunRef> {
  const parsed = planSchema.safeParse(request.plan);
  if (!parsed.success)
    throw new Rejected(
      'invalid',
      `this is no plan that this version reads: ${parsed.error.issues[0]?.message ?? ''}`,
    );
  const plan = parsed.data;
  const text = canonical(plan as Json);
  const digest = digestOfCanonical(text);
  const linked = service.plans.get(digest) ?? { plan, graph: link(plan) };
  rememberPlan(service, digest, linked);
  await service.objects.put(planObject(namespace, digest), new TextEncoder().encode(text), {
    mediaType: 'application/json',
  });
  await keepSubPlans(service, namespace, plan, request.plans ?? []);
  const ref: RunRef = { namespace, run: request.run ?? service.ids.ulid() };
  const at = service.clock.now();
  const start = startOf(ref, request, origin, { plan: digest, pipeline: plan.id, at });
  const items = [...newRunItems(ref, start, linked), ...(await listings(service, ref))];
  await service.table.transact([...items, ...(await carriedAhead(service, ref, origin, items))]);
  await service.bells.ring(ref);
  return ref;
}

/**
 * Events that are carried over from an earlier run. Where there are too many for one transaction they are written before the run is
 * there: nobody can look into it yet, and should this process die now they are items of no run.
 */
async function carriedAhead(
  { table }: Service,
  ref: RunRef,
  { external = [] }: Origin,
  items: readonly Write[],
): Promise<readonly Write[]> {
  const writes = external.map(
    (event, index): Write => ({
      write: 'put',
      item: {
        pk: startKey(ref).pk,
        sk: `IN#x#carried-${String(index).padStart(6, '0')}`,
        v: FORMAT,
        at: index,
        event: { event: 'external', ...event },
      },
    }),
  );
  const most = table.bounds.transactItems;
  if (items.length + writes.length <= most) return writes;
  for (let from = 0; from < writes.length; from += most)
    await table.transact(writes.slice(from, from + most));
  return [];
}

/** Keeps the plans of the pipelines that nodes run; each that is named must be given, or be kept already. */
async function keepSubPlans(
  service: Service,
  namespace: string,
  plan: Plan,
  given: readonly Json[],
): Promise<void> {
  const named = new Set(subPlansOf(plan));
  const known = new Set<string>();
  for (const json of given) {
    const parsed = planSchema.safeParse(json);
    if (!parsed.success)
      throw new Rejected(
        'invalid',
        `a plan of a sub-pipeline is none that this version reads: ${parsed.error.issues[0]?.message ?? ''}`,
      );
    const text = canonical(parsed.data as Json);
    const digest = digestOf(parsed.data);
    known.add(digest);
    for (const other of subPlansOf(parsed.data)) named.add(other);
    await service.objects.put(planObject(namespace, digest), new TextEncoder().encode(text), {
      mediaType: 'application/json',
    });
  }
  for (const digest of named) {
    if (known.has(digest)) continue;
    if ((await service.objects.info(planObject(namespace, digest))) === undefined)
      throw new Rejected(
        'invalid',
        `the plan ${digest}, which a node of ${plan.id} runs, is not given`,
      );
  }
}

const subPlansOf = (plan: Plan): readonly string[] =>
  plan.nodes.flatMap(({ executor }) => (executor.kind === 'pipeline' ? [executor.digest] : []));

function startOf(
  ref: RunRef,
  request: RunRequest,
  origin: Origin,
  about: { plan: string; pipeline: string; at: number },
): RunStart {
  const given = {
    with: request.with,
    folder: request.folder,
    file: request.file,
    allowEnv: request.allowEnv === undefined ? undefined : [...request.allowEnv],
    offline: request.offline,
    workDir: request.workDir,
    workDirs: request.workDirs,
    warnings: request.warnings,
    anew: request.anew ?? (origin.anew === undefined ? undefined : [...origin.anew]),
    timeout: request.timeout,
    retryOf: origin.retryOf,
    seeds: origin.seeds === undefined ? undefined : [...origin.seeds],
    stepSeeds: origin.stepSeeds?.length === 0 ? undefined : origin.stepSeeds,
  };
  const present = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  return {
    v: FORMAT,
    ...ref,
    ...about,
    inputs: request.inputs,
    sources: request.sources,
    ...present,
  };
}

/**
 * The month and the namespace of a new run, where they are not listed yet. Runs that start at the same moment would stand in each
 * other's way with these items: where that can be they are written ahead, once by each process. Sub-runs are of their parent's month.
 */
async function listings(service: Service, ref: RunRef): Promise<readonly Write[]> {
  const { table, listed } = service;
  const keys = [
    { pk: monthsKey(ref.namespace), sk: monthOf(ref.run) },
    namespaceKey(ref.namespace),
  ].filter(({ pk, sk }) => !listed.has(`${pk} ${sk}`));
  const writes = keys.map((key): Write => ({ write: 'put', item: { ...key, v: FORMAT } }));
  if (writes.length === 0 || table.bounds.transactItems > limits.transactItems) return writes;
  for (const write of writes) await table.transact([write]);
  for (const { pk, sk } of keys) listed.add(`${pk} ${sk}`);
  return [];
}

/** What a run begins with in the table, all in one transaction. */
export function newRunItems(ref: RunRef, start: RunStart, { plan, graph }: Linked): Write[] {
  const { at } = start;
  const timeout = start.timeout ?? plan.groups[0]?.timeout ?? limits.runTimeout;
  const { head } = encode(initialState(graph, { timeout, seeds: start.seeds ?? [] }));
  const summary = {
    pipeline: start.pipeline,
    status: 'running',
    startedAt: at,
    ...(start.file === undefined ? {} : { file: start.file }),
    ...(start.retryOf === undefined ? {} : { retryOf: start.retryOf }),
    ...(start.parent === undefined ? {} : { parent: start.parent.run }),
  };
  const fresh = { exists: false };
  return [
    { write: 'put', item: { ...startKey(ref), v: FORMAT, start }, if: fresh },
    { write: 'put', item: newBell(ref, at), if: fresh },
    {
      write: 'put',
      item: { ...headKey(ref), v: FORMAT, at, sequence: 0, outbox: [], head },
      if: fresh,
    },
    { write: 'put', item: { ...summaryKey(ref), v: FORMAT, ...summary }, if: fresh },
    { write: 'put', item: { ...activeKey(ref), v: FORMAT, at } },
  ];
}
