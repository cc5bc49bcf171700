// The HTTP application: Request → Response, built from the route table. The embedded server and the cloud's are thin shells round it.
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { NotFound, Rejected } from '#errors/families.ts';
import type { Permission } from '#schemas/api.ts';
import { namespace as namespaceName } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';
import type { Endpoint } from './endpoints.ts';
import { errorResponse } from './error-answer.ts';
import { packed, textOf } from './packing.ts';
import { readJson } from './read-json.ts';

export interface ApplicationOptions<C = Control> {
  /** Whether the caller may do it. On a socket that only its owner can open, everybody who gets here may. */
  readonly permits?: (permission: Permission, request: Request) => Promise<boolean> | boolean;
  /** The routes that are served: `endpoints`, or some of them. */
  readonly endpoints: readonly Endpoint<C>[];
  /** Bytes of an answer that whoever carries it lets through. */
  readonly answerBytes?: number;
}

/** Control over a namespace; rejects or answers undefined for one that is not served. */
export type ControlOf<C = Control> = (namespace: string) => Promise<C | undefined> | C | undefined;

/** Answers a request; `caller` is who asks, where somebody trustworthy told. */
export type Application = (request: Request, caller?: string) => Promise<Response>;

/**
 * Answers requests by asking the Control of the namespace that each names.
 *
 * Errors come back as JSON, `{ error: { family, code, message, details } }`, with 4xx for the caller's, 503 for what
 * may be tried again and 500 for ours. A body over `limits.requestBytes` is refused before it is read, and while it is unpacked.
 */
export function createApplication<C = Control>(
  controlOf: ControlOf<C>,
  options: ApplicationOptions<C>,
): Application {
  const app = new Hono<{ Bindings: { caller: string | undefined } }>();
  app.use(bodyLimit({ maxSize: limits.requestBytes, onError: () => errorResponse(tooLarge()) }));
  for (const endpoint of options.endpoints) mount(app, endpoint, { ...options, controlOf });
  app.notFound((context) => {
    const { method, path } = context.req;
    return errorResponse(new NotFound(`${method} ${path}: no such route`));
  });
  app.onError((error) => errorResponse(error));
  return async (request, caller) =>
    packed(request, await app.fetch(request, { caller }), options.answerBytes);
}

/** Serves one namespace; others are not found. */
export const onlyNamespace =
  (served: string, control: Control): ControlOf =>
  (namespace) => {
    if (namespace === served) return control;
    throw new NotFound(`namespace "${namespace}" is not here; this engine serves "${served}"`);
  };

type Serving<C> = ApplicationOptions<C> & { readonly controlOf: ControlOf<C> };
type App = Hono<{ Bindings: { caller: string | undefined } }>;

function mount<C>(app: App, endpoint: Endpoint<C>, serving: Serving<C>): void {
  const { method, path, permission } = endpoint.route;
  app.on(method, path, async (context) => {
    await refuse(context, permission, serving);
    const control = await controlFor(context, serving);
    const body: unknown = method === 'GET' ? {} : await jsonOf(context);
    const answer = await endpoint.answer(control, {
      params: context.req.param(),
      query: context.req.query(),
      body,
      caller: context.env.caller,
      signal: () => context.req.raw.signal,
    });
    return Response.json(answer ?? {});
  });
}

async function refuse(
  context: Context,
  permission: Permission | undefined,
  { permits }: Pick<ApplicationOptions, 'permits'>,
): Promise<void> {
  const { method, path, raw } = context.req;
  if (permission === undefined)
    throw new Rejected('not_permitted', `${method} ${path}: the route declares no permission`);
  if (permits !== undefined && !(await permits(permission, raw)))
    throw new Rejected('not_permitted', `${method} ${path}: needs the permission ${permission}`);
}

async function controlFor<C>(context: Context, { controlOf }: Serving<C>): Promise<C> {
  const named: unknown = context.req.param('namespace');
  const parsed = namespaceName.safeParse(named);
  if (!parsed.success)
    throw new Rejected(
      'invalid',
      `"${String(named).slice(0, 100)}" is no namespace: wanted are lower-case letters, digits and hyphens, at most 63`,
    );
  // Who may ask was judged by the path as it was written: a namespace has one spelling.
  if (new URL(context.req.url).pathname.split('/')[2] !== parsed.data)
    throw new NotFound(`namespace "${parsed.data}" is written otherwise here`);
  const control = await controlOf(parsed.data);
  if (control === undefined) throw new NotFound(`namespace "${parsed.data}" is not here`);
  return control;
}

async function jsonOf(context: Context): Promise<unknown> {
  const text = await textOf(context.req.raw);
  return text === '' ? {} : readJson(text);
}

function tooLarge(): Rejected {
  return new Rejected('too_large', `the request is larger than ${limits.requestBytes} bytes`);
}
