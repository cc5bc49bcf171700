// What a reader gets of a run: the lines of `--json` and the report at their end.
import * as z from 'zod';
import { instant, runId } from './ids.ts';
import { reason } from './reasons.ts';
import { attemptItem, decision, endStatus, peaks, runStatus, stepReport } from './run.ts';
import { json, outputs } from './values.ts';
import { LOG_LEVELS } from './work-dir.ts';

/** States as they are shown. `queued` is told by a notice or by a place that is waited for. */
export const shownStatus = z.enum(['pending', 'queued', 'running', ...endStatus.options]);
export type ShownStatus = z.infer<typeof shownStatus>;

/** One line of the event stream. `payload` carries reason, message and exit code, or what an external event brought. */
export const eventLine = z.strictObject({
  at: z.iso.datetime(),
  run: runId,
  event: z.string(),
  node: z.string().optional(),
  attempt: z.int().optional(),
  payload: json.optional(),
});
export type EventLine = z.infer<typeof eventLine>;

/** The attempt whose result was taken over. */
const reusedFrom = z.strictObject({ run: runId, address: z.string(), attempt: z.int() });

export const instanceReport = z.strictObject({
  index: z.int(),
  status: shownStatus,
  attempts: z.int(),
  outputs,
  reason: reason.optional(),
  message: z.string().optional(),
  /** Seconds its last attempt worked, without what it waited for room. */
  seconds: z.number().nonnegative().optional(),
  peaks: peaks.optional(),
  /** Of a `pipeline` node: the run that is the work of this instance. */
  subRun: runId.optional(),
  waitsFor: z.string().optional(),
  decision: decision.optional(),
  reusedFrom: reusedFrom.optional(),
});

/** How one step of the last attempt went: as the attempt told it, with times as they are shown everywhere. */
const shownStep = stepReport.extend({
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
});
export type ShownStep = z.infer<typeof shownStep>;

export const nodeReport = z.strictObject({
  status: shownStatus,
  /** Attempts used; of a forEach node the highest of its instances. 0 when it never started. */
  attempts: z.int(),
  outputs,
  label: z.string().optional(),
  reason: reason.optional(),
  message: z.string().optional(),
  exitCode: z.int().optional(),
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
  peaks: peaks.optional(),
  steps: z.array(shownStep).optional(),
  progress: z.number().optional(),
  progressText: z.string().optional(),
  seededFrom: runId.optional(),
  /** Whose result was taken over, of a node that is cached. */
  reusedFrom: reusedFrom.optional(),
  /** Who approved or rejected, and when. */
  decision: decision.optional(),
  /** The run that is the work of a `pipeline` node. */
  subRun: runId.optional(),
  /** What a pending, ready or queued node waits for, in words. */
  waitsFor: z.string().optional(),
  instances: z.array(instanceReport).optional(),
});
export type NodeReport = z.infer<typeof nodeReport>;

export const environmentReport = z.strictObject({
  status: shownStatus,
  operator: z.string(),
  kind: z.string(),
  commit: z.string().optional(),
  dirty: z.boolean().optional(),
  environment: z.string().optional(),
  built: z.boolean().optional(),
  seconds: z.number().optional(),
  /** What whoever runs the pipeline should know of it. */
  warnings: z.array(z.string()).optional(),
  reason: reason.optional(),
  message: z.string().optional(),
});

/** One operator of a production line: a step of the node that runs it, with its environment. */
export const operatorReport = z.strictObject({
  status: shownStatus,
  /** The node that runs it, as `nodes` calls it. */
  node: z.string(),
  /** Starts of its program, in all attempts of its node. */
  attempts: z.int().nonnegative(),
  reason: reason.optional(),
  message: z.string().optional(),
  exitCode: z.int().optional(),
  commit: z.string().optional(),
  environment: z
    .strictObject({ digest: z.string(), result: z.enum(['built', 'reused']) })
    .optional(),
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
  /** Waiting for room on the machine, and for one of the places of its node. */
  queueSeconds: z.number().nonnegative(),
  /** Building its environment; 0 where it was there. */
  buildSeconds: z.number().nonnegative(),
  /** Its program, in all attempts. */
  workSeconds: z.number().nonnegative(),
  peaks: peaks.optional(),
  /** Taken over from this run. */
  seededFrom: runId.optional(),
});
export type OperatorReport = z.infer<typeof operatorReport>;

export const runReport = z.strictObject({
  at: z.iso.datetime(),
  run: runId,
  event: z.literal('run.report'),
  status: runStatus,
  pipeline: z.string(),
  /** What the pipeline is called for people, where it says that. */
  name: z.string().optional(),
  reason: reason.optional(),
  message: z.string().optional(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  retryOf: runId.optional(),
  /** Of a sub-run: the run and node that it is the work of. */
  parent: z.strictObject({ run: runId, node: z.string() }).optional(),
  /** Of a production line: the file that it writes its log to, and the least that is written. */
  log: z.strictObject({ path: z.string(), level: z.enum(LOG_LEVELS) }).optional(),
  inputs: z.record(z.string(), json),
  /** What the run gives, once it has completed. */
  outputs: outputs.optional(),
  nodes: z.record(z.string(), nodeReport),
  /** Of a production line: its operators, as they are spelled. */
  operators: z.record(z.string(), operatorReport).optional(),
  environments: z.record(z.string(), environmentReport),
  sources: z.record(
    z.string(),
    z.strictObject({ commit: z.string(), dirty: z.boolean().optional() }),
  ),
});
export type RunReport = z.infer<typeof runReport>;

/** A line of `millrace runs`. */
export const runSummary = z.strictObject({
  run: runId,
  pipeline: z.string(),
  status: runStatus,
  startedAt: instant,
  endedAt: instant.optional(),
  retryOf: runId.optional(),
  parent: runId.optional(),
  /** Approvals that wait for somebody. */
  approvals: z.array(z.string()).optional(),
  file: z.string().optional(),
});
export type RunSummary = z.infer<typeof runSummary>;

/** A condition as a tree with its values: what `explain` answers. */
export type Explanation = {
  text: string;
  kind: 'and' | 'or' | 'not' | 'event' | 'term' | 'needs' | 'prepare' | 'place';
  truth: 'true' | 'never' | 'not_yet' | 'error';
  because?: string | undefined;
  /** Values of the variables that a term names. */
  values?: Record<string, z.infer<typeof json>> | undefined;
  parts?: readonly Explanation[] | undefined;
};
export const explanation: z.ZodType<Explanation> = z.lazy(() =>
  z.strictObject({
    text: z.string(),
    kind: z.enum(['and', 'or', 'not', 'event', 'term', 'needs', 'prepare', 'place']),
    truth: z.enum(['true', 'never', 'not_yet', 'error']),
    because: z.string().optional(),
    values: z.record(z.string(), json).optional(),
    parts: z.array(explanation).optional(),
  }),
);

export const nodeExplanation = z.strictObject({
  run: runId,
  node: z.string(),
  status: shownStatus,
  /** One sentence: why it has not started, why it was skipped, what it waits for. */
  answer: z.string(),
  deciding: z.string().optional(),
  start: explanation.optional(),
  stop: explanation.optional(),
  skip: explanation.optional(),
  /** Of a cached node: where its result came from, or what changed since it was kept last. */
  cache: z.string().optional(),
  attempts: z.array(attemptItem),
});
export type NodeExplanation = z.infer<typeof nodeExplanation>;
