// The engine's side of Control: each call is one use case of the service.
import type { DataDirectory } from '#embedded/data-directory.ts';
import { Conflict } from '#errors/families.ts';
import { cancelRun, emitEvent, pauseRun, resumeRun } from '#service/command-run.ts';
import type { Control, EventPage, LogPage, RunRequest } from '#service/control.ts';
import { decideApproval } from '#service/decide-approval.ts';
import type { Notices } from '#service/desk.ts';
import { explainNode } from '#service/explain-node.ts';
import { findRun, listRuns } from '#service/find-run.ts';
import { addressOf, type RunRef } from '#service/keys.ts';
import { hold } from '#service/load-run.ts';
import { readMergedEvents } from '#service/merge-events.ts';
import { readEvents } from '#service/read-events.ts';
import { readReport, readVariables } from '#service/read-run.ts';
import { placeNamed, retryRun } from '#service/retry-run.ts';
import type { Service } from '#service/service.ts';
import { startRun } from '#service/start-run.ts';
import { statusOf } from '#service/status.ts';
import { type LogHints, readLogs } from './logs.ts';
import type { Watchers } from './watchers.ts';

const LONGEST_WAIT = 30_000;
/** Logs and runs of other processes are looked at this often while somebody waits for them. */
const LOOK = 200;

export interface ControlParts {
  readonly service: Service;
  readonly namespace: string;
  readonly directory: DataDirectory;
  /** Absent for a reader beside an engine of another process. */
  readonly watchers?: Watchers;
  readonly notices?: Notices;
  /** Takes a run up in this process. Absent for a reader: what is asked for waits until an engine walks the run. */
  readonly own?: (ref: RunRef, how: 'new' | 'adopt') => Promise<void>;
}

const ENDED = new Set(['completed', 'failed', 'timed_out', 'cancelled']);

/** Control over the runs of one namespace of a data directory. */
export function createControl(parts: ControlParts): Control {
  const { service, namespace } = parts;
  const hints: LogHints = new Map();
  const find = (run: string): Promise<RunRef> => findRun(service, namespace, run);
  return {
    start: async (request) => started(parts, request),
    runs: (query) => listRuns(service, namespace, query),
    find: async (run) => (await find(run)).run,
    report: async (run) => readReport(service, await find(run), parts.notices),
    events: async (run, options) => eventsOf(parts, await find(run), options),
    logs: async (run, options) => logsOf({ ...parts, hints }, await find(run), options),
    variables: async (run) => readVariables(service, await find(run)),
    explain: async (run, node) => explainNode(service, await find(run), node, parts.notices),
    pause: async (run) => pauseRun(service, await find(run)),
    resume: async (run) => asked(parts, await find(run), (ref) => resumeRun(service, ref)),
    adopt: async (run) => adopted(parts, await find(run)),
    cancel: async (run, options) =>
      asked(parts, await find(run), (ref) => cancelRun(service, ref, options)),
    retry: async (run, options) => began(parts, await retryRun(service, await find(run), options)),
    decide: async (run, node, decision) => decideApproval(service, await find(run), node, decision),
    emit: async (run, event, options) => emitEvent(service, await find(run), event, options),
  };
}

/** One that was asked for before, and whose answer was lost, is there already. */
async function started(parts: ControlParts, request: RunRequest): Promise<{ run: string }> {
  const { service, namespace } = parts;
  try {
    return await began(parts, await startRun(service, namespace, request));
  } catch (error) {
    if (!(error instanceof Conflict) || request.run === undefined) throw error;
    const ref = await findRun(service, namespace, request.run);
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
  const end = Date.now() + Math.min(wait ?? 0, LONGEST_WAIT);
  for (;;) {
    const { page, enough } = await look();
    const left = end - Date.now();
    if (enough || left <= 0 || signal?.aborted === true) return page;
    if (parts.watchers === undefined || pause !== undefined)
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, pause ?? LOOK)));
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
  parts: ControlParts & { hints: LogHints },
  ref: RunRef,
  options: LogOptions = {},
): Promise<LogPage> {
  const { plan } = (await hold(parts.service, ref)).memory.linked;
  const place = options.node === undefined ? undefined : placeNamed(plan, options.node);
  const node = place === undefined ? {} : { node: addressOf(place.node, place.instance) };
  return until(
    parts,
    ref,
    { wait: options.wait, pause: LOOK, signal: options.signal },
    async () => {
      // Asked before the lines are read: what was printed before the end is read after it.
      const ended = ENDED.has(await statusOf(parts.service, ref));
      const page = await readLogs(parts.service, parts.directory.path, ref, {
        ...options,
        ...node,
        ended,
        hints: parts.hints,
      });
      return { page, enough: page.lines.length > 0 || page.last };
    },
  );
}
