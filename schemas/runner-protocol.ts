// The runner protocol: what an engine and a runner say to each other. On one machine each frame is one line of JSON on a
// socket in the data directory; on AWS the same words are requests over HTTPS.
//
// The runner gives every `report` a number and keeps it in its spool until that number is acknowledged. An engine that
// connects (the first, or one that takes over) says hello, learns what the runner holds, and gets what was never acknowledged again.
import * as z from 'zod';
import { format, instant, namespace, runId } from './ids.ts';
import { reason } from './reasons.ts';
import { attemptReport, lacking } from './run.ts';
import { LOG_LEVELS } from './work-dir.ts';
import { attemptName, workOrder } from './work-order.ts';

/** From the engine. */
export const engineFrame = z.discriminatedUnion('frame', [
  z.strictObject({
    frame: z.literal('hello'),
    v: format,
    engine: z.string(),
    /** Bounds of this machine that resources are given from. */
    machine: z.strictObject({
      cpu: z.number(),
      memory: z.number(),
      gpu: z.int(),
      /** What the graphics processors are called; counted from 0 when absent. */
      gpus: z.array(z.string()).readonly().optional(),
      /** Bytes that built environments may take together; 0 where nothing bounds them. */
      cacheBytes: z.int().nonnegative().optional(),
    }),
  }),
  z.strictObject({ frame: z.literal('start'), orders: z.array(workOrder) }),
  /** Answers `claim`. Only what is granted may run; the rest is dropped silently. */
  z.strictObject({
    frame: z.literal('claimed'),
    granted: z.array(attemptName),
    refused: z.array(attemptName),
  }),
  z.strictObject({
    frame: z.literal('stop'),
    stops: z.array(
      z.strictObject({ name: attemptName, grace: z.int().nonnegative(), message: z.string() }),
    ),
  }),
  /** Of a paused run nothing new begins: neither what waits for room, nor further operators of a node. What runs goes on. */
  z.strictObject({ frame: z.literal('pause'), namespace, run: runId, paused: z.boolean() }),
  /** Values of secrets, in memory only. Answers `secrets`. */
  z.strictObject({
    frame: z.literal('secrets'),
    request: z.int(),
    values: z.record(z.string(), z.string()),
    missing: z.array(z.string()),
  }),
  /** Reports up to and including this number are durable. */
  z.strictObject({ frame: z.literal('ack'), upTo: z.int() }),
  /** End as soon as nothing is held any more. */
  z.strictObject({ frame: z.literal('leave') }),
]);
export type EngineFrame = z.infer<typeof engineFrame>;

/** From the runner. */
export const runnerFrame = z.discriminatedUnion('frame', [
  z.strictObject({
    frame: z.literal('hello'),
    v: format,
    pid: z.int(),
    /** Changes with every runner process: the job id of what it claims. */
    job: z.string(),
    /** Attempts it holds: claimed (running), or waiting to claim. */
    holding: z.array(z.strictObject({ name: attemptName, claimed: z.boolean() })),
  }),
  z.strictObject({ frame: z.literal('claim'), names: z.array(attemptName) }),
  z.strictObject({ frame: z.literal('heartbeat'), counter: z.int() }),
  z.strictObject({
    frame: z.literal('notice'),
    name: attemptName,
    at: instant,
    state: z.enum(['queued', 'running']),
    reason: reason.optional(),
    /** What there is too little of, where it waits for room. */
    lacks: z.array(lacking).readonly().optional(),
    message: z.string().optional(),
    progress: z.number().min(0).max(1).optional(),
  }),
  z.strictObject({
    frame: z.literal('secrets'),
    request: z.int(),
    name: attemptName,
    names: z.array(z.string()),
  }),
  z.strictObject({
    frame: z.literal('report'),
    number: z.int(),
    name: attemptName,
    report: attemptReport,
  }),
]);
export type RunnerFrame = z.infer<typeof runnerFrame>;

/** One line of an attempt's log, as it lies in its segments (JSON Lines). */
export const logLine = z.strictObject({
  at: instant,
  /** Counts the lines of the attempt from 1. */
  n: z.int().positive(),
  step: z.string(),
  /** Which try of the step it is of, where that is not the attempt of its node. */
  try: z.int().positive().optional(),
  stream: z.enum(['stdout', 'stderr', 'millrace']),
  /** Where it is another than the stream tells. */
  level: z.enum(LOG_LEVELS).optional(),
  text: z.string(),
});
export type LogLine = z.infer<typeof logLine>;
