// What each route of the table does with Control.
import { Rejected } from '#errors/families.ts';
import { complaint, type Read, type Route, routes, type Schema } from '#schemas/api.ts';
import type { Control } from '#service/control.ts';

/** A route with what it does: takes what came as it came, answers what goes out as JSON. */
export interface Endpoint {
  readonly route: Route;
  answer(came: Came): Promise<unknown>;
}

export interface Came {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  /** Tells when whoever asked has gone away. */
  signal(): AbortSignal;
}

export function endpointsOf(control: Control): readonly Endpoint[] {
  return [
    endpoint(routes.start, ({ body }) => control.start(body)),
    endpoint(routes.runs, async ({ query }) => ({ runs: await control.runs(query) })),
    endpoint(routes.find, async ({ params }) => ({ run: await control.find(params.run) })),
    endpoint(routes.report, ({ params }) => control.report(params.run)),
    endpoint(routes.events, ({ params, query }, signal) =>
      control.events(params.run, { ...query, signal: signal() }),
    ),
    endpoint(routes.logs, ({ params, query }, signal) =>
      control.logs(params.run, { ...query, signal: signal() }),
    ),
    endpoint(routes.variables, ({ params }) => control.variables(params.run)),
    endpoint(routes.explain, ({ params }) => control.explain(params.run, params.node)),
    endpoint(routes.pause, ({ params }) => control.pause(params.run)),
    endpoint(routes.resume, ({ params }) => control.resume(params.run)),
    endpoint(routes.adopt, ({ params }) => control.adopt(params.run)),
    endpoint(routes.cancel, ({ params, body }) => control.cancel(params.run, body)),
    endpoint(routes.retry, ({ params, body }) => control.retry(params.run, body)),
    endpoint(routes.decide, ({ params, body }) => control.decide(params.run, params.node, body)),
    endpoint(routes.emit, ({ params, body: { event, ...more } }) =>
      control.emit(params.run, event, more),
    ),
  ];
}

function endpoint<P extends Schema, Q extends Schema, B extends Schema, A extends Schema>(
  route: Route<P, Q, B, A>,
  work: (
    input: { params: Read<P>; query: Read<Q>; body: Read<B> },
    signal: () => AbortSignal,
  ) => Promise<unknown>,
): Endpoint {
  return {
    route,
    answer: (came) =>
      work(
        {
          params: accept('path', route.params, came.params),
          query: accept('query', route.query, came.query),
          body: accept('body', route.body, came.body),
        },
        came.signal,
      ),
  };
}

function accept<S extends Schema>(where: string, schema: S, came: unknown): Read<S> {
  const parsed = schema.safeParse(came);
  if (parsed.success) return parsed.data;
  throw new Rejected('invalid', `the request's ${where}: ${complaint(parsed.error)}`);
}
