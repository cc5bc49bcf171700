// The dialect of data production lines: operators with their environments, and nodes that run them.
import * as z from 'zod';
import { limits } from './limits.ts';
import { scheduling } from './plan.ts';
import { LOG_LEVELS } from './work-dir.ts';

const seconds = limits.longestDuration / 1_000;

/** What an environment may be called: a name, never a path. */
export const ENV_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const envName = z
  .string()
  .regex(ENV_NAME)
  .nullable()
  .optional()
  .meta({ description: "What the environment is called. Default: the operator's id." });
const words = z.array(z.string()).nullable().optional();

export const operatorsUv = z.object({
  pyproject_path: z
    .string()
    .meta({ description: "The pyproject.toml, relative to the operator's root." }),
  uv_extra_args: words.meta({ description: 'Further arguments of `uv sync`.' }),
  env_name: envName,
});

export const operatorsPixi = z.object({
  pixi_toml_path: z
    .string()
    .meta({ description: "The pixi.toml, relative to the operator's root." }),
  pixi_channels: words.meta({
    description: 'Channels in place of those of the pixi.toml. `pypi` is none and is dropped.',
  }),
  pixi_extra_args: words.meta({ description: 'Further arguments of `pixi install`.' }),
  env_name: envName,
});

export const operatorsConda = z.object({
  s3_compress_path: z.string().meta({
    description:
      'The zstd archive of the environment: `s3://bucket/key`, a key of `s3_config.bucket`, or, without one, `bucket/key`.',
  }),
  need_conda_update: z
    .boolean()
    .nullable()
    .optional()
    .meta({ description: 'Run `conda env update` once it is unpacked. Default: true.' }),
  zstd_extra_args: words.meta({ description: 'Further arguments of `zstd`.' }),
  env_name: envName,
});

export const operatorsPoetry = z.object({
  pyproject_path: z
    .string()
    .meta({ description: "The pyproject.toml, relative to the operator's root." }),
  poetry_extra_args: words.meta({ description: 'Further arguments of `poetry install`.' }),
  env_name: envName,
});

/** What each kind of environment is told, and the key that tells the kind where `env_type` does not. */
export const ENV_KINDS = {
  uv_project: { keys: operatorsUv, tells: 'pyproject_path' },
  pixi_project: { keys: operatorsPixi, tells: 'pixi_toml_path' },
  conda_project: { keys: operatorsConda, tells: 's3_compress_path' },
  // A pyproject.toml alone tells uv.
  poetry_project: { keys: operatorsPoetry, tells: 'poetry_extra_args' },
} as const;

/** All keys of all kinds, for editors: which belong together `env_type` says. */
export const operatorsEnvConfig = z.object({
  ...operatorsUv.partial().shape,
  ...operatorsPixi.partial().shape,
  ...operatorsConda.partial().shape,
  ...operatorsPoetry.partial().shape,
});

export const operatorsRetry = z.object({
  max_attempts: z
    .int()
    .min(1)
    .max(limits.retryAttempts)
    .meta({ description: 'Attempts altogether, the first included.' }),
  interval: z
    .number()
    .nonnegative()
    .max(seconds)
    .optional()
    .meta({ description: 'Seconds before the next attempt, at least. Default: 1.' }),
  backoff: z.enum(['fixed', 'exponential']).optional().meta({
    description: '`exponential` doubles the interval with each attempt. Default: `fixed`.',
  }),
});

/** What follows when an operator has failed for good. */
export const ON_FAILURE = ['stop', 'continue'] as const;

export const operatorsNeed = z.object({
  cpu: z.number().nonnegative().optional().meta({ description: 'Cores.' }),
  memory: z.number().nonnegative().optional().meta({ description: 'GiB.' }),
  gpu: z.int().nonnegative().optional().meta({ description: 'Graphics processors.' }),
});

export const operatorsOperator = z.object({
  operator_id: z.string().min(1).meta({ description: 'Names the operator.' }),
  git_repo: z.string().meta({
    description: 'Repository of its code. A password in the address is stored and shown nowhere.',
  }),
  git_tag: z.string().meta({ description: 'The exact tag.' }),
  upstream_dependencies: z
    .array(z.string())
    .nullable()
    .optional()
    .meta({ description: 'Operators that must have completed: direct ones.' }),
  env_type: z.string().nullable().optional().meta({
    description:
      '`uv_project`, `pixi_project`, `conda_project`, `poetry_project` or `host`. May be left out where `env_config` tells.',
  }),
  env_config: operatorsEnvConfig.nullable().optional().meta({
    description:
      'Details of the environment. Without them `pyproject.toml` or `pixi.toml` in the root is meant.',
  }),
  start_command: z.string().meta({ description: 'One `sh -c` in its code.' }),
  timeout: z
    .number()
    .positive()
    .max(seconds)
    .nullable()
    .optional()
    .meta({ description: 'Seconds that the program of one attempt may take.' }),
  extra_env_vars: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .nullable()
    .optional()
    .meta({ description: 'Environment variables. Numbers arrive as text.' }),
  resources: operatorsNeed.nullable().optional().meta({
    description: 'What it needs, as a hint; what it gets is what its node asks for.',
  }),
  retry: operatorsRetry
    .nullable()
    .optional()
    .meta({ description: 'Further attempts when it fails or times out.' }),
  on_failure: z
    .union([z.enum(ON_FAILURE), z.string().regex(/^fallback:/), z.object({ fallback: z.string() })])
    .nullable()
    .optional()
    .meta({
      description:
        '`stop` ends the run (default), `continue` lets go on what does not wait for it, `fallback: ID` runs another operator in its place.',
    }),
});

export const operatorsResource = z.object({
  cpu_request: z.number().nonnegative().optional().meta({ description: 'Cores asked for.' }),
  cpu_limit: z.number().positive().optional().meta({ description: 'Cores at most.' }),
  memory_request: z.number().nonnegative().optional().meta({ description: 'GiB asked for.' }),
  memory_limit: z.number().positive().optional().meta({ description: 'GiB at most.' }),
  gpu_request: z
    .int()
    .nonnegative()
    .optional()
    .meta({ description: 'Graphics processors asked for.' }),
  gpu_limit: z.int().nonnegative().nullable().optional().meta({
    description:
      'Graphics processors at most. Default: as many as are asked for, which is what the node gets.',
  }),
});

export const operatorsNode = z.object({
  node_id: z.string().min(1).meta({ description: 'Names the node.' }),
  operator_ids: z.array(z.string()).min(1).meta({ description: 'The operators it runs.' }),
  runner_count: z
    .int()
    .positive()
    .nullable()
    .optional()
    .meta({ description: 'Operators it runs at the same time. Default: 1.' }),
  resource: operatorsResource
    .nullable()
    .optional()
    .meta({ description: 'What the node asks for.' }),
  priority: z
    .int()
    .nullable()
    .optional()
    .meta({ description: 'Of nodes that wait for room the higher starts first. Default: 0.' }),
});

export const operatorsS3 = z.object({
  endpoint: z
    .string()
    .nullable()
    .optional()
    .meta({ description: '`https://…` of the service. Default: that of AWS for the region.' }),
  access_key: z.string().nullable().optional().meta({
    description: "Id of a key. Without both: this machine's own AWS credentials.",
  }),
  secret_key: z.string().nullable().optional().meta({ description: 'The key itself.' }),
  region: z.string().nullable().optional().meta({ description: 'Default: `us-east-1`.' }),
  bucket: z
    .string()
    .nullable()
    .optional()
    .meta({ description: 'The bucket that keys without one lie in.' }),
  path_style: z.boolean().nullable().optional().meta({
    description: 'The bucket in the path instead of the name. Default: true with an endpoint.',
  }),
});

/** `100 MB`, `1.5GiB`; `00:00`; `1 week`. */
export const LOG_ROTATION =
  /^(?:\d+(?:\.\d+)? ?(?:[KMG]i?B|B)|(?:[01]\d|2[0-3]):[0-5]\d|[1-9]\d* ?(?:second|minute|hour|day|week|month|year)s?)$/;
/** `10 days`. */
export const LOG_RETENTION = /^[1-9]\d* ?(?:second|minute|hour|day|week|month|year)s?$/;

export const operatorsLog = z.object({
  level: z.enum(LOG_LEVELS).nullable().optional().meta({ description: 'Default: `INFO`.' }),
  log_path: z
    .string()
    .nullable()
    .optional()
    .meta({ description: 'Default: `logs/pipeline.log` in `work_dir`.' }),
  rotation: z.string().regex(LOG_ROTATION).nullable().optional().meta({
    description: 'A size, a time of the day or a span: `100 MB` (default), `00:00`, `1 week`.',
  }),
  retention: z
    .union([z.int().nonnegative(), z.string().regex(LOG_RETENTION)])
    .nullable()
    .optional()
    .meta({
      description: 'How many older files are kept, or for how long: 10 (default), `10 days`.',
    }),
});

export const operatorsPipeline = z
  .object({
    pipeline_id: z.string().min(1).meta({ description: 'Names the pipeline.' }),
    name: z.string().nullable().optional().meta({ description: 'How the pipeline is shown.' }),
    description: z.string().nullable().optional().meta({ description: 'For people.' }),
    work_dir: z.string().nullable().optional().meta({
      description: 'Where code, environments and logs lie. Default: `./pipeline_workspace`.',
    }),
    s3_config: operatorsS3
      .nullable()
      .optional()
      .meta({ description: 'Where archives of conda environments are fetched from.' }),
    log_config: operatorsLog.nullable().optional().meta({
      description: 'How the log file is kept.',
    }),
    scheduling: scheduling.nullable().optional().meta({
      description:
        'Which node starts first where there is not room for all: `topological` (default), `priority` or `packing`.',
    }),
    operators: z.array(operatorsOperator).min(1).meta({ description: 'All operators.' }),
    nodes: z.array(operatorsNode).min(1).meta({ description: 'The nodes that run them.' }),
  })
  .meta({ title: 'Millrace pipeline, dialect operators' });

/** Keys below which no variable of the environment reaches. */
export const BELOW_PIPELINE = ['operators', 'nodes'] as const;

/** What stands at a place of the configuration; undefined where the dialect knows nothing. */
function schemaAt(keys: readonly (string | number)[]): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = operatorsPipeline;
  for (const key of keys) {
    const around: z.core.$ZodType | undefined = schema === undefined ? undefined : plain(schema);
    if (around instanceof z.ZodObject) schema = around.shape[key];
    else if (around instanceof z.ZodArray) schema = around.element;
    else if (around instanceof z.ZodRecord) schema = around.valueType;
    else return undefined;
  }
  return schema;
}

function plain(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodNullable
    ? plain(schema.unwrap())
    : schema;
}

/** Whether a value may stand at a place, as far as the dialect says. */
export function operatorsFits(keys: readonly (string | number)[], value: unknown): boolean {
  const schema = schemaAt(keys);
  return schema === undefined || z.safeParse(schema, value).success;
}

/** The keys that may stand below a place. */
export function operatorsKeys(keys: readonly (string | number)[]): readonly string[] {
  const schema = schemaAt(keys);
  const around = schema === undefined ? undefined : plain(schema);
  return around instanceof z.ZodObject ? Object.keys(around.shape) : [];
}
