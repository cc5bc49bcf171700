// What every function has round it. Families of errors become what the caller of the function understands: Rejected is told and not
// tried again, all others are.
import middy from '@middy/core';
import { MillraceError, NotFound, Rejected } from '#errors/families.ts';
import { errorResponse } from '#http/error-answer.ts';
import { complaint, type Read, type Schema } from '#schemas/complaint.ts';
import { httpEvent, queueEvent } from '#schemas/lambda.ts';
import { type Call, type LambdaContext, OpenCall } from './call.ts';

export type Handler<A> = (event: unknown, context: LambdaContext) => Promise<A>;

/** A function that is called by events: what it rejects with is tried again by whoever called it, but for what the event itself is to blame for. */
export function onEvent<S extends Schema>(
  name: string,
  schema: S,
  work: (event: Read<S>, call: Call) => Promise<void>,
): Handler<void> {
  return wrapped(name, async (event, call) => {
    try {
      await work(read(schema, event), call);
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      call.say('error', error.message, about(error));
    }
  });
}

/** How a message came. */
export interface Delivery {
  /** The same each time it comes. */
  readonly id: string;
  /** It came before, and was not taken in to the end. */
  readonly again: boolean;
}

/** A function that takes in a queue: messages that failed come again alone. What cannot be read goes where dead letters lie, by failing each time. */
export function onQueue<S extends Schema>(
  name: string,
  schema: S,
  work: (message: Read<S>, call: Call, delivery: Delivery) => Promise<void>,
): Handler<{ batchItemFailures: { itemIdentifier: string }[] }> {
  return wrapped(name, async (event, call) => {
    const { Records } = read(queueEvent, event);
    call.count('Messages', Records.length);
    const failed = await Promise.all(
      Records.map(async ({ messageId, body, attributes }) => {
        const again = Number(attributes?.ApproximateReceiveCount ?? 1) > 1;
        try {
          await work(read(schema, jsonOf(body)), call, { id: messageId, again });
          return [];
        } catch (error) {
          call.say('error', textOf(error), { messageId, ...about(error) });
          call.count('MessagesFailed');
          return [{ itemIdentifier: messageId }];
        }
      }),
    );
    return { batchItemFailures: failed.flat() };
  });
}

export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly isBase64Encoded?: true;
}

/** A function that answers requests to the HTTP API. `caller`: the ARN of who asks, where the gateway has looked. */
export function onRequest(
  name: string,
  answer: (request: Request, call: Call, caller: string | undefined) => Promise<Response>,
): Handler<HttpAnswer> {
  return wrapped(name, async (event, call) => {
    const response = await answered(event, call, answer);
    call.note({ status: response.status });
    if (response.status >= 500) call.count('ServerErrors');
    const headers = Object.fromEntries(response.headers);
    const about = { statusCode: response.status, headers };
    // What is packed is no text.
    if (!response.headers.has('content-encoding')) return { ...about, body: await response.text() };
    const body = Buffer.from(await response.arrayBuffer()).toString('base64');
    return { ...about, body, isBase64Encoded: true };
  });
}

async function answered(
  event: unknown,
  call: Call,
  answer: Parameters<typeof onRequest>[1],
): Promise<Response> {
  try {
    const came = read(httpEvent, event);
    const caller = came.requestContext.authorizer?.iam?.userArn;
    const request = requestOf(came);
    call.note({ method: request.method, path: new URL(request.url).pathname, caller });
    return await answer(request, call, caller);
  } catch (error) {
    call.note(about(error));
    return errorResponse(error);
  }
}

/** Parts of a path that a URL takes for the folder above, or for the same one. */
const LEADS_ELSEWHERE = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

function requestOf(event: Read<typeof httpEvent>): Request {
  const { rawPath, rawQueryString, headers, body, isBase64Encoded, requestContext } = event;
  const { method } = requestContext.http;
  const query = rawQueryString === '' ? '' : `?${rawQueryString}`;
  const bytes = body === undefined ? null : isBase64Encoded ? Buffer.from(body, 'base64') : body;
  // The gateway has decoded it once: what ends a path must not begin a query now, nor may it become another path than IAM has judged.
  const path = rawPath.replaceAll(/[?#\\\p{Cc}]/gu, encodeURIComponent);
  if (LEADS_ELSEWHERE.test(path)) throw new NotFound(`${method} ${path}: no such route`);
  try {
    return new Request(`https://api.internal${path}${query}`, {
      method,
      headers,
      body: method === 'GET' || method === 'HEAD' ? null : bytes,
    });
  } catch (error) {
    throw new Rejected('invalid', `this is no request: ${textOf(error)}`);
  }
}

/** One line for each call, whatever comes of it. */
function wrapped<A>(
  name: string,
  work: (event: unknown, call: OpenCall) => Promise<A>,
): Handler<A> {
  const calls = new WeakMap<object, OpenCall>();
  const callOf = (context: LambdaContext): OpenCall => {
    const known = calls.get(context) ?? new OpenCall(name, context);
    calls.set(context, known);
    return known;
  };
  const handler = middy<unknown, A, Error>()
    .use({
      after: ({ context }) => callOf(context).end('info', 'done'),
      onError: ({ context, error }) => {
        const call = callOf(context);
        call.note(about(error));
        call.count('Failed');
        call.end('error', textOf(error));
      },
    })
    .handler((event: unknown, context: LambdaContext) => work(event, callOf(context)));
  return handler as unknown as Handler<A>;
}

export function read<S extends Schema>(schema: S, came: unknown): Read<S> {
  const parsed = schema.safeParse(came);
  if (parsed.success) return parsed.data;
  throw new Rejected('invalid', complaint(parsed.error));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function about(error: unknown): Record<string, string> {
  if (error instanceof MillraceError) return { family: error.family, code: error.code };
  return error instanceof Error ? { error: error.name, stack: error.stack ?? '' } : {};
}
