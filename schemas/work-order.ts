// A work order: all that a runner needs to do one attempt of one node.
import * as z from 'zod';
import { address, duration, format, instant, namespace, nodeId, runId } from './ids.ts';
import { environment, operatorSource, plan, resources, scheduling } from './plan.ts';
import { json, outputs } from './values.ts';
import { workDir } from './work-dir.ts';

/** Names one attempt everywhere: `run/address/attempt`. */
export const attemptName = z.strictObject({
  namespace,
  run: runId,
  address,
  attempt: z.int().positive(),
});
export type AttemptName = z.infer<typeof attemptName>;

/**
 * The variables that the node's templates name and nothing else. Secrets are not among them: the runner asks for
 * `secrets` by name when a program is started. `nodes` holds outputs of completed nodes; a node that ended otherwise is null.
 */
export const scope = z.strictObject({
  input: z.record(z.string(), json),
  nodes: z.record(z.string(), z.record(z.string(), json).nullable()),
  system: z.strictObject({
    run_id: z.string(),
    namespace: z.string(),
    started_at: z.string(),
    scheduled_for: z.string().nullable(),
    attempt: z.int().positive(),
  }),
  /** Of a forEach instance. */
  item: json.optional(),
  index: z.int().nonnegative().optional(),
  /** What `payload('external.go')` gives, by event name. */
  payloads: z.record(z.string(), json).optional(),
});
export type OrderScope = z.infer<typeof scope>;

export const workOrder = z.strictObject({
  v: format,
  name: attemptName,
  pipeline: z.string(),
  node: nodeId,
  label: z.string().optional(),
  instance: z.int().nonnegative().optional(),
  work: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('steps'),
      /** The inner plan, templates unresolved. */
      plan,
      /** The node's inputs, templates unresolved. */
      inputs: z.record(z.string(), json),
      /** Variables of the groups and the node, outermost first; later ones win. Templates unresolved. */
      env: z.array(z.record(z.string(), z.string())),
      scope,
      secrets: z.array(z.string()),
      /** Names of secrets that are hidden in what it prints although it is not given them, as far as they are set. */
      hides: z.array(z.string()).optional(),
      /** How often each step was tried in earlier attempts of the node, where it was. */
      tries: z.record(nodeId, z.int().positive()).optional(),
      /** Steps that count as completed, with the run that did them and what they gave. */
      done: z.array(z.strictObject({ step: nodeId, run: runId, outputs })).optional(),
    }),
    z.strictObject({
      kind: z.literal('prepare'),
      operator: operatorSource,
      environment,
      /** Where there is a working folder: what the operators are called that it is prepared for. */
      operators: z.array(z.string()).optional(),
    }),
    /** A handler in the engine's own process (a Lambda on AWS). */
    z.strictObject({
      kind: z.literal('function'),
      name: z.string(),
      config: z.record(z.string(), json),
      inputs: z.record(z.string(), json),
      scope,
      secrets: z.array(z.string()),
    }),
  ]),
  /** `<git>#<tag>` → the commit this run uses; `with` → folders that take an operator's place. */
  sources: z.record(
    z.string(),
    z.strictObject({ commit: z.string(), dirty: z.boolean().optional() }),
  ),
  with: z.record(z.string(), z.string()).optional(),
  resources: resources.optional(),
  /** When its turn comes among those of its run that wait for room; absent where they start in the order they came. */
  turn: z
    .strictObject({
      policy: scheduling,
      priority: z.int(),
      /** How many nodes come before it, one after the other. */
      rank: z.int().nonnegative(),
    })
    .optional(),
  timeout: duration.optional(),
  grace: duration,
  /** On one machine: the folder of the pipeline file. */
  folder: z.string().optional(),
  allowEnv: z.array(z.string()).optional(),
  offline: z.boolean().optional(),
  /** Of a production line; on one machine only. */
  workDir: workDir.optional(),
  offeredAt: instant,
  /** Of work in the engine's own process: it had to wait, so it was offered and must be claimed. */
  offered: z.boolean().optional(),
});
export type WorkOrder = z.infer<typeof workOrder>;
