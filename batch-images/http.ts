// Requests as jobs make them: bodies from memory or from a file, answers in memory or as a stream, a bound on silence.
import { createReadStream } from 'node:fs';
import { type IncomingHttpHeaders, type IncomingMessage, request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Rejected, Transient } from '#errors/families.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | { readonly file: string; readonly size: number } | undefined;
}

export interface HttpBounds {
  /** Milliseconds in which some byte must move. */
  readonly idle: number;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

/** Answers with what was answered, if it was a success. Throws Transient where another try may help, Rejected where none does. */
export async function send(request: HttpRequest, bounds: HttpBounds): Promise<HttpAnswer> {
  const body = await exchange(request, bounds).catch((error: unknown) => {
    throw unreached(request, error);
  });
  const status = body.statusCode ?? 0;
  if (status >= 200 && status < 300) return { headers: body.headers, body };
  const told = await buffer(body).catch(() => Buffer.alloc(0));
  throw refusal(request, { status, told: told.toString('utf8'), headers: body.headers });
}

function exchange(request: HttpRequest, bounds: HttpBounds): Promise<IncomingMessage> {
  const { method, url, headers, body } = request;
  const size = body === undefined ? undefined : Buffer.isBuffer(body) ? body.length : body.size;
  return new Promise((resolve, reject) => {
    const start = url.startsWith('https:') ? secure : plain;
    const sent = start(url, {
      method,
      headers: { ...lowered(headers), ...(size === undefined ? {} : { 'content-length': size }) },
      timeout: bounds.idle,
      ...(bounds.signal === undefined ? {} : { signal: bounds.signal }),
    });
    sent.on('timeout', () => sent.destroy(silent(bounds.idle)));
    sent.on('error', reject);
    sent.on('response', resolve);
    if (body === undefined || Buffer.isBuffer(body)) sent.end(body);
    else pipeline(createReadStream(body.file), sent).catch(reject);
  });
}

/** Spelled alike, so that none is sent twice. */
function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

interface Refused {
  readonly status: number;
  readonly told: string;
  readonly headers: IncomingHttpHeaders;
}

function refusal(request: HttpRequest, { status, told, headers }: Refused): Error {
  const message = `${placeOf(request)} answered ${status}${told === '' ? '' : `: ${wordsOf(told)}`}`;
  if (status < 500 && status !== 429 && status !== 408)
    return new Rejected(status === 403 || status === 401 ? 'not_permitted' : 'invalid', message, {
      status,
    });
  const seconds = Number(headers['retry-after']);
  return new Transient('unavailable', message, {
    afterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0,
  });
}

const silent = (milliseconds: number): Transient =>
  new Transient('unavailable', `nothing moved for ${milliseconds / 1000} s`);

function unreached(request: HttpRequest, error: unknown): Error {
  const why = error instanceof Error ? error.message || error.name : String(error);
  return new Transient('unavailable', `${placeOf(request)} was not reached: ${why}`, {
    afterMs: 0,
    cause: error,
  });
}

/** Without what follows the path: an address that was signed is as good as a password. */
function placeOf({ method, url }: HttpRequest): string {
  const { origin, pathname } = new URL(url);
  return `${method} ${origin}${pathname}`;
}

function wordsOf(told: string): string {
  const text = /"message"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(told)?.[1];
  if (text !== undefined) return String(JSON.parse(text)).slice(0, 500);
  return told.replace(/\s+/g, ' ').trim().slice(0, 500);
}
