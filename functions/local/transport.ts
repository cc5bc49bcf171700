// How a question gets to whoever answers it: over the socket of an engine on this machine, or over HTTP to a server.
import type { Agent, IncomingMessage, RequestOptions } from 'node:http';
import { Rejected, Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { hostEnvironment } from './settings.ts';

// Taken this way because importing node:http as a module loads node's whole fetch along with it: 30 ms of each command.
const http = process.getBuiltinModule('node:http');

export interface Sending {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly body: unknown;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

export interface Came {
  readonly status: number;
  readonly text: string;
}

export interface Transport {
  /** Who answers, for messages: `the engine at …`. */
  readonly who: string;
  /** Rejects with Transient `unavailable` when nobody answers. */
  send(sending: Sending): Promise<Came>;
}

/** What is to be signed. Nothing is added to it afterwards. */
export interface Unsigned {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

export interface Server {
  /** With whatever stands before `/v1`. */
  readonly url: string;
  /** Answers the headers with those that say who asks. */
  readonly sign?: (request: Unsigned) => Promise<Record<string, string>>;
}

/** To an engine of this machine. */
export function socketTransport(socketPath: string): Transport {
  // A connection for each question: on a socket of this machine that costs next to nothing, and none that the engine has just
  // closed is ever used again.
  const agent = new http.Agent({ keepAlive: false });
  const who = `the engine at ${socketPath}`;
  return {
    who,
    send: async ({ method, target, body, timeout, signal }) => {
      const headers = { host: 'millrace', 'content-type': 'application/json' };
      const options = { agent, socketPath, path: target, method, headers, timeout };
      try {
        const response = await exchange(
          http.request,
          { ...options, ...(signal && { signal }) },
          textBytes(body),
        );
        return { status: response.status, text: response.bytes.toString('utf8') };
      } catch (error) {
        throw unavailable(who, error);
      }
    },
  };
}

/** To a server, by HTTPS or HTTP. What is large is packed. */
export function serverTransport({ url, sign }: Server): Transport {
  const base = baseOf(url);
  if (sign !== undefined) demandPrivate(base);
  const isSecure = base.protocol === 'https:';
  const { request, Agent: AgentOf } = isSecure ? process.getBuiltinModule('node:https') : http;
  const agent: Agent = new AgentOf({ keepAlive: true, proxyEnv: hostEnvironment() });
  const who = `the server at ${base.origin}${base.pathname.replace(/\/$/, '')}`;
  let answered = false;
  return {
    who,
    send: async ({ method, target, body, timeout, signal }) => {
      const at = new URL(`${base.origin}${base.pathname.replace(/\/$/, '')}${target}`);
      const packed = packedBody(body);
      const plain = { host: at.host, 'accept-encoding': 'gzip', ...packed.headers };
      const headers =
        (await sign?.({ method, url: at, headers: plain, body: packed.bytes })) ?? plain;
      const path = `${at.pathname}${at.search}`;
      const options = {
        ...{ protocol: at.protocol, hostname: at.hostname, port: at.port, path },
        ...{ agent, method, headers, timeout, ...(signal && { signal }) },
      };
      try {
        const response = await exchange(request, options, packed.bytes, limits.answerBytes);
        answered = true;
        return { status: response.status, text: unpacked(response) };
      } catch (error) {
        if (error instanceof Rejected) throw error;
        if (!answered && isNobody(error)) throw nobodyThere(who, error);
        throw unavailable(who, error);
      }
    },
  };
}

function baseOf(url: string): URL {
  const parsed = URL.parse(url);
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return parsed;
  throw new Rejected('invalid', `--server "${url}" is no address: wanted is one like https://host`);
}

/** What is signed can be sent again by whoever reads it on its way, within minutes. */
function demandPrivate({ protocol, hostname, host }: URL): void {
  if (protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) return;
  throw new Rejected(
    'invalid',
    `requests to ${host} are signed: anybody on the way could read them by http; wanted is https://${host}`,
  );
}

interface Answered {
  readonly status: number;
  readonly encoding: string | undefined;
  readonly bytes: Buffer;
}

async function exchange(
  request: typeof http.request,
  options: RequestOptions,
  body: Uint8Array | undefined,
  most = Number.POSITIVE_INFINITY,
): Promise<Answered> {
  const response = await answerTo(request, options, body);
  const chunks: Buffer[] = [];
  let left = most;
  for await (const chunk of response) {
    left -= chunk.length;
    if (left < 0) throw new Rejected('too_large', `the answer has more than ${most} bytes`);
    chunks.push(chunk);
  }
  const encoding = response.headers['content-encoding'];
  return { status: response.statusCode ?? 0, encoding, bytes: Buffer.concat(chunks) };
}

/** A connection that was kept may just have been closed by the other side: what was sent on it did not arrive. */
function answerTo(
  request: typeof http.request,
  options: RequestOptions,
  body: Uint8Array | undefined,
): Promise<IncomingMessage> {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(options, resolve);
    asked.on('error', (error) => {
      if (asked.reusedSocket && codeOf(error) === 'ECONNRESET')
        answerTo(request, { ...options, agent: false }, body).then(resolve, reject);
      else reject(error);
    });
    asked.on('timeout', () => asked.destroy(new Transient('unavailable', 'no answer in time')));
    asked.end(body);
  });
}

const textBytes = (body: unknown): Buffer | undefined =>
  body === undefined ? undefined : Buffer.from(JSON.stringify(body));

function packedBody(body: unknown): {
  bytes: Buffer | undefined;
  headers: Record<string, string>;
} {
  const bytes = textBytes(body);
  if (bytes === undefined) return { bytes, headers: {} };
  if (bytes.length < limits.packedRequest)
    return {
      bytes,
      headers: { 'content-type': 'application/json', 'content-length': String(bytes.length) },
    };
  const small = process.getBuiltinModule('node:zlib').gzipSync(bytes);
  return {
    bytes: small,
    headers: {
      // A gateway takes what calls itself JSON for text.
      'content-type': 'application/octet-stream',
      'content-encoding': 'gzip',
      'content-length': String(small.length),
    },
  };
}

function unpacked({ encoding, bytes }: Answered): string {
  if (encoding !== 'gzip') return bytes.toString('utf8');
  const { gunzipSync } = process.getBuiltinModule('node:zlib');
  return gunzipSync(bytes, { maxOutputLength: limits.answerBytes }).toString('utf8');
}

const UNASKED: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN']);
const NOBODY: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : '';

/** It is the address that is wrong, or what is trusted, not the moment. */
const isNobody = (cause: unknown): boolean =>
  NOBODY.has(codeOf(cause)) || /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO/.test(codeOf(cause));

const whyOf = (cause: unknown): string =>
  cause instanceof AggregateError
    ? cause.errors.map((each: unknown) => whyOf(each)).join('; ')
    : cause instanceof Error
      ? cause.message
      : String(cause);

const nobodyThere = (who: string, cause: unknown): Rejected =>
  new Rejected('unavailable', `${who} does not answer: ${whyOf(cause)}`, { cause: codeOf(cause) });

function unavailable(who: string, cause: unknown): Transient {
  return new Transient('unavailable', `${who} does not answer: ${whyOf(cause)}`, {
    // Where nobody listened nothing was asked: asking again cannot do it twice.
    details: { asked: !UNASKED.has(codeOf(cause)) },
    cause,
  });
}
