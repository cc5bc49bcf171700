// A run: its states, the facts of its log, what goes into a walk and what comes out.
import * as z from 'zod';
import { address, duration, format, instant, nodeId, runId } from './ids.ts';
import { limits } from './limits.ts';
import { reason } from './reasons.ts';
import { json, outputs } from './values.ts';

/** How a node ends. */
export const endStatus = z.enum(['completed', 'failed', 'timed_out', 'cancelled', 'skipped']);
export type EndStatus = z.infer<typeof endStatus>;

/**
 * States of a node. `pending`: its condition is open. `ready`: it may start and waits for a place.
 * `retrying`: between two attempts. `stopping`: told to stop, its outcome has not come yet.
 */
export const nodeStatus = z.enum([
  'pending',
  'ready',
  'running',
  'stopping',
  'retrying',
  ...endStatus.options,
]);
export type NodeStatus = z.infer<typeof nodeStatus>;

/** How a run ends. */
export const runEnd = z.enum(['completed', 'failed', 'timed_out', 'cancelled']);
export type RunEnd = z.infer<typeof runEnd>;
export const runStatus = z.enum(['pending', 'running', 'paused', 'halted', ...runEnd.options]);
export type RunStatus = z.infer<typeof runStatus>;

/** What someone asked of a run. `cancel` absorbs the others. */
export const wanted = z.enum(['run', 'pause', 'cancel']);
export type Wanted = z.infer<typeof wanted>;

/** From the first to the last index, both included. */
export const range = z.tuple([z.int().nonnegative(), z.int().nonnegative()]);
export type Range = z.infer<typeof range>;

/** What failed in it makes no group fail fast: what does not wait for it goes on. */
const goesOn = z.literal(true).optional();

/** What an attempt came to. */
export const attemptResult = z.discriminatedUnion('result', [
  z.strictObject({ result: z.literal('completed'), outputs }),
  z.strictObject({
    result: z.literal('failed'),
    reason,
    message: z.string().max(limits.messageLength),
    exitCode: z.int().optional(),
    signal: z.string().optional(),
    /** The step that failed. */
    step: z.string().optional(),
    goesOn,
  }),
  z.strictObject({
    result: z.literal('timed_out'),
    message: z.string(),
    step: z.string().optional(),
    goesOn,
  }),
  z.strictObject({ result: z.literal('interrupted'), message: z.string() }),
  z.strictObject({ result: z.literal('cancelled'), message: z.string().optional() }),
]);
export type AttemptResult = z.infer<typeof attemptResult>;

/** What happened since the last walk. */
export const walkEvent = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.literal('outcome'),
    node: nodeId,
    instance: z.int().nonnegative().optional(),
    attempt: z.int().positive(),
    result: attemptResult,
  }),
  z.strictObject({
    event: z.literal('external'),
    /** With its prefix: `external.go`. */
    name: z.string(),
    key: z.string().optional(),
    payload: json.optional(),
  }),
  z.strictObject({ event: z.literal('wanted'), wanted }),
]);
export type WalkEvent = z.infer<typeof walkEvent>;

/**
 * A term of a condition that was decided: `node` asks, `term` counts the terms of its conditions (start first,
 * then stop) from 0. `true`, `never` (false for good) or `error`, then with a message.
 */
export const verdict = z.strictObject({
  node: nodeId,
  term: z.int().nonnegative(),
  truth: z.enum(['true', 'never', 'error']),
  message: z.string().optional(),
});
export type Verdict = z.infer<typeof verdict>;

const verdicts = z.array(verdict).optional();

/**
 * The facts of a run's log, in order. They carry everything that was decided (deadline, delay, verdict), so that
 * folding them evaluates nothing: the state is a function of the facts alone.
 */
export const fact = z.discriminatedUnion('fact', [
  z.strictObject({
    fact: z.literal('run.started'),
    at: instant,
    deadline: instant.optional(),
    verdicts,
  }),
  /** A forEach node was started with this many instances. Comes before the `started` of the node. */
  z.strictObject({
    fact: z.literal('expanded'),
    at: instant,
    node: nodeId,
    count: z.int().nonnegative(),
  }),
  /**
   * The start condition is true, or the time of a retry has come: it waits in the ready queue.
   * With `instances`: these of one forEach node.
   */
  z.strictObject({
    fact: z.literal('ready'),
    at: instant,
    nodes: range,
    instances: range.optional(),
  }),
  /**
   * What happened is passed on to more of those that wait for it, beyond the first `limits.factEdges`. `source` is a
   * number of the graph: readers of the log pass over this fact.
   */
  z.strictObject({
    fact: z.literal('spread'),
    at: instant,
    source: z.int().nonnegative(),
    from: z.int().nonnegative(),
    verdicts,
  }),
  z.strictObject({
    fact: z.literal('started'),
    at: instant,
    node: nodeId,
    /** Of a forEach node: these instances. Absent: the node itself. */
    instances: range.optional(),
    attempt: z.int().positive(),
    /** The walker's own backstop, behind the one of the runner. */
    deadline: instant.optional(),
  }),
  z.strictObject({
    fact: z.literal('retrying'),
    at: instant,
    node: nodeId,
    instance: z.int().nonnegative().optional(),
    /** The attempt that ended. */
    attempt: z.int().positive(),
    /** What it ended with. */
    result: z.enum(['failed', 'timed_out', 'interrupted']),
    reason,
    message: z.string().optional(),
    /** When the next one starts. */
    next: instant,
  }),
  z.strictObject({
    fact: z.literal('stopping'),
    at: instant,
    node: nodeId,
    instances: range.optional(),
    reason,
    message: z.string().optional(),
    /** When the walker decides alone. */
    deadline: instant,
  }),
  z.strictObject({
    fact: z.literal('ended'),
    at: instant,
    node: nodeId,
    instances: range.optional(),
    /** 0 when it never started. */
    attempt: z.int().nonnegative(),
    status: endStatus,
    reason: reason.optional(),
    message: z.string().optional(),
    exitCode: z.int().optional(),
    goesOn,
    /** Which run it was taken over from. */
    seeded: runId.optional(),
    verdicts,
  }),
  z.strictObject({
    fact: z.literal('external'),
    at: instant,
    name: z.string(),
    key: z.string().optional(),
    payload: json.optional(),
    verdicts,
  }),
  /** A group that fails fast has its first failure that nothing can handle any more. */
  z.strictObject({
    fact: z.literal('group.failed'),
    at: instant,
    group: z.int().nonnegative(),
    because: nodeId,
  }),
  z.strictObject({ fact: z.literal('run.paused'), at: instant }),
  z.strictObject({ fact: z.literal('run.resumed'), at: instant }),
  /** Someone cancelled, or the time is up: nothing starts any more. */
  z.strictObject({
    fact: z.literal('run.stopping'),
    at: instant,
    reason,
    message: z.string().optional(),
  }),
  z.strictObject({
    fact: z.literal('run.ended'),
    at: instant,
    status: runEnd,
    reason: reason.optional(),
    message: z.string().optional(),
  }),
]);
export type Fact = z.infer<typeof fact>;

/** What the shell must do, at least once each; the id `run/address/attempt/verb` makes repeating harmless. */
export const command = z.discriminatedUnion('command', [
  z.strictObject({
    command: z.literal('start-node'),
    node: nodeId,
    instances: range.optional(),
    attempt: z.int().positive(),
  }),
  z.strictObject({
    command: z.literal('stop-node'),
    node: nodeId,
    instances: range.optional(),
    attempt: z.int().positive(),
    reason,
    /** Milliseconds between TERM and KILL. */
    grace: duration,
  }),
  /** The run's one alarm: its earliest deadline. Early or twice is harmless. */
  z.strictObject({ command: z.literal('wake-at'), at: instant }),
  /** The run was paused or goes on: its live sub-runs are told the same. */
  z.strictObject({ command: z.literal('tell-runs'), wanted: z.enum(['run', 'pause']) }),
  z.strictObject({ command: z.literal('finish-run'), status: runEnd }),
]);
export type Command = z.infer<typeof command>;

/** Peaks of an attempt or a step, children included. Absent where the host cannot tell. */
export const peaks = z.strictObject({
  /** Seconds of processor time. */
  cpuSeconds: z.number().nonnegative().optional(),
  memoryBytes: z.int().nonnegative().optional(),
  /** Memory on graphics processors, where it was given any. */
  gpuMemoryBytes: z.int().nonnegative().optional(),
  /** Share of the time in which the busiest of its graphics processors worked, from 0 to 100. */
  gpuPercent: z.number().min(0).max(100).optional(),
});
export type Peaks = z.infer<typeof peaks>;

/** How one step of an attempt went. */
export const stepReport = z.strictObject({
  id: z.string(),
  label: z.string().optional(),
  status: endStatus,
  reason: reason.optional(),
  /** Starts of its program, where there was more than one. `startedAt` is the first, `endedAt` the end of the last. */
  attempts: z.int().positive().optional(),
  /** Milliseconds that its program ran in all of them. */
  worked: duration.optional(),
  /** Milliseconds that it waited for a place among the steps of its node. */
  queued: duration.optional(),
  /** Of an operator that completed in an attempt that did not: a retry may take it over with these. */
  outputs: outputs.optional(),
  /** Taken over from this run. */
  seededFrom: runId.optional(),
  startedAt: instant.optional(),
  endedAt: instant.optional(),
  exitCode: z.int().optional(),
  signal: z.string().optional(),
  peaks: peaks.optional(),
  message: z.string().optional(),
});
export type StepReport = z.infer<typeof stepReport>;

/** Who decided an approval. */
export const decision = z.strictObject({
  decision: z.enum(['approved', 'rejected']),
  by: z.string().max(limits.idLength),
  at: instant,
  comment: z.string().max(limits.messageLength).optional(),
});
export type Decision = z.infer<typeof decision>;

/** The report of one attempt, first writer wins. */
export const attemptReport = z.strictObject({
  result: attemptResult,
  startedAt: instant.optional(),
  endedAt: instant,
  peaks: peaks.optional(),
  steps: z.array(stepReport).optional(),
  /** Of a prepare node: what was prepared. */
  prepared: z
    .strictObject({
      commit: z.string().optional(),
      environment: z.string().optional(),
      built: z.boolean().optional(),
      seconds: z.number().optional(),
      dirty: z.boolean().optional(),
      /** What whoever runs the pipeline should know of it. */
      warnings: z.array(z.string()).max(limits.warnings).optional(),
    })
    .optional(),
  /** Of an approval. */
  decision: decision.optional(),
  /** Taken over from this attempt of an earlier run. */
  reused: z.strictObject({ run: runId, address, attempt: z.int().positive() }).optional(),
});
export type AttemptReport = z.infer<typeof attemptReport>;

/** What of a report is an object of its own where it is too much for an item. */
export const reportBulk = z.strictObject({
  outputs: outputs.optional(),
  steps: z.array(stepReport).optional(),
});

/** What nodes ask for and may have to wait for. */
export const lacking = z.enum(['cpu', 'memory', 'gpu']);
export type Lacking = z.infer<typeof lacking>;

/** One attempt. Item `ATT#<address>#<attempt>`; lives as long as the run. */
export const attemptItem = z.strictObject({
  v: format,
  address,
  attempt: z.int().nonnegative(),
  status: z.enum(['offered', 'claimed', 'fenced', 'reported']),
  /** The job that holds the claim; `run:<id>` where a sub-run does. */
  job: z.string().optional(),
  /** Of a node that is cached: its key, and the digests of its parts by name. */
  cache: z.strictObject({ key: z.string(), parts: z.record(z.string(), z.string()) }).optional(),
  /** What is said about queueing, running and progress; never rings. */
  notice: z
    .strictObject({
      at: instant,
      state: z.enum(['queued', 'running']),
      reason: reason.optional(),
      lacks: z.array(lacking).readonly().optional(),
      message: z.string().optional(),
      progress: z.number().min(0).max(1).optional(),
    })
    .optional(),
  report: attemptReport.optional(),
  /** Parts of its log that were kept as objects. */
  parts: z.int().nonnegative().optional(),
});
export type AttemptItem = z.infer<typeof attemptItem>;
