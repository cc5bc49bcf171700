// Control over an engine's socket: what another process of this machine holds, as if it were ours.
import type { Agent, IncomingMessage } from 'node:http';
import {
  Conflict,
  Defect,
  ERROR_CODES,
  type ErrorCode,
  HasProblems,
  NotFound,
  Rejected,
  Transient,
} from '#errors/families.ts';
import { type ErrorAnswer, errorAnswer, type Route, routes } from '#schemas/api.ts';
import type { Read, Schema } from '#schemas/complaint.ts';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';

// Taken this way because importing node:http as a module loads node's whole fetch along with it: 30 ms of each command.
const http = process.getBuiltinModule('node:http');

export interface ClientOptions {
  readonly socketPath: string;
  readonly namespace?: string;
}

/** Milliseconds an answer may take beyond what the question itself may wait. */
const PATIENCE = 60_000;

type Query = { readonly [name: string]: string | number | boolean | undefined };
interface Question {
  readonly params?: { readonly [name: string]: string };
  readonly query?: Query;
  readonly body?: unknown;
  /** Goes away before it is answered. */
  readonly signal?: AbortSignal;
}
type Ask = <A extends Schema>(
  route: Route<Schema, Schema, Schema, A>,
  question: Question,
) => Promise<Read<A>>;

/**
 * A Control that asks the engine behind the socket.
 *
 * Errors come back as the family they were. A socket that nobody answers is a Transient `unavailable`.
 */
export function createClient(options: ClientOptions): Control {
  const ask = askerOf(options);
  return {
    start: (body) => ask(routes.start, { body }),
    runs: async (query = {}) => (await ask(routes.runs, { query })).runs,
    find: async (run) => (await ask(routes.find, { params: { run } })).run,
    report: (run) => ask(routes.report, { params: { run } }),
    events: (run, { signal, ...query } = {}) =>
      ask(routes.events, { params: { run }, query, ...(signal === undefined ? {} : { signal }) }),
    logs: (run, { signal, ...query } = {}) =>
      ask(routes.logs, { params: { run }, query, ...(signal === undefined ? {} : { signal }) }),
    variables: (run) => ask(routes.variables, { params: { run } }),
    explain: (run, node) => ask(routes.explain, { params: { run, node } }),
    pause: (run) => silent(ask(routes.pause, { params: { run } })),
    resume: (run) => silent(ask(routes.resume, { params: { run } })),
    adopt: (run) => silent(ask(routes.adopt, { params: { run } })),
    cancel: (run, body = {}) => silent(ask(routes.cancel, { params: { run }, body })),
    retry: (run, body = {}) => ask(routes.retry, { params: { run }, body }),
    decide: (run, node, body) => ask(routes.decide, { params: { run, node }, body }),
    emit: (run, event, more = {}) =>
      silent(ask(routes.emit, { params: { run }, body: { event, ...more } })),
    evaluate: (run, expression) => ask(routes.evaluate, { params: { run }, body: { expression } }),
    validate: (body) => ask(routes.validate, { body }),
    store: (body) => ask(routes.store, { body }),
    pipelines: async (query = {}) => (await ask(routes.pipelines, { query })).pipelines,
    pipeline: (pipeline, version) =>
      ask(routes.pipeline, { params: { pipeline }, query: { version } }),
    file: (body) => ask(routes.file, { body }),
  };
}

async function silent(answer: Promise<unknown>): Promise<void> {
  await answer;
}

function askerOf({ socketPath, namespace = 'default' }: ClientOptions): Ask {
  // A connection for each question: on a socket of this machine that costs next to nothing, and none that the engine has just
  // closed is ever used again.
  const agent = new http.Agent({ keepAlive: false });
  return async (route, { params = {}, query = {}, body, signal }) => {
    const target = `${pathOf(route.path, { namespace, ...params })}${searchOf(query)}`;
    const { method } = route;
    const text = await send({ agent, socketPath, target, method, query, body, signal });
    return read(route.answer, target, text);
  };
}

function pathOf(path: string, params: { readonly [name: string]: string }): string {
  return path.replace(/:([a-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}

function searchOf(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? '' : `?${search}`;
}

interface Sending {
  readonly agent: Agent;
  readonly socketPath: string;
  readonly target: string;
  readonly method: string;
  readonly query: Query;
  readonly body: unknown;
  readonly signal: AbortSignal | undefined;
}

async function send(sending: Sending): Promise<string> {
  const { agent, socketPath, target, method, query, body, signal } = sending;
  const timeout = PATIENCE + Number(query['wait'] ?? 0);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { host: 'millrace', 'content-type': 'application/json' };
    const asked = http.request(
      {
        agent,
        socketPath,
        path: target,
        method,
        headers,
        timeout,
        ...(signal === undefined ? {} : { signal }),
      },
      resolve,
    );
    asked.on('error', (error) => reject(unavailable(socketPath, error)));
    asked.on('timeout', () => asked.destroy(unavailable(socketPath, undefined)));
    asked.end(text);
  });
  const answer = await textOf(response, socketPath);
  if (response.statusCode === 200) return answer;
  throw errorOf(answer, response.statusCode ?? 0, target);
}

async function textOf(response: IncomingMessage, socketPath: string): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk);
  } catch (error) {
    throw unavailable(socketPath, error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const UNASKED: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN']);

const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : '';

function unavailable(socketPath: string, cause: unknown): Transient {
  const why = cause instanceof Error ? cause.message : 'no answer in time';
  return new Transient('unavailable', `the engine at ${socketPath} does not answer: ${why}`, {
    // Where nobody listened nothing was asked: asking again cannot do it twice.
    details: { asked: !UNASKED.has(codeOf(cause)) },
    cause,
  });
}

function read<A extends Schema>(schema: A, target: string, text: string): Read<A> {
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new Defect(`the engine's answer to ${target} is none that this version understands`, {
    issues: parsed.error.issues.slice(0, 5),
  });
}

function jsonOf(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return undefined;
  }
}

function errorOf(text: string, status: number, target: string): Error {
  const parsed = errorAnswer.safeParse(jsonOf(text));
  if (!parsed.success)
    return new Defect(
      `the engine answered ${status} to ${target}: ${text.slice(0, limits.messageLength)}`,
    );
  const { error } = parsed.data;
  const { message, details } = error;
  const code = ERROR_CODES.find((known) => known === error.code) ?? 'defect';
  switch (error.family) {
    case 'rejected':
      return rejected(code, error);
    case 'conflict':
      return new Conflict(code, message, details);
    case 'transient':
      return new Transient(code, message, {
        details,
        ...(error.afterMs === undefined ? {} : { afterMs: error.afterMs }),
      });
    case 'defect':
      return new Defect(message, details);
  }
}

function rejected(code: ErrorCode, error: ErrorAnswer['error']): Rejected {
  if (error.problems !== undefined) return new HasProblems(error.problems);
  if (code === 'not_found') return new NotFound(error.message, error.details);
  return new Rejected(code, error.message, error.details);
}
