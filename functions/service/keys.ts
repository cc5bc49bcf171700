// Where the items of a run stand in the table. The namespace is in every key, so another's item cannot be addressed by mistake.
import type { Key } from '#ports/table.ts';
import type { Address, Digest, Namespace, RunId } from '#schemas/ids.ts';

/** A run, wherever one is meant. */
export interface RunRef {
  readonly namespace: Namespace;
  readonly run: RunId;
}

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

/** All items of one run share this. */
export const runKey = (ref: RunRef): string => `NS#${ref.namespace}#RUN#${ref.run}`;

export const startKey = (ref: RunRef): Key => ({ pk: runKey(ref), sk: 'START' });
export const bellKey = (ref: RunRef): Key => ({ pk: runKey(ref), sk: 'BELL' });
export const headKey = (ref: RunRef): Key => ({ pk: runKey(ref), sk: 'HEAD' });

export const CHUNK = 'CHUNK#';
export const chunkKey = (ref: RunRef, chunk: string): Key => ({
  pk: runKey(ref),
  sk: CHUNK + chunk,
});

export const LOG = 'LOG#';
export const logKey = (ref: RunRef, sequence: number): Key => ({
  pk: runKey(ref),
  sk: LOG + digits(sequence, 10),
});

export const INBOX = 'IN#';
export const outcomeKey = (ref: RunRef, address: Address, attempt: number): Key => ({
  pk: runKey(ref),
  sk: `${INBOX}o#${address}#${digits(attempt, 4)}`,
});
export const externalKey = (ref: RunRef, key: string): Key => ({
  pk: runKey(ref),
  sk: `${INBOX}x#${key}`,
});
/** Inbox items that no advance could take in. */
export const QUARANTINE = 'BAD#';
export const quarantineKey = (ref: RunRef, inboxSk: string): Key => ({
  pk: runKey(ref),
  sk: QUARANTINE + inboxSk,
});

export const ATTEMPT = 'ATT#';
export const attemptKey = (ref: RunRef, address: Address, attempt: number): Key => ({
  pk: runKey(ref),
  sk: `${ATTEMPT}${address}#${digits(attempt, 4)}`,
});

/** The time a run id was made at, from its first ten characters (ULID). A sub-run has that of its parent. */
export function timeOf(run: RunId): number {
  let time = 0;
  for (const letter of run.slice(0, 10)) time = time * 32 + ALPHABET.indexOf(letter);
  return time;
}

/** The month of that time: `2026-11`. */
export const monthOf = (run: RunId): string => new Date(timeOf(run)).toISOString().slice(0, 7);

/** The list of runs, by namespace and month. */
export const runsKey = (namespace: Namespace, month: string): string =>
  `NS#${namespace}#RUNS#${month}`;
export const summaryKey = (ref: RunRef): Key => ({
  pk: runsKey(ref.namespace, monthOf(ref.run)),
  sk: ref.run,
});
/** Months that have runs. */
export const monthsKey = (namespace: Namespace): string => `NS#${namespace}#MONTHS`;

/** Namespaces in which a run was ever started: where a sweep looks. */
export const NAMESPACES = 'NS#';
export const namespaceKey = (namespace: Namespace): Key => ({ pk: NAMESPACES, sk: namespace });

/** Runs that are not over: what an engine adopts and a sweeper rings. */
export const activeRunsKey = (namespace: Namespace): string => `NS#${namespace}#ACTIVE`;
export const activeKey = (ref: RunRef): Key => ({ pk: activeRunsKey(ref.namespace), sk: ref.run });

/** The latest version of each stored pipeline, by id. */
export const pipelinesKey = (namespace: Namespace): string => `NS#${namespace}#PIPELINES`;
export const pipelineVersionKey = (namespace: Namespace, id: string, version: number): Key => ({
  pk: `NS#${namespace}#PIPELINE#${id}`,
  sk: digits(version, 8),
});

export const planObject = (namespace: Namespace, digest: Digest): string =>
  `NS/${namespace}/plans/${digest}.json`;

/** `per_region[3]`, or the node itself. */
export const addressOf = (node: string, instance?: number): Address =>
  instance === undefined ? node : `${node}[${instance}]`;

/** The node and instance an address names. */
export function splitAddress(address: Address): { node: string; instance?: number } {
  const match = /^(.*)\[(\d+)\]$/s.exec(address);
  return match?.[1] === undefined
    ? { node: address }
    : { node: match[1], instance: Number(match[2]) };
}
