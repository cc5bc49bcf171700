// The dialect of data production lines: operators with their environments, and nodes that run them.
import * as z from 'zod';

export const operatorsEnvConfig = z.object({
  pyproject_path: z
    .string()
    .optional()
    .meta({ description: "The pyproject.toml, relative to the operator's root." }),
  uv_extra_args: z
    .array(z.string())
    .nullable()
    .optional()
    .meta({ description: 'Further arguments of `uv sync`.' }),
  env_name: z
    .string()
    .nullable()
    .optional()
    .meta({ description: "What the environment is called. Default: the operator's id." }),
});

export const operatorsOperator = z.object({
  operator_id: z.string().min(1).meta({ description: 'Names the operator.' }),
  git_repo: z.string().meta({ description: 'Repository of its code.' }),
  git_tag: z.string().meta({ description: 'The exact tag.' }),
  upstream_dependencies: z
    .array(z.string())
    .nullable()
    .optional()
    .meta({ description: 'Operators that must have completed.' }),
  env_type: z.string().optional().meta({ description: '`uv_project`, or `host`.' }),
  env_config: operatorsEnvConfig
    .nullable()
    .optional()
    .meta({ description: 'Details of the environment.' }),
  start_command: z.string().meta({ description: 'One `sh -c` in its code.' }),
  timeout: z.number().positive().nullable().optional().meta({ description: 'Seconds.' }),
  extra_env_vars: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .nullable()
    .optional()
    .meta({ description: 'Environment variables.' }),
});

export const operatorsResource = z.object({
  cpu_request: z.number().nonnegative().optional().meta({ description: 'Cores asked for.' }),
  cpu_limit: z.number().positive().optional().meta({ description: 'Cores at most.' }),
  memory_request: z.number().nonnegative().optional().meta({ description: 'GB asked for.' }),
  memory_limit: z.number().positive().optional().meta({ description: 'GB at most.' }),
  gpu_request: z
    .int()
    .nonnegative()
    .optional()
    .meta({ description: 'Graphics processors asked for.' }),
  gpu_limit: z
    .int()
    .nonnegative()
    .nullable()
    .optional()
    .meta({ description: 'Graphics processors at most.' }),
});

export const operatorsNode = z.object({
  node_id: z.string().min(1).meta({ description: 'Names the node.' }),
  operator_ids: z.array(z.string()).min(1).meta({ description: 'The operators it runs.' }),
  runner_count: z
    .int()
    .positive()
    .optional()
    .meta({ description: 'Operators it runs at the same time. Default: 1.' }),
  resource: operatorsResource
    .nullable()
    .optional()
    .meta({ description: 'What the node asks for.' }),
});

export const operatorsPipeline = z
  .object({
    pipeline_id: z.string().min(1).meta({ description: 'Names the pipeline.' }),
    name: z.string().optional().meta({ description: 'How the pipeline is shown.' }),
    description: z.string().nullable().optional().meta({ description: 'For people.' }),
    work_dir: z
      .string()
      .optional()
      .meta({ description: 'Accepted and not used: workspaces lie in the data directory.' }),
    s3_config: z
      .record(z.string(), z.unknown())
      .nullable()
      .optional()
      .meta({ description: 'Accepted; not used by this version.' }),
    log_config: z
      .record(z.string(), z.unknown())
      .nullable()
      .optional()
      .meta({ description: 'Accepted; not used by this version.' }),
    operators: z.array(operatorsOperator).min(1).meta({ description: 'All operators.' }),
    nodes: z.array(operatorsNode).min(1).meta({ description: 'The nodes that run them.' }),
  })
  .meta({ title: 'Millrace pipeline, dialect operators' });

/** Kinds of environment that this version lacks. */
export const ENV_TYPES_TO_COME = ['pixi_project', 'conda_project', 'poetry_project'] as const;
