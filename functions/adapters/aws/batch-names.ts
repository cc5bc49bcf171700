// Names of jobs. They are hashes, because a node may be called what Batch does not take; and they begin alike where they belong
// together, so that one question finds the jobs of a node, or those of a run.
import { createHash } from 'node:crypto';
import type { Range } from '#schemas/run.ts';
import type { JobWork } from '#schemas/submission.ts';
import type { AttemptName } from '#schemas/work-order.ts';

/** One attempt of one node of a run, whatever instances of it. */
export type NodeAttempt = Pick<AttemptName, 'namespace' | 'run' | 'attempt'> & {
  readonly node: string;
};

/** What the names of all jobs of a run begin with. */
export const runJobs = ({ namespace, run }: Pick<AttemptName, 'namespace' | 'run'>): string =>
  `m-${hash(namespace, run)}-`;

/** What the names of all jobs of this attempt of a node begin with. */
export const nodeJobs = (of: NodeAttempt): string =>
  `${runJobs(of)}${hash(of.node, String(of.attempt))}`;

/** The name of one job, or of an array of them. */
export function jobName(work: JobWork): string {
  const { node, instances } = worksOn(work);
  const base = nodeJobs({ ...work, node });
  return nameOf(instances === undefined ? { base } : { base, instances });
}

/** A name, of its parts. */
export const nameOf = ({ base, instances }: NameParts): string =>
  instances === undefined ? base : `${base}-${instances[0]}-${instances[1]}`;

/** The beginning that a name shares with others of its node and attempt, and the instances. */
export interface NameParts {
  readonly base: string;
  readonly instances?: Range;
}

/** The node, and the instances that an attempt or a job works on. Undefined: the node has none. */
export function worksOn({ address, instances }: Pick<JobWork, 'address' | 'instances'>): {
  readonly node: string;
  readonly instances?: Range;
} {
  if (instances !== undefined) return { node: address, instances };
  const [, node = address, number] = /^(.*)\[(\d+)\]$/s.exec(address) ?? [];
  return number === undefined ? { node } : { node, instances: [Number(number), Number(number)] };
}

/** What a name says. */
export function readJobName(name: string): NameParts {
  const [, base = name, first, last] = /^(m-[0-9a-f]+-[0-9a-f]+)-(\d+)-(\d+)$/.exec(name) ?? [];
  if (first === undefined || last === undefined) return { base };
  return { base, instances: [Number(first), Number(last)] };
}

const hash = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
