// The routes of the control plane: method, path, permission, and the shapes of what goes in and out. The application is
// built from this table and the client speaks it; what declares no permission is refused.
import * as z from 'zod';
import { digest, instant, namespace, runId } from './ids.ts';
import { limits } from './limits.ts';
import { problem } from './problems.ts';
import { eventLine, explanation, nodeExplanation, runReport, runSummary } from './report.ts';
import { runStatus } from './run.ts';
import { logLine } from './runner-protocol.ts';
import { fileValue, type Json, json } from './values.ts';
import { workDir } from './work-dir.ts';

/** What a caller must be allowed to do. */
export const permission = z.enum([
  'runs.read',
  'runs.start',
  'runs.steer',
  'runs.decide',
  'pipelines.read',
  'pipelines.write',
]);
export type Permission = z.infer<typeof permission>;

/** A run as people name it: its id, a unique prefix, `latest`. */
export const runName = z.string().min(1).max(64);

/** What was read as JSON already: looking through a large plan twice would cost more than reading it. */
const anyJson = z.custom<Json>((value) => value !== undefined);

export const runRequest = z.strictObject({
  plan: anyJson,
  plans: z.array(anyJson).exactOptional(),
  inputs: z.record(z.string(), json),
  sources: z.record(
    z.string(),
    z.strictObject({ commit: z.string(), dirty: z.boolean().optional() }),
  ),
  with: z.record(z.string(), z.string()).exactOptional(),
  folder: z.string().exactOptional(),
  file: z.string().exactOptional(),
  allowEnv: z.array(z.string()).exactOptional(),
  offline: z.boolean().exactOptional(),
  workDir: workDir.exactOptional(),
  workDirs: z.record(z.string(), workDir).exactOptional(),
  warnings: z.array(z.string().max(limits.messageLength)).max(limits.warnings).exactOptional(),
  anew: z.literal(true).exactOptional(),
  timeout: z.int().nonnegative().max(limits.longestDuration).exactOptional(),
  run: runId.exactOptional(),
  /** What configurations hold encoded, by plan and name: kept in memory, stored nowhere. */
  decoded: z.record(digest, z.record(z.string(), z.string())).exactOptional(),
});

/** Texts of the pipelines that a pipeline runs, by their paths from where it lies. */
const files = z.record(z.string().max(limits.objectKeyBytes), z.string().max(limits.sourceBytes));

export const source = z.strictObject({
  source: z.string().max(limits.sourceBytes),
  /** What it is called in messages. */
  name: z.string().min(1).max(limits.idLength).exactOptional(),
  files: files.exactOptional(),
});

const start = {
  inputs: z.record(z.string(), json).exactOptional(),
  anew: z.literal(true).exactOptional(),
  timeout: z.int().nonnegative().max(limits.longestDuration).exactOptional(),
  run: runId.exactOptional(),
};

const pipelineId = z.string().min(1).max(limits.idLength);
const version = z.int().positive();

/** A plan that was compiled by whoever asks, a source, or a stored pipeline. */
export const startRequest = z.union([
  runRequest,
  z.strictObject({ ...source.shape, ...start }),
  z.strictObject({ pipeline: pipelineId, version: version.exactOptional(), ...start }),
]);

const storedPipeline = z.strictObject({ id: pipelineId, version, digest, at: instant });

/** What a file may be called: its name is the end of its key. */
const fileName = z
  .string()
  .regex(/^(?!\.{1,2}$)[^/\0]+$/u)
  .max(limits.idLength);

const evaluation = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('value'), value: json, tree: explanation.exactOptional() }),
  z.strictObject({
    is: z.literal('open'),
    truth: z.enum(['never', 'not_yet']),
    because: z.string().exactOptional(),
    tree: explanation.exactOptional(),
  }),
  z.strictObject({
    is: z.literal('wrong'),
    message: z.string(),
    at: z.int().nonnegative().exactOptional(),
    suggestion: z.string().exactOptional(),
    tree: explanation.exactOptional(),
  }),
]);

const started = z.strictObject({ run: runId });
const done = z.strictObject({});

/** A truth in a query, which is text there. */
const flag = z.stringbool({ truthy: ['true'], falsy: ['false'] });

const cursor = z.string().max(limits.cursorLength);
const paging = {
  after: cursor.exactOptional(),
  limit: z.coerce.number().int().positive().max(limits.page).exactOptional(),
  /** Milliseconds it may wait for something to come. */
  wait: z.coerce.number().int().nonnegative().max(limits.pollWait).exactOptional(),
};

export const eventPage = z.strictObject({ events: z.array(eventLine), cursor, last: z.boolean() });
export const logEntry = z.strictObject({
  ...logLine.shape,
  node: z.string(),
  attempt: z.int(),
});
export const logPage = z.strictObject({ lines: z.array(logEntry), cursor, last: z.boolean() });

export const variables = z.strictObject({
  'pipeline.input': z.record(z.string(), json),
  system: z.record(z.string(), json),
  nodes: z.record(z.string(), z.record(z.string(), json)),
});

export type Method = 'GET' | 'POST';

/** `params` stand in the path as `:name`, `query` behind it. A route without `permission` is refused. */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> {
  readonly method: Method;
  readonly path: string;
  readonly permission?: Permission;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly answer: Answer;
}

function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType>(
  described: Route<P, Q, B, A>,
): Route<P, Q, B, A> {
  return described;
}

const nothing = z.strictObject({});
const ofNamespace = z.strictObject({ namespace });
const ofRun = z.strictObject({ namespace, run: runName });

const read = { method: 'GET', permission: 'runs.read', query: nothing, body: nothing } as const;
const steer = {
  method: 'POST',
  permission: 'runs.steer',
  query: nothing,
  body: nothing,
  answer: done,
} as const;

export const routes = {
  start: route({
    method: 'POST',
    path: '/v1/:namespace/runs',
    permission: 'runs.start',
    params: ofNamespace,
    query: nothing,
    body: startRequest,
    answer: started,
  }),
  runs: route({
    ...read,
    path: '/v1/:namespace/runs',
    params: ofNamespace,
    query: z.strictObject({
      limit: paging.limit,
      pipeline: z.string().max(limits.idLength).exactOptional(),
      status: runStatus.exactOptional(),
      /** Sub-runs as well. */
      all: flag.exactOptional(),
    }),
    answer: z.strictObject({ runs: z.array(runSummary) }),
  }),
  find: route({
    ...read,
    path: '/v1/:namespace/runs/:run/id',
    params: ofRun,
    answer: started,
  }),
  report: route({
    ...read,
    path: '/v1/:namespace/runs/:run',
    params: ofRun,
    answer: runReport,
  }),
  events: route({
    ...read,
    path: '/v1/:namespace/runs/:run/events',
    params: ofRun,
    query: z.strictObject({
      ...paging,
      /** Those of its sub-runs as well. */
      children: flag.exactOptional(),
    }),
    answer: eventPage,
  }),
  logs: route({
    ...read,
    path: '/v1/:namespace/runs/:run/logs',
    params: ofRun,
    query: z.strictObject({ ...paging, node: z.string().exactOptional() }),
    answer: logPage,
  }),
  variables: route({
    ...read,
    path: '/v1/:namespace/runs/:run/variables',
    params: ofRun,
    answer: variables,
  }),
  explain: route({
    ...read,
    path: '/v1/:namespace/runs/:run/nodes/:node/explanation',
    params: z.strictObject({ namespace, run: runName, node: z.string().min(1) }),
    answer: nodeExplanation,
  }),
  pause: route({ ...steer, path: '/v1/:namespace/runs/:run/pause', params: ofRun }),
  resume: route({ ...steer, path: '/v1/:namespace/runs/:run/resume', params: ofRun }),
  adopt: route({ ...steer, path: '/v1/:namespace/runs/:run/adopt', params: ofRun }),
  cancel: route({
    ...steer,
    path: '/v1/:namespace/runs/:run/cancel',
    params: ofRun,
    body: z.strictObject({ force: z.boolean().exactOptional() }),
  }),
  retry: route({
    ...steer,
    path: '/v1/:namespace/runs/:run/retry',
    permission: 'runs.start',
    params: ofRun,
    body: z.strictObject({ from: z.string().exactOptional() }),
    answer: started,
  }),
  decide: route({
    ...steer,
    path: '/v1/:namespace/runs/:run/nodes/:node/decision',
    permission: 'runs.decide',
    params: z.strictObject({ namespace, run: runName, node: z.string().min(1) }),
    body: z.strictObject({
      approve: z.boolean(),
      /** Who decides, where callers are not known; where they are it is who asks. */
      by: z.string().min(1).max(limits.idLength).exactOptional(),
      comment: z.string().max(limits.messageLength).exactOptional(),
    }),
    answer: z.strictObject({ by: z.string() }),
  }),
  emit: route({
    ...steer,
    path: '/v1/:namespace/runs/:run/events',
    params: ofRun,
    body: z.strictObject({
      event: z.string().min(1),
      payload: json.exactOptional(),
      key: z.string().min(1).exactOptional(),
    }),
  }),
  /** One expression, template or condition against a run as it is now. */
  evaluate: route({
    ...read,
    method: 'POST',
    path: '/v1/:namespace/runs/:run/evaluation',
    params: ofRun,
    body: z.strictObject({ expression: z.string().max(limits.expressionLength) }),
    answer: evaluation,
  }),
  validate: route({
    ...read,
    method: 'POST',
    path: '/v1/:namespace/validation',
    permission: 'pipelines.read',
    params: ofNamespace,
    body: source,
    answer: z.strictObject({
      problems: z.array(problem),
      pipeline: z.string().exactOptional(),
      plan: digest.exactOptional(),
    }),
  }),
  store: route({
    ...steer,
    path: '/v1/:namespace/pipelines',
    permission: 'pipelines.write',
    params: ofNamespace,
    body: source,
    answer: storedPipeline,
  }),
  pipelines: route({
    ...read,
    path: '/v1/:namespace/pipelines',
    permission: 'pipelines.read',
    params: ofNamespace,
    query: z.strictObject({ after: pipelineId.exactOptional(), limit: paging.limit }),
    answer: z.strictObject({ pipelines: z.array(storedPipeline) }),
  }),
  pipeline: route({
    ...read,
    path: '/v1/:namespace/pipelines/:pipeline',
    permission: 'pipelines.read',
    params: z.strictObject({ namespace, pipeline: pipelineId }),
    query: z.strictObject({ version: z.coerce.number().int().positive().exactOptional() }),
    answer: z.strictObject({ ...storedPipeline.shape, plan: anyJson }),
  }),
  /** Where the content of a file is brought that runs shall be given; without `put` it is there. */
  file: route({
    ...steer,
    path: '/v1/:namespace/files',
    permission: 'runs.start',
    params: ofNamespace,
    body: z.strictObject({
      name: fileName,
      size: z.int().nonnegative().max(limits.objectPutBytes),
      sha256: digest,
      mediaType: z.string().max(limits.idLength).exactOptional(),
    }),
    answer: z.strictObject({
      file: fileValue,
      put: z
        .strictObject({
          method: z.enum(['GET', 'PUT']),
          url: z.string(),
          headers: z.record(z.string(), z.string()),
        })
        .exactOptional(),
    }),
  }),
} as const;
export type Routes = typeof routes;
export type RouteName = keyof Routes;

/** What comes back when something goes wrong. `family` says who must act, `code` what it is. */
export const errorAnswer = z.strictObject({
  error: z.strictObject({
    family: z.enum(['rejected', 'conflict', 'transient', 'defect']),
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
    problems: z.array(problem).optional(),
    /** Milliseconds after which asking again makes sense. */
    afterMs: z.number().optional(),
  }),
});
export type ErrorAnswer = z.infer<typeof errorAnswer>;
