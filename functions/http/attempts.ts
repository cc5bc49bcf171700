// What jobs say over HTTPS: `POST /attempts/<verb>`, each with the token of its attempt. Request → Response.
import { MillraceError, NotFound, Rejected } from '#errors/families.ts';
import { type AttemptVerb, attemptVerbs } from '#schemas/attempts.ts';
import { complaint } from '#schemas/complaint.ts';
import { limits } from '#schemas/limits.ts';
import { answerAttempt, isAttemptVerb } from '#service/attempt-calls.ts';
import type { Attempt, AttemptTokens } from '#service/attempt-token.ts';
import type { Service } from '#service/service.ts';
import { errorResponse } from './error-answer.ts';
import { readJson } from './read-json.ts';

export interface AttemptsOptions {
  readonly service: Service;
  readonly tokens: Pick<AttemptTokens, 'verify'>;
  /** Told which attempt a request is about, once its token is known to be ours. */
  readonly heard?: (attempt: Attempt, verb: AttemptVerb) => void;
}

const PATH = /\/attempts\/([a-z]+)$/;

/**
 * Answers the requests of jobs. A token that is not ours, or not any more, is answered 401 and no reason; what a job may not do 403;
 * what may be tried again 503.
 */
export function createAttempts(options: AttemptsOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await answered(options, request);
    } catch (error) {
      return errorResponse(error);
    }
  };
}

async function answered(options: AttemptsOptions, request: Request): Promise<Response> {
  const { service, tokens, heard } = options;
  const { pathname } = new URL(request.url);
  const verb = PATH.exec(pathname)?.[1] ?? '';
  if (request.method !== 'POST' || !isAttemptVerb(verb))
    throw new NotFound(`${request.method} ${pathname}: no such route`);
  const token = await attemptOf(tokens, request);
  if (token === undefined) return unauthorized();
  heard?.(token, verb);
  const body = attemptVerbs[verb].body.safeParse(await jsonOf(request));
  if (!body.success) throw new Rejected('invalid', `the request's body: ${complaint(body.error)}`);
  return Response.json(await answerAttempt(service, verb, { token, body: body.data }));
}

/** Undefined where the token opens nothing. */
async function attemptOf(
  tokens: AttemptsOptions['tokens'],
  request: Request,
): Promise<Attempt | undefined> {
  const given = /^bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  if (given === undefined) return undefined;
  try {
    return await tokens.verify(given);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'not_permitted') return undefined;
    throw error;
  }
}

function unauthorized(): Response {
  const { status, headers } = { status: 401, headers: { 'www-authenticate': 'Bearer' } };
  const message = 'the attempt token is missing, not ours, or has expired';
  const error = { family: 'rejected', code: 'not_permitted', message, details: {} };
  return Response.json({ error }, { status, headers });
}

async function jsonOf(request: Request): Promise<unknown> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length > limits.jobRequestBytes)
    throw new Rejected('too_large', `the request is larger than ${limits.jobRequestBytes} bytes`);
  return readJson(textOf(bytes));
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Rejected('invalid', "the request's body is no JSON");
  }
}
