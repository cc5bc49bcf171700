// The native dialect, as people write it. The compiler reads files by hand, to say every problem with its place; the keys it
// knows come from here, and so do the JSON Schema that editors use and the tables of the docs.
import * as z from 'zod';
import { limits } from './limits.ts';
import { scheduling } from './plan.ts';
import { inputType, json } from './values.ts';

const id = z
  .string()
  .max(limits.idLength)
  .regex(/^[\p{L}_][\p{L}\p{M}\p{Nd}_]*$/u);

const duration = z
  .string()
  .regex(/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/)
  .meta({ description: 'A duration with its unit: `250ms`, `90s`, `15m`, `2h`, `1h30m`, `7d`.' });

const size = z
  .string()
  .regex(/^\d+(?:\.\d+)? ?[KMG]i?B$/)
  .meta({ description: 'A size with its unit: `512MiB`, `8GiB`, `20GB`.' });

const condition = z.string().max(limits.expressionLength);

const variables = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
    z.union([z.string(), z.number(), z.boolean()]),
  )
  .meta({
    description:
      'Environment variables. Texts may hold `{{ expression }}` and `{{ secret.NAME }}`.',
  });

export const nodesInput = z.strictObject({
  type: inputType.meta({ description: 'What kind of value the input takes.' }),
  default: json.optional().meta({ description: 'The value when a run gives none.' }),
  description: z.string().optional().meta({ description: 'For people who start the pipeline.' }),
});

export const nodesRetry = z.strictObject({
  maxAttempts: z
    .int()
    .min(1)
    .max(limits.retryAttempts)
    .meta({ description: 'Attempts altogether, the first included.' }),
  on: z.array(z.string()).optional().meta({
    description:
      'What is tried again: `failed`, `timed_out`, `interrupted`, `out_of_memory`, `exit:N`, `exit:N-M`. Default: `[failed, timed_out, interrupted]`.',
  }),
  delay: duration.optional().meta({ description: 'Before the second attempt. Default: `1s`.' }),
  backoff: z
    .enum(['fixed', 'exponential'])
    .optional()
    .meta({ description: 'How the delay grows. Default: `exponential`.' }),
  maxDelay: duration.optional().meta({ description: 'What the delay grows to. Default: `5m`.' }),
});

const retry = z
  .union([z.int().min(1).max(limits.retryAttempts), nodesRetry])
  .meta({ description: 'Tries again what failed: a number of attempts, or the details.' });

const amounts = {
  cpu: z.number().positive().optional().meta({ description: 'Cores.' }),
  memory: size.optional().meta({ description: 'Memory, with its unit: `8GiB`.' }),
  gpu: z.int().nonnegative().optional().meta({ description: 'Graphics processors.' }),
};
export const nodesLimits = z.strictObject(amounts);
export const nodesResources = z.strictObject({
  ...amounts,
  spot: z.boolean().optional().meta({
    description:
      'On AWS: a machine that costs less and may be taken away at any time; an attempt that was interrupted so is followed by another. Means nothing on one machine, nor where Fargate is too small for the node.',
  }),
  limits: nodesLimits.optional().meta({
    description: 'What the node may use at most; over its memory limit it ends `out_of_memory`.',
  }),
});

export const nodesOperator = z.strictObject({
  git: z
    .string()
    .optional()
    .meta({ description: 'Repository: https, ssh, `git@host:path`, or a local path.' }),
  tag: z.string().optional().meta({ description: 'The exact tag.' }),
  path: z
    .string()
    .optional()
    .meta({ description: 'A working tree in place of `git` and `tag`, while it is developed.' }),
});

const projectFile = (name: string) =>
  z
    .string()
    .optional()
    .meta({ description: `The ${name}, relative to the operator's root.` });
const extraArgs = (command: string) =>
  z
    .array(z.string())
    .optional()
    .meta({ description: `Further arguments of \`${command}\`.` });
const environmentName = z
  .string()
  .optional()
  .meta({ description: 'What the environment is called.' });

export const nodesUv = z.strictObject({
  project: projectFile('pyproject.toml'),
  extraArgs: extraArgs('uv sync'),
  name: environmentName,
});

export const nodesPixi = z.strictObject({
  project: projectFile('pixi.toml'),
  channels: z
    .array(z.string())
    .optional()
    .meta({ description: 'Channels in place of those of the pixi.toml.' }),
  extraArgs: extraArgs('pixi install'),
  name: environmentName,
});

export const nodesConda = z.strictObject({
  archive: z.string().meta({ description: '`s3://bucket/key` of what conda-pack made.' }),
  endpoint: z
    .string()
    .optional()
    .meta({ description: 'Address of the store. Default: that of AWS.' }),
  region: z.string().optional().meta({ description: 'Default: `us-east-1`.' }),
  pathStyle: z.boolean().optional().meta({
    description: 'The bucket is part of the path. Default: where there is an `endpoint`.',
  }),
  accessKey: z.string().optional().meta({
    description: 'A text, or `{{ secret.NAME }}`. Default: the credentials of the machine.',
  }),
  secretKey: z.string().optional().meta({ description: '`{{ secret.NAME }}`.' }),
  update: z.boolean().optional().meta({
    description: 'Run `conda env update` where the operator has an environment.yml. Default: true.',
  }),
  name: environmentName,
});

export const nodesPoetry = z.strictObject({
  project: projectFile('pyproject.toml'),
  extraArgs: extraArgs('poetry install'),
  name: environmentName,
});

export const nodesEnvironment = z.strictObject({
  uv: z
    .union([z.string(), nodesUv])
    .optional()
    .meta({ description: 'A uv environment made from this pyproject.toml.' }),
  pixi: z
    .union([z.string(), nodesPixi])
    .optional()
    .meta({ description: 'A pixi environment made from this pixi.toml.' }),
  conda: z
    .union([z.string(), nodesConda])
    .optional()
    .meta({ description: 'A conda environment from this archive, `s3://bucket/key`.' }),
  poetry: z
    .union([z.string(), nodesPoetry])
    .optional()
    .meta({ description: 'A poetry environment made from this pyproject.toml.' }),
  host: z
    .union([z.boolean(), z.null()])
    .optional()
    .meta({ description: 'No environment of its own: what the machine has.' }),
});

export const nodesStep = z.strictObject({
  id: id.optional().meta({ description: 'Names the step in logs and reports.' }),
  name: z.string().optional().meta({ description: 'How the step is shown.' }),
  command: z
    .string()
    .meta({ description: 'One `sh -c`. Each `{{ expression }}` becomes one quoted word.' }),
  operator: nodesOperator.optional().meta({ description: 'The program the command belongs to.' }),
  environment: z.union([z.string(), nodesEnvironment]).optional().meta({
    description:
      'What the command runs in: `host`, `{ uv: pyproject.toml }`, `{ pixi: pixi.toml }`, `{ conda: s3://bucket/key }` or `{ poetry: pyproject.toml }`.',
  }),
  env: variables.optional(),
  cwd: z.string().optional().meta({ description: "A folder inside the step's workspace." }),
  timeout: duration.optional().meta({ description: 'How long the step may take.' }),
  retry: retry.optional(),
});

export const nodesFunction = z.strictObject({
  name: z
    .string()
    .max(limits.idLength)
    .meta({ description: 'The name under which the program registers its handler.' }),
  config: z.record(z.string(), json).optional().meta({
    description: 'What the handler is set up with; texts may hold `{{ expression }}` and secrets.',
  }),
});

export const nodesSubPipeline = z.strictObject({
  file: z
    .string()
    .optional()
    .meta({ description: "Its file, relative to this file's folder: `./publish.yaml`." }),
  id: z
    .string()
    .optional()
    .meta({ description: "Its id, in place of `file`: a YAML file of this file's folder." }),
  inputs: z
    .record(z.string(), json)
    .optional()
    .meta({ description: 'What its run is given; texts may hold `{{ expression }}`.' }),
});

export const nodesApproval = z.strictObject({
  message: z
    .string()
    .max(limits.messageLength)
    .optional()
    .meta({ description: 'What is asked; may hold `{{ expression }}`.' }),
  approvers: z.array(z.string()).optional().meta({
    description:
      'Who may decide: names of users, or `role:NAME`. Whoever may act on the run when absent.',
  }),
  deadline: duration
    .optional()
    .meta({ description: "How long it waits, from its start. Default: until the run's own end." }),
  onDeadline: z.enum(['reject', 'approve']).optional().meta({
    description: 'What counts when nobody decided in time. Default: `reject`.',
  }),
});

export const nodesSql = z.strictObject({
  query: z.string().max(limits.sqlLength).meta({
    description:
      'A query of DuckDB; the last statement gives the rows. Each `{{ expression }}` is a bound value: `read_parquet({{ path }})`.',
  }),
  into: z
    .string()
    .regex(/^[\p{L}_][\p{L}\p{M}\p{Nd}_]*\.(parquet|csv|json|jsonl)$/u)
    .optional()
    .meta({
      description:
        'The file that the rows are written to: an output with the name of the file without its ending.',
    }),
  outputs: z.record(z.string(), z.string().max(limits.sqlLength)).optional().meta({
    description:
      'Queries over the result, called as the file of `into` or `result`: each gives one value or one list.',
  }),
});

export const nodesNode = z.strictObject({
  id: id.meta({
    description: 'Names the node in expressions: letters, digits and `_`, no digit first.',
  }),
  name: z.string().optional().meta({ description: 'How the node is shown.' }),
  needs: z
    .union([z.array(z.string()), z.string()])
    .optional()
    .meta({
      description: 'Nodes that must have completed. Not together with `startWhen`.',
    }),
  startWhen: condition.optional().meta({
    description:
      'When the node starts: `event:extract.completed && {{ extract.rows > 0 }}`. Without it and `needs`, it starts with the run.',
  }),
  stopWhen: condition
    .optional()
    .meta({ description: 'When the node is stopped: `event:external.abort`.' }),
  skipWhen: condition
    .optional()
    .meta({ description: 'Asked when the node would start; true skips it.' }),
  inputs: z.record(z.string(), json).optional().meta({
    description: 'Values by name: bare names in its templates, and the file MILLRACE_INPUTS.',
  }),
  env: variables.optional(),
  forEach: z
    .union([z.array(json), z.string()])
    .optional()
    .meta({
      description: 'One instance per element, of a list or of `{{ expression }}`; `item`, `index`.',
    }),
  maxParallel: z.int().positive().optional().meta({ description: 'Instances at the same time.' }),
  steps: z.array(nodesStep).min(1).max(limits.nodeSteps).optional().meta({
    description: 'Commands, in order, on one machine. A node without an executor is a join.',
  }),
  function: z
    .union([z.string().max(limits.idLength), nodesFunction])
    .optional()
    .meta({
      description:
        'A handler that the embedding program registered under this name; `inputs` are its input.',
    }),
  sql: z
    .union([z.string().max(limits.sqlLength), nodesSql])
    .optional()
    .meta({
      description: 'A query over files, done by DuckDB in a program of its own.',
    }),
  pipeline: nodesSubPipeline
    .optional()
    .meta({ description: 'A run of another pipeline: inputs down, outputs up.' }),
  approval: z
    .union([z.literal(true), z.null(), nodesApproval])
    .optional()
    .meta({
      description:
        'Waits until somebody approves or rejects: `event:NODE.approved`, `event:NODE.rejected`.',
    }),
  cache: z
    .union([z.literal(true), z.string()])
    .optional()
    .meta({
      description:
        'Takes over the outputs of an earlier attempt with the same key: `true` makes the key of the inputs, `{{ expression }}` names it. What the node runs always counts.',
    }),
  resources: nodesResources.optional().meta({ description: 'What the node asks for.' }),
  priority: z
    .int()
    .optional()
    .meta({ description: 'Of nodes that wait for room the higher starts first. Default: 0.' }),
  retry: retry.optional(),
  timeout: duration.optional().meta({ description: 'How long one attempt may take.' }),
  grace: duration
    .optional()
    .meta({ description: 'Between asking a program to end and ending it. Default: `10s`.' }),
});

export const nodesPipeline = z
  .strictObject({
    id: z
      .string()
      .max(limits.idLength)
      .regex(/^[\p{L}_][\p{L}\p{M}\p{Nd}_-]*$/u)
      .meta({ description: 'Names the pipeline; hyphens are allowed here.' }),
    version: z
      .union([z.string(), z.number()])
      .optional()
      .meta({ description: 'As it is written: `1.10` stays `1.10`.' }),
    name: z.string().optional().meta({ description: 'How the pipeline is shown.' }),
    description: z.string().optional().meta({ description: 'For people.' }),
    inputs: z
      .record(z.string(), nodesInput)
      .optional()
      .meta({ description: 'What a run may be given: `pipeline.input.NAME`.' }),
    env: variables.optional(),
    timeout: duration.optional().meta({ description: 'How long a run may take. Default: `7d`.' }),
    failFast: z
      .boolean()
      .optional()
      .meta({ description: 'The first unhandled failure cancels the rest. Default: `false`.' }),
    maxParallel: z.int().positive().optional().meta({ description: 'Nodes at the same time.' }),
    scheduling: scheduling.optional().meta({
      description:
        'Which node starts first where there is not room for all: `topological` (default), `priority` or `packing`.',
    }),
    outputs: z.record(z.string(), json).optional().meta({
      description:
        'What a run gives, with `{{ node.output }}`; null where its node did not complete. Default: the outputs of each completed node under its id.',
    }),
    nodes: z.array(nodesNode).min(1).max(limits.planNodes).meta({ description: 'The graph.' }),
  })
  .meta({ title: 'Millrace pipeline, dialect nodes' });

/** Executors of the native dialect that this version lacks, each a key of a node. */
export const EXECUTORS_TO_COME = ['spark', 'docetl'] as const;

/** Kinds of environment that this version lacks. */
export const ENVIRONMENTS_TO_COME = ['container'] as const;
