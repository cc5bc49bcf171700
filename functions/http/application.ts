// The HTTP application: Request → Response, built from the route table. The embedded server and the cloud's are thin shells round it.
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { NotFound, Rejected } from '#errors/families.ts';
import type { Permission } from '#schemas/api.ts';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';
import { type Endpoint, endpointsOf } from './endpoints.ts';
import { errorResponse } from './error-answer.ts';

export interface ApplicationOptions {
  /** The one namespace that is served; others are not found. */
  readonly namespace?: string;
  /** Whether the caller may do it. On a socket that only its owner can open, everybody who gets here may. */
  readonly permits?: (permission: Permission, request: Request) => Promise<boolean> | boolean;
  /** Tests put others in their place. */
  readonly endpoints?: readonly Endpoint[];
}

/**
 * Answers requests by asking `control`.
 *
 * Errors come back as JSON, `{ error: { family, code, message, details } }`, with 4xx for the caller's, 503 for what
 * may be tried again and 500 for ours. A body over `limits.requestBytes` is refused before it is read.
 */
export function createApplication(
  control: Control,
  options: ApplicationOptions = {},
): (request: Request) => Promise<Response> {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: limits.requestBytes, onError: () => errorResponse(tooLarge()) }));
  for (const endpoint of options.endpoints ?? endpointsOf(control)) mount(app, endpoint, options);
  app.notFound((context) => {
    const { method, path } = context.req;
    return errorResponse(new NotFound(`${method} ${path}: no such route`));
  });
  app.onError((error) => errorResponse(error));
  return async (request) => app.fetch(request);
}

function mount(app: Hono, endpoint: Endpoint, options: ApplicationOptions): void {
  const { method, path, permission } = endpoint.route;
  app.on(method, path, async (context) => {
    await refuse(context, permission, options);
    const params = context.req.param();
    const body: unknown = method === 'GET' ? {} : await jsonOf(context);
    const answer = await endpoint.answer({
      params,
      query: context.req.query(),
      body,
      signal: () => context.req.raw.signal,
    });
    return Response.json(answer ?? {});
  });
}

async function refuse(
  context: Context,
  permission: Permission | undefined,
  options: ApplicationOptions,
): Promise<void> {
  const { method, path, raw } = context.req;
  if (permission === undefined)
    throw new Rejected('not_permitted', `${method} ${path}: the route declares no permission`);
  if (options.permits !== undefined && !(await options.permits(permission, raw)))
    throw new Rejected('not_permitted', `${method} ${path}: needs the permission ${permission}`);
  const namespace: unknown = context.req.param('namespace');
  const served = options.namespace ?? 'default';
  if (namespace !== served)
    throw new NotFound(
      `namespace "${String(namespace)}" is not here; this engine serves "${served}"`,
    );
}

async function jsonOf(context: Context): Promise<unknown> {
  const text = await context.req.text();
  if (text === '') return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Rejected('invalid', `the request's body is no JSON: ${why}`);
  }
}

function tooLarge(): Rejected {
  return new Rejected('too_large', `the request is larger than ${limits.requestBytes} bytes`);
}
