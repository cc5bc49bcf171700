// Control over an engine's socket, or over a server: what another process holds, here or elsewhere, as if it were ours.
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
import { type Came, type Server, serverTransport, socketTransport } from './transport.ts';

export type ClientOptions = ({ readonly socketPath: string } | { readonly server: Server }) & {
  readonly namespace?: string;
};

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
 * A Control that asks the engine behind the socket, or the server.
 *
 * Errors come back as the family they were. A socket or a server that nobody answers is a Transient `unavailable`; a server that
 * never answered, because its address leads nowhere, is Rejected.
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

function askerOf(options: ClientOptions): Ask {
  const { namespace = 'default' } = options;
  const transport =
    'server' in options ? serverTransport(options.server) : socketTransport(options.socketPath);
  return async (route, { params = {}, query = {}, body, signal }) => {
    const target = `${pathOf(route.path, { namespace, ...params })}${searchOf(query)}`;
    const timeout = PATIENCE + Number(query['wait'] ?? 0);
    const { method } = route;
    const came = await transport.send({ method, target, body, timeout, signal });
    if (came.status === 200) return read(route.answer, { who: transport.who, target }, came.text);
    throw errorOf(came, { who: transport.who, target });
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

interface Asked {
  readonly who: string;
  readonly target: string;
}

function read<A extends Schema>(schema: A, { who, target }: Asked, text: string): Read<A> {
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new Defect(`${who}: the answer to ${target} is none that this version understands`, {
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

function errorOf({ text, status }: Came, asked: Asked): Error {
  const parsed = errorAnswer.safeParse(jsonOf(text));
  if (!parsed.success) return gatewayError({ text, status }, asked);
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

/** What stands before the server answered: it knows nothing of our families. */
function gatewayError({ text, status }: Came, { who, target }: Asked): Error {
  const said = `${who} answered ${status} to ${target}: ${text.slice(0, limits.messageLength)}`;
  if (status === 401 || status === 403) return new Rejected('not_permitted', said);
  if (status === 404) return new NotFound(said);
  if (status === 413) return new Rejected('too_large', said);
  if (status === 429) return new Transient('busy', said);
  return status === 502 || status === 503 || status === 504
    ? new Transient('unavailable', said)
    : new Defect(said);
}

function rejected(code: ErrorCode, error: ErrorAnswer['error']): Rejected {
  if (error.problems !== undefined) return new HasProblems(error.problems);
  if (code === 'not_found') return new NotFound(error.message, error.details);
  return new Rejected(code, error.message, error.details);
}
