// What a run is started with: inputs, sources, and what it takes over from earlier runs.
import * as z from 'zod';
import { address, digest, duration, format, instant, namespace, nodeId, runId } from './ids.ts';
import { limits } from './limits.ts';
import { json } from './values.ts';
import { workDir } from './work-dir.ts';

/** A node that a run takes over as it ended in an earlier one. */
export const seed = z.strictObject({ node: nodeId, run: runId });

/** Operators of a node that a run takes over although the node is done again: those that completed in that attempt of an earlier run. */
export const stepSeed = z.strictObject({
  node: nodeId,
  run: runId,
  attempt: z.int().positive(),
  steps: z.array(nodeId).min(1),
});
export type StepSeed = z.infer<typeof stepSeed>;

/** What a run was started with; written once, never changed. Item `START`. */
export const runStart = z.strictObject({
  v: format,
  namespace,
  run: runId,
  pipeline: z.string(),
  /** Digest of the plan; the plan itself lies in the object store. */
  plan: digest,
  /** Resolved inputs; files and large values by reference. */
  inputs: z.record(z.string(), json),
  at: instant,
  scheduledFor: instant.optional(),
  /** Commits that tags were resolved to: `<git>#<tag>` → what was found. */
  sources: z.record(
    z.string(),
    z.strictObject({ commit: z.string(), dirty: z.boolean().optional() }),
  ),
  /** Working trees that take the place of operators: operator → absolute folder. */
  with: z.record(z.string(), z.string()).optional(),
  /** The folder the pipeline file lies in; on one machine only. */
  folder: z.string().optional(),
  file: z.string().optional(),
  /** Names of variables that programs inherit beyond the default list; `*` for all. */
  allowEnv: z.array(z.string()).optional(),
  offline: z.boolean().optional(),
  /** Of a production line; on one machine only. */
  workDir: workDir.optional(),
  /** The same of lines that its nodes run, and of those below, by their files. */
  workDirs: z.record(z.string(), workDir).optional(),
  /** What was found when it was prepared, and did not keep it from being run. */
  warnings: z.array(z.string()).max(limits.warnings).optional(),
  retryOf: runId.optional(),
  /** Nodes that count as completed, with the run that holds their results. */
  seeds: z.array(seed).optional(),
  stepSeeds: z.array(stepSeed).optional(),
  timeout: duration.optional(),
  /** Nodes whose earlier results are not taken over although they are cached; true for all. */
  anew: z.union([z.literal(true), z.array(nodeId)]).optional(),
  /** Of a sub-run: the attempt that it is the work of. */
  parent: z.strictObject({ run: runId, address, attempt: z.int().positive() }).optional(),
});
export type RunStart = z.infer<typeof runStart>;
