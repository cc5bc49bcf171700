// The plan: what every dialect compiles to, and all that the engine knows of a pipeline.
//
// JSON, content-addressed by the SHA-256 of its canonical form, recursive: a `steps` node carries a plan of its own,
// whose nodes are the steps. Conditions and templates are kept as text of the expression language (`language`); the
// gates a walk needs are derived from them by `link`, always alike.
import * as z from 'zod';
import { digest, duration, format, LANGUAGE, nodeId } from './ids.ts';
import { limits } from './limits.ts';
import { inputType, type Json, json } from './values.ts';

/** Text in which `{{ expression }}` stands for values. */
export const template = z.string();

/** A JSON value whose texts are templates. */
export const binding = json;

export const retryClass = z
  .string()
  .regex(/^(failed|timed_out|interrupted|out_of_memory|exit:\d{1,3}(-\d{1,3})?)$/);

export const retry = z.strictObject({
  /** Attempts altogether, the first included. */
  maxAttempts: z.int().min(1).max(limits.retryAttempts),
  on: z.array(retryClass),
  /** Milliseconds before the second attempt. */
  delay: duration,
  backoff: z.enum(['fixed', 'exponential']),
  /** Milliseconds the delay grows to. */
  maxDelay: duration,
  /** Milliseconds that chance never makes it shorter than. */
  least: duration.optional(),
});
export type Retry = z.infer<typeof retry>;

export const resources = z.strictObject({
  /** Cores asked for. */
  cpu: z.number().positive().optional(),
  /** Bytes asked for. */
  memory: z.int().positive().optional(),
  gpu: z.int().nonnegative().optional(),
  /** In a cloud: a machine that costs less and may be taken away at any time. */
  spot: z.boolean().optional(),
  limits: z
    .strictObject({
      cpu: z.number().positive().optional(),
      memory: z.int().positive().optional(),
      gpu: z.int().nonnegative().optional(),
    })
    .optional(),
});
export type Resources = z.infer<typeof resources>;

/** Where an operator's code comes from. Paths of working trees and local repositories are relative to the pipeline's folder. */
export const operatorSource = z.union([
  z.strictObject({ git: z.string(), tag: z.string() }),
  z.strictObject({ path: z.string() }),
]);
export type OperatorSource = z.infer<typeof operatorSource>;

/** A value, or the name of the secret that it is. */
export const maybeSecret = z.union([z.string(), z.strictObject({ secret: z.string() })]);
export type MaybeSecret = z.infer<typeof maybeSecret>;

/** A bucket of a store that speaks S3. */
export const archiveStore = z.strictObject({
  /** AWS itself when absent. */
  endpoint: maybeSecret.optional(),
  region: maybeSecret,
  bucket: maybeSecret,
  /** The bucket is part of the path, not of the host's name. */
  pathStyle: z.boolean(),
  /** Those of the machine when absent. */
  credentials: z.strictObject({ accessKey: maybeSecret, secretKey: maybeSecret }).optional(),
});
export type ArchiveStore = z.infer<typeof archiveStore>;

/** What an environment is called for the program; the operator's id when absent. */
const called = z.string().optional();

export const environment = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('host') }),
  z.strictObject({
    kind: z.literal('uv'),
    /** The pyproject.toml, relative to the operator's root. */
    project: z.string(),
    extraArgs: z.array(z.string()).optional(),
    name: called,
  }),
  z.strictObject({
    kind: z.literal('pixi'),
    /** The pixi.toml, relative to the operator's root. */
    project: z.string(),
    /** In place of those that the pixi.toml names. */
    channels: z.array(z.string()).optional(),
    extraArgs: z.array(z.string()).optional(),
    name: called,
  }),
  z.strictObject({
    kind: z.literal('conda'),
    /** Of the archive, as conda-pack makes it: a tar packed by zstd. */
    key: z.string(),
    store: archiveStore,
    /** Whether `conda env update` follows where the operator has an environment.yml. */
    update: z.boolean(),
    /** Of `zstd`. */
    extraArgs: z.array(z.string()).optional(),
    name: called,
  }),
  z.strictObject({
    kind: z.literal('poetry'),
    /** The pyproject.toml, relative to the operator's root. */
    project: z.string(),
    extraArgs: z.array(z.string()).optional(),
    name: called,
  }),
]);
export type Environment = z.infer<typeof environment>;

/** What a node does. */
export type Executor =
  | { kind: 'join' }
  | { kind: 'steps'; plan: Plan }
  | {
      kind: 'command';
      command: string;
      environment: Environment;
      operator?: OperatorSource | undefined;
      cwd?: string | undefined;
    }
  | {
      kind: 'sql';
      query: string;
      into?: string | undefined;
      outputs?: Record<string, string> | undefined;
    }
  | { kind: 'function'; name: string; config?: Record<string, Json> | undefined }
  | {
      kind: 'approval';
      message?: string | undefined;
      approvers?: string[] | undefined;
      deadline?: number | undefined;
      onDeadline: 'reject' | 'approve';
    }
  | {
      kind: 'pipeline';
      id: string;
      digest: string;
      file?: string | undefined;
      inputs?: Record<string, Json> | undefined;
    }
  | { kind: 'prepare'; operator: OperatorSource; environment: Environment };

export const executor: z.ZodType<Executor> = z.lazy(() =>
  z.discriminatedUnion('kind', [
    /** Nothing: completes when it starts. */
    z.strictObject({ kind: z.literal('join') }),
    /** Steps on one machine, walked by the runner. */
    z.strictObject({ kind: z.literal('steps'), plan }),
    /** One step: only in an inner plan. `cwd` is relative to the step's root. */
    z.strictObject({
      kind: z.literal('command'),
      command: template,
      environment,
      operator: operatorSource.optional(),
      cwd: z.string().optional(),
    }),
    /**
     * One query of DuckDB, with bound parameters for its `{{ }}`: only in an inner plan. `into` is the file that its rows are
     * written to; `outputs` are queries over them, each one value or one list.
     */
    z.strictObject({
      kind: z.literal('sql'),
      query: template,
      into: z.string().optional(),
      outputs: z.record(z.string(), z.string()).optional(),
    }),
    /** A handler that the embedding program registered under this name. `config` holds templates, as `inputs` do. */
    z.strictObject({
      kind: z.literal('function'),
      name: z.string().max(limits.idLength),
      config: z.record(z.string(), binding).optional(),
    }),
    /** Waits until somebody approves or rejects; `deadline` in milliseconds from the start. */
    z.strictObject({
      kind: z.literal('approval'),
      message: template.optional(),
      /** `role:NAME` or a user's name; anybody who may act on the run when absent. */
      approvers: z.array(z.string()).optional(),
      deadline: duration.optional(),
      onDeadline: z.enum(['reject', 'approve']),
    }),
    /** A run of another pipeline, whose plan lies in the object store under its digest. */
    z.strictObject({
      kind: z.literal('pipeline'),
      id: z.string(),
      digest,
      /** Its file, relative to the folder of the file that names it: on one machine its own folder follows from that. */
      file: z.string().optional(),
      inputs: z.record(z.string(), binding).optional(),
    }),
    /** Fetches an operator and builds its environment; added by the compiler, invisible to events. */
    z.strictObject({ kind: z.literal('prepare'), operator: operatorSource, environment }),
  ]),
);

export const planNode = z.strictObject({
  id: nodeId,
  /** How the user spells it, when that is no id. */
  label: z.string().optional(),
  /** Index into `groups`. */
  group: z.int().nonnegative(),
  /** Indexes of nodes that must have completed. Not together with `start`. */
  needs: z.array(z.int().nonnegative()).optional(),
  /** Start condition. Neither `needs` nor `start`: starts with the run. */
  start: z.string().optional(),
  stop: z.string().optional(),
  skip: z.string().optional(),
  /** Indexes of the `prepare` nodes it needs. */
  prepares: z.array(z.int().nonnegative()).optional(),
  /** A list, or a template that is one expression and gives a list. */
  forEach: binding.optional(),
  maxParallel: z.int().positive().optional(),
  inputs: z.record(z.string(), binding).optional(),
  env: z.record(z.string(), template).optional(),
  retry: retry.optional(),
  timeout: duration.optional(),
  /** Milliseconds between TERM and KILL. */
  grace: duration.optional(),
  resources: resources.optional(),
  /** Of those that wait for room the highest starts first; 0 when absent. */
  priority: z.int().optional(),
  /** Its failure makes no group fail fast: what does not wait for it goes on. */
  failFast: z.literal(false).optional(),
  /** Names of secrets that are hidden in what it prints, whether it is given them or not. */
  hides: z.array(z.string()).optional(),
  /** Takes over what an earlier attempt with the same key came to: true makes the key of all that the work depends on, a template names it. */
  cache: z.union([z.literal(true), template]).optional(),
  executor,
});
export type PlanNode = z.infer<typeof planNode>;

export const planGroup = z.strictObject({
  id: z.string(),
  label: z.string().optional(),
  kind: z.enum(['pipeline', 'stage', 'job', 'prepare']),
  /** Index of the group round it; -1 for the pipeline itself, which is group 0. */
  parent: z.int().min(-1),
  env: z.record(z.string(), template).optional(),
  timeout: duration.optional(),
  failFast: z.boolean(),
  maxParallel: z.int().positive().optional(),
});
export type PlanGroup = z.infer<typeof planGroup>;

export const planInput = z.strictObject({
  type: inputType,
  default: json.optional(),
  description: z.string().optional(),
});
export type PlanInput = z.infer<typeof planInput>;

/**
 * Which of the nodes that wait for room starts first: the one fewest others come before, the one of the highest priority, or the one that
 * takes the largest part of the machine.
 */
export const scheduling = z.enum(['topological', 'priority', 'packing']);

export const dialect = z.enum(['nodes', 'operators', 'steps', 'stages', 'docetl']);
export type Dialect = z.infer<typeof dialect>;

export const plan = z.strictObject({
  v: format,
  language: z.literal(LANGUAGE),
  dialect,
  id: z.string(),
  version: z.string().optional(),
  name: z.string().optional(),
  description: z.string().optional(),
  inputs: z.record(z.string(), planInput),
  /** What a run gives to whoever started it; the outputs of all completed nodes by node when absent. */
  outputs: z.record(z.string(), binding).optional(),
  /** `topological` when absent. */
  scheduling: scheduling.optional(),
  groups: z.array(planGroup).min(1).max(limits.planGroups),
  /** In the user's order; those the compiler adds come last. */
  nodes: z.array(planNode).max(limits.planNodes),
});
export type Plan = z.infer<typeof plan>;

export type Scheduling = z.infer<typeof scheduling>;

export const planDigest = digest;
