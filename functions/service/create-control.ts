// Control over the runs of one namespace: each call is one use case of the service. The same on one machine and on AWS; what differs
// comes in as parts.
import { Conflict, Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { EventLine } from '#schemas/report.ts';
import { cancelRun, emitEvent, pauseRun, resumeRun } from './command-run.ts';
import type { Control, EventPage, LogPage, StartRequest } from './control.ts';
import { decideApproval } from './decide-approval.ts';
import type { Notices } from './desk.ts';
import { evaluateInRun } from './evaluate.ts';
import { explainNode } from './explain-node.ts';
import { findRun, listRuns } from './find-run.ts';
import { takeFile } from './given-files.ts';
import { addressOf, type RunRef } from './keys.ts';
import { hold } from './load-run.ts';
import type { LogQuery } from './logs.ts';
import { readMergedEvents } from './merge-events.ts';
import { requestOf, validateSource } from './prepare-source.ts';
import { readEvents } from './read-events.ts';
import { readReport, readVariables } from './read-run.ts';
import { placeNamed, retryRun } from './retry-run.ts';
import type { Service } from './service.ts';
import { startRun } from './start-run.ts';
import { statusOf } from './status.ts';
import { storePipeline } from './store-pipeline.ts';
import { listPipelines, readPipeline } from './stored-pipelines.ts';

/** Milliseconds after which logs, and runs of other processes, are looked at again while somebody waits for them. */
const LOOK = 200;

/** Tells whoever follows a run in this process that something happened. */
export interface News {
  /** Resolves when there is news, after so many milliseconds, or when nobody wants to know any more. */
  news(ref: RunRef, milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Notices behind a number, which are in no log. */
  queued(
    ref: RunRef,
    after: number,
  ): readonly { readonly number: number; readonly line: EventLine }[];
}

export interface ControlParts {
  readonly service: Service;
  readonly namespace: string;
  /** One page of a run's logs, oldest line first. */
  readonly readLogs: (ref: RunRef, query: LogQuery) => Promise<LogPage>;
  /** Absent where the run is walked by another process. */
  readonly watchers?: News;
  readonly notices?: Notices;
  /** Sees to it that somebody walks the run. Absent for a reader: what is asked for waits until an engine does. */
  readonly own?: (ref: RunRef, how: 'new' | 'adopt') => Promise<void>;
  /** Work is done on other machines: nothing may be named that lies on the disk of this one. */
  readonly elsewhere?: boolean;
  /** Names of the secrets that are set, where this can be told. */
  readonly secretNames?: () => Promise<readonly string[]>;
  /** Milliseconds a question waits at most; `limits.pollWait` when nothing is said. */
  readonly longestWait?: number;
}

const ENDED = new Set(['completed', 'failed', 'timed_out', 'cancelled']);

/** Control over the runs of one namespace. */
export function createControl(parts: ControlParts): Control {
  const { service, namespace } = parts;
  const find = (run: string): Promise<RunRef> => findRun(service, namespace, run);
  return {
    start: async (request) => started(parts, request),
    runs: (query) => listRuns(service, namespace, query),
    find: async (run) => (await find(run)).run,
    report: async (run) => readReport(service, await find(run), parts.notices),
    events: async (run, options) => eventsOf(parts, await find(run), options),
    logs: async (run, options) => logsOf(parts, await find(run), options),
    variables: async (run) => readVariables(service, await find(run)),
    explain: async (run, node) => explainNode(service, await find(run), node, parts.notices),
    evaluate: async (run, expression) => evaluateInRun(service, await find(run), expression),
    pause: async (run) => pauseRun(service, await find(run)),
    resume: async (run) => asked(parts, await find(run), (ref) => resumeRun(service, ref)),
    adopt: async (run) => adopted(parts, await find(run)),
    cancel: async (run, options) =>
      asked(parts, await find(run), (ref) => cancelRun(service, ref, options)),
    retry: async (run, options) => began(parts, await retryRun(service, await find(run), options)),
    decide: async (run, node, decision) => decided(parts, run, { node, ...decision }),
    emit: async (run, event, options) => emitEvent(service, await find(run), event, options),
    validate: (source) => validateSource(parts, source),
    store: (source) => storePipeline(parts, source),
    pipelines: (query) => listPipelines(parts, query),
    pipeline: (id, version) => readPipeline(parts, id, version),
    file: (file) => takeFile(parts, file),
  };
}

/** One that was asked for before, and whose answer was lost, is there already. */
async function started(parts: ControlParts, request: StartRequest): Promise<{ run: string }> {
  const { service, namespace } = parts;
  const planned = await requestOf(parts, request);
  try {
    return await began(parts, await startRun(service, namespace, planned));
  } catch (error) {
    if (!(error instanceof Conflict) || planned.run === undefined) throw error;
    const ref = await findRun(service, namespace, planned.run);
    await parts.own?.(ref, 'adopt');
    return { run: ref.run };
  }
}

async function began(parts: ControlParts, ref: RunRef): Promise<{ run: string }> {
  await parts.own?.(ref, 'new');
  return { run: ref.run };
}

async function adopted(parts: ControlParts, ref: RunRef): Promise<void> {
  if (!ENDED.has(await statusOf(parts.service, ref))) await parts.own?.(ref, 'adopt');
}

/** What needs somebody who walks the run takes it up, if it lay still. */
async function asked(
  parts: ControlParts,
  ref: RunRef,
  act: (ref: RunRef) => Promise<void>,
): Promise<void> {
  await act(ref);
  await parts.own?.(ref, 'adopt');
}

async function decided(
  { service, namespace }: ControlParts,
  run: string,
  decision: Parameters<Control['decide']>[2] & { node: string },
): Promise<{ by: string }> {
  const { node, by, ...verdict } = decision;
  if (by === undefined)
    throw new Rejected('invalid', `nothing says who decides on "${node}": wanted is "by"`);
  await decideApproval(service, await findRun(service, namespace, run), node, { ...verdict, by });
  return { by };
}

type EventOptions = Parameters<Control['events']>[1];
type LogOptions = Parameters<Control['logs']>[1];

/** Looks until there is something, the run is over, or the time is up. */
async function until<T>(
  parts: ControlParts,
  ref: RunRef,
  options: { wait?: number | undefined; pause?: number; signal?: AbortSignal | undefined },
  look: () => Promise<{ page: T; enough: boolean }>,
): Promise<T> {
  const { wait, pause, signal } = options;
  const { longestWait = limits.pollWait } = parts;
  const every = pause ?? (parts.elsewhere === true ? limits.gatewayLook : LOOK);
  // Whoever waits does so by a clock on the wall, also where the service's stands still.
  const end = Date.now() + Math.min(wait ?? 0, longestWait);
  for (;;) {
    const { page, enough } = await look();
    const left = end - Date.now();
    if (enough || left <= 0 || signal?.aborted === true) return page;
    if (parts.watchers === undefined || pause !== undefined)
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, every)));
    else await parts.watchers.news(ref, left, signal);
  }
}

/** Facts of the log, and between them the notices of what waits for room, which are in no log. */
function eventsOf(
  parts: ControlParts,
  ref: RunRef,
  options: EventOptions = {},
): Promise<EventPage> {
  const [after, number = '0'] = (options.after ?? '').split('~');
  return until(parts, ref, options, async () => {
    const read = options.children === true ? readMergedEvents : readEvents;
    const page = await read(parts.service, ref, { ...options, after: after ?? '' });
    const queued = parts.watchers?.queued(ref, Number(number)) ?? [];
    const events = [...page.events, ...queued.map(({ line }) => line)];
    if (queued.length > 0) events.sort((left, right) => compare(left.at, right.at));
    const cursor = `${page.cursor}~${queued.at(-1)?.number ?? number}`;
    return { page: { ...page, events, cursor }, enough: events.length > 0 || page.last };
  });
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

async function logsOf(
  parts: ControlParts,
  ref: RunRef,
  options: LogOptions = {},
): Promise<LogPage> {
  const { plan } = (await hold(parts.service, ref)).memory.linked;
  const place = options.node === undefined ? undefined : placeNamed(plan, options.node);
  const node = place === undefined ? {} : { node: addressOf(place.node, place.instance) };
  return until(
    parts,
    ref,
    // What other machines print comes in parts, seconds apart.
    {
      wait: options.wait,
      pause: parts.elsewhere === true ? limits.logPartLook : LOOK,
      signal: options.signal,
    },
    async () => {
      // Asked before the lines are read: what was printed before the end is read after it.
      const ended = ENDED.has(await statusOf(parts.service, ref));
      const { after, limit } = options;
      const page = await parts.readLogs(ref, {
        ...(after === undefined ? {} : { after }),
        ...(limit === undefined ? {} : { limit }),
        ...node,
        ended,
      });
      return { page, enough: page.lines.length > 0 || page.last };
    },
  );
}
