// What each route of the table does with Control.
import { Rejected } from '#errors/families.ts';
import { type Route, routes } from '#schemas/api.ts';
import { complaint, type Read, type Schema } from '#schemas/complaint.ts';
import type { Control } from '#service/control.ts';

/** A route with what it does: takes what came as it came, answers what goes out as JSON. */
export interface Endpoint<C = Control> {
  readonly route: Route;
  answer(control: C, came: Came): Promise<unknown>;
}

export interface Came {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  /** Who asks, where that is known. */
  readonly caller: string | undefined;
  /** Tells when whoever asked has gone away. */
  signal(): AbortSignal;
}

/** Of the functions that serve nothing else. */
export const evaluation: Endpoint<Pick<Control, 'evaluate'>> = endpoint(
  routes.evaluate,
  (control, { params, body }) => control.evaluate(params.run, body.expression),
);

export const endpoints: readonly Endpoint[] = [
  endpoint(routes.start, (control, { body }) => control.start(body)),
  endpoint(routes.runs, async (control, { query }) => ({ runs: await control.runs(query) })),
  endpoint(routes.find, async (control, { params }) => ({ run: await control.find(params.run) })),
  endpoint(routes.report, (control, { params }) => control.report(params.run)),
  endpoint(routes.events, (control, { params, query, signal }) =>
    control.events(params.run, { ...query, signal: signal() }),
  ),
  endpoint(routes.logs, (control, { params, query, signal }) =>
    control.logs(params.run, { ...query, signal: signal() }),
  ),
  endpoint(routes.variables, (control, { params }) => control.variables(params.run)),
  endpoint(routes.explain, (control, { params }) => control.explain(params.run, params.node)),
  endpoint(routes.pause, (control, { params }) => control.pause(params.run)),
  endpoint(routes.resume, (control, { params }) => control.resume(params.run)),
  endpoint(routes.adopt, (control, { params }) => control.adopt(params.run)),
  endpoint(routes.cancel, (control, { params, body }) => control.cancel(params.run, body)),
  endpoint(routes.retry, (control, { params, body }) => control.retry(params.run, body)),
  // Nobody decides in the name of somebody else.
  endpoint(routes.decide, (control, { params, body, caller }) =>
    control.decide(params.run, params.node, {
      ...body,
      ...(caller === undefined ? {} : { by: caller }),
    }),
  ),
  endpoint(routes.emit, (control, { params, body: { event, ...more } }) =>
    control.emit(params.run, event, more),
  ),
  evaluation,
  endpoint(routes.validate, (control, { body }) => control.validate(body)),
  endpoint(routes.store, (control, { body }) => control.store(body)),
  endpoint(routes.pipelines, async (control, { query }) => ({
    pipelines: await control.pipelines(query),
  })),
  endpoint(routes.pipeline, (control, { params, query }) =>
    control.pipeline(params.pipeline, query.version),
  ),
  endpoint(routes.file, (control, { body }) => control.file(body)),
];

function endpoint<
  P extends Schema,
  Q extends Schema,
  B extends Schema,
  A extends Schema,
  C = Control,
>(
  route: Route<P, Q, B, A>,
  work: (
    control: C,
    input: { params: Read<P>; query: Read<Q>; body: Read<B> } & Pick<Came, 'caller' | 'signal'>,
  ) => Promise<unknown>,
): Endpoint<C> {
  return {
    route,
    answer: (control, came) =>
      work(control, {
        params: accept('path', route.params, came.params),
        query: accept('query', route.query, came.query),
        body: accept('body', route.body, came.body),
        caller: came.caller,
        signal: came.signal,
      }),
  };
}

function accept<S extends Schema>(where: string, schema: S, came: unknown): Read<S> {
  const parsed = schema.safeParse(came);
  if (parsed.success) return parsed.data;
  throw new Rejected('invalid', `the request's ${where}: ${complaint(parsed.error)}`);
}
