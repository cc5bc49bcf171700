// Work that is done by jobs on Batch and by functions on Lambda. What is started is a message of the submit queue, so that a rate
// can be kept and no namespace holds up another; what runs is found by its name.
//
// Other than on one machine: programs that are stopped have half a minute at most, whatever grace they were promised, and calls of
// functions cannot be stopped: what comes of them counts for nothing.
import type { BatchClient } from '@aws-sdk/client-batch';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Jobs, StopOrder } from '#ports/jobs.ts';
import type { Objects } from '#ports/objects.ts';
import { limits } from '#schemas/limits.ts';
import type { Range } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { endJobs, type LivingJob, livingJobs } from './batch-jobs.ts';
import { nodeJobs, runJobs, worksOn } from './batch-names.ts';
import { sendOrders } from './submit-queue.ts';

export interface JobsOptions {
  readonly batch: BatchClient;
  /** What the names of job queues begin with. */
  readonly prefix: string;
  readonly queue: SQSClient;
  readonly queueUrl: string;
  readonly objects: Objects;
}

/** Attempts of one node, by the beginning that the names of their jobs share. */
interface Wanted<T> {
  readonly run: string;
  readonly base: string;
  /** By instance; `undefined` of a node that has none. */
  readonly attempts: Map<number | undefined, T>;
}

const NOTHING: ReadonlySet<never> = new Set();

/** Jobs of that deployment. */
export function createJobs(options: JobsOptions): Jobs {
  const { batch: client, prefix, queue, queueUrl, objects } = options;
  const place = { client, prefix };
  return {
    direct: NOTHING,
    waits: (kind) => (kind === 'function' ? limits.functionMargin : limits.jobQueued),
    start: async (orders, how) => {
      if (orders.length > 0) await sendOrders({ client: queue, queueUrl, objects }, orders, how);
    },
    stop: async (stops) => {
      const wanted = byNode(stops, ({ name }) => name);
      const living = await livingOf(place, wanted);
      for (const [reason, ids] of idsByReason(wanted, living)) await endJobs(place, ids, reason);
    },
    adopt: async (names) => {
      const wanted = byNode(names, (name) => name);
      const living = await livingOf(place, wanted);
      const known = new Set(
        living.flatMap(({ base, instances }) => coveredBy(wanted.get(base), instances)),
      );
      return names.filter((name) => known.has(name));
    },
  };
}

function byNode<T>(
  things: readonly T[],
  nameOf: (thing: T) => AttemptName,
): ReadonlyMap<string, Wanted<T>> {
  const wanted = new Map<string, Wanted<T>>();
  for (const thing of things) {
    const name = nameOf(thing);
    const { node, instances } = worksOn(name);
    const base = nodeJobs({ ...name, node });
    const known = wanted.get(base) ?? { run: runJobs(name), base, attempts: new Map() };
    known.attempts.set(instances?.[0], thing);
    wanted.set(base, known);
  }
  return wanted;
}

/** Of many nodes all jobs of their run are looked through: that takes fewer questions. */
async function livingOf(
  place: { readonly client: BatchClient; readonly prefix: string },
  wanted: ReadonlyMap<string, Wanted<unknown>>,
): Promise<readonly LivingJob[]> {
  const runs = Map.groupBy(wanted.values(), ({ run }) => run);
  const beginnings = [...runs].flatMap(([run, nodes]) =>
    nodes.length > limits.jobLookups ? [run] : nodes.map(({ base }) => base),
  );
  const found: LivingJob[] = [];
  for (const beginning of beginnings) found.push(...(await livingJobs(place, beginning)));
  return found;
}

function coveredBy<T>(wanted: Wanted<T> | undefined, instances: Range | undefined): readonly T[] {
  if (wanted === undefined) return [];
  if (instances === undefined) {
    const own = wanted.attempts.get(undefined);
    return own === undefined ? [] : [own];
  }
  return [...wanted.attempts].flatMap(([instance, thing]) =>
    instance !== undefined && instance >= instances[0] && instance <= instances[1] ? [thing] : [],
  );
}

/** An array all of whose attempts are stopped is ended as a whole, otherwise those of its jobs that are. */
function idsByReason(
  wanted: ReadonlyMap<string, Wanted<StopOrder>>,
  living: readonly LivingJob[],
): ReadonlyMap<string, readonly string[]> {
  const ids = new Map<string, string[]>();
  const end = (id: string, { message }: StopOrder): void => {
    const same = ids.get(message);
    if (same === undefined) ids.set(message, [id]);
    else same.push(id);
  };
  for (const { id, base, instances } of living) {
    const stops = coveredBy(wanted.get(base), instances);
    const [first] = stops;
    if (first === undefined) continue;
    if (instances === undefined || stops.length === instances[1] - instances[0] + 1) end(id, first);
    else for (const stop of stops) end(childOf(id, instances, stop), stop);
  }
  return ids;
}

const childOf = (array: string, [from]: Range, { name }: StopOrder): string =>
  `${array}:${(worksOn(name).instances?.[0] ?? from) - from}`;
