// Plays those a job works for: speaks the runner protocol over HTTP and keeps objects in memory, at addresses that only it would give
// out. A stand-in for the functions and the object store; a test says what it answers otherwise.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import {
  type AttemptAnswer,
  type AttemptBody,
  type AttemptVerb,
  attemptVerbs,
} from '#schemas/attempts.ts';
import type { AttemptReport } from '#schemas/run.ts';
import { type LogLine, logLine } from '#schemas/runner-protocol.ts';
import type { AttemptName } from '#schemas/work-order.ts';

export const TOKEN = 'the-token-of-this-attempt';

export interface Heard<V extends AttemptVerb = AttemptVerb> {
  readonly verb: V;
  readonly body: AttemptBody<V>;
}

/** Answers instead of the usual; a number is the status of a refusal, `cut` breaks the connection. */
type Instead = (verb: string, body: unknown) => object | number | 'cut' | undefined;

export class AttemptsServer {
  readonly objects = new Map<string, Buffer>();
  readonly secrets: Record<string, string> = {};
  readonly leases = new Map<string, string>();
  readonly heard: Heard[] = [];
  /** The attempts to be claimed, by job and index. */
  readonly attempts = new Map<string, AttemptName>();
  heartbeat = 200;
  lease = 5_000;
  leaseMilliseconds = 1_000;
  instead: Instead = () => undefined;
  #server: Server | undefined;

  async listen(): Promise<this> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `${this.#origin}/attempts`;
  }

  get #origin(): string {
    const address = this.#server?.address() as AddressInfo;
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  /** What was said with this verb, by this job alone when it is given. */
  said<V extends AttemptVerb>(verb: V, job?: string): AttemptBody<V>[] {
    return this.heard
      .filter((one): one is Heard<V> => one.verb === verb)
      .map(({ body }) => body)
      .filter((body) => job === undefined || body.job === job);
  }

  report(job?: string): AttemptReport | undefined {
    return this.said('report', job).at(-1)?.report;
  }

  /** All lines of the log, in the order of their numbers. */
  log(job?: string): LogLine[] {
    const texts = [
      ...this.said('log', job).map(({ log }) => log.text),
      ...this.said('report', job).map(({ log }) => log?.text ?? ''),
    ];
    const lines = texts.flatMap((text) =>
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => logLine.parse(JSON.parse(line))),
    );
    return lines.sort((a, b) => a.n - b.n);
  }

  keep(key: string, content: Buffer | string): { key: string; size: number; sha256: string } {
    const bytes = Buffer.from(content);
    this.objects.set(key, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { key, size: bytes.length, sha256 };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const body = await buffer(request);
    if (url.pathname.startsWith('/objects/')) {
      this.#object(request, body, { url, response });
      return;
    }
    const verb = Object.keys(attemptVerbs).find((one) => url.pathname === `/attempts/${one}`);
    if (verb === undefined || request.headers.authorization !== `Bearer ${TOKEN}`) {
      response.writeHead(verb === undefined ? 404 : 403);
      response.end();
      return;
    }
    this.#verb(verb as AttemptVerb, JSON.parse(body.toString('utf8')), response);
  }

  #verb(verb: AttemptVerb, said: unknown, response: ServerResponse): void {
    const instead = this.instead(verb, said);
    if (instead === 'cut') {
      response.destroy();
      return;
    }
    if (typeof instead === 'number') {
      response.writeHead(instead, instead === 429 ? { 'retry-after': '1' } : {});
      response.end(JSON.stringify({ error: { message: `told to answer ${instead}` } }));
      return;
    }
    const body = attemptVerbs[verb].body.parse(said);
    this.heard.push({ verb, body } as Heard);
    const usual = instead ?? this.#usual(verb, body);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(attemptVerbs[verb].answer.parse(usual)));
  }

  #usual(verb: AttemptVerb, body: object): AttemptAnswer<AttemptVerb> {
    switch (verb) {
      case 'claim':
        return this.#claim(body as AttemptBody<'claim'>);
      case 'beat':
        return { gone: false };
      case 'log':
        return {};
      case 'read':
        return this.#read(body as AttemptBody<'read'>);
      case 'write':
        return this.#write(body as AttemptBody<'write'>);
      case 'secrets':
        return this.#secrets(body as AttemptBody<'secrets'>);
      case 'lease':
        return this.#lease(body as AttemptBody<'lease'>);
      case 'report':
        return { taken: true };
    }
  }

  #claim({ job, index }: AttemptBody<'claim'>): AttemptAnswer<'claim'> {
    const name = this.attempts.get(index === undefined ? job : `${job}/${index}`);
    if (name === undefined) return { granted: false, because: 'nobody offers it' };
    return { granted: true, name, heartbeat: this.heartbeat, lease: this.lease };
  }

  #read({ keys }: AttemptBody<'read'>): AttemptAnswer<'read'> {
    const objects = keys.flatMap((key) => {
      const found = this.objects.get(key);
      const from = { method: 'GET' as const, url: this.#address(key), headers: {} };
      return found === undefined ? [] : [{ key, size: found.length, from }];
    });
    return { objects };
  }

  #write({ objects }: AttemptBody<'write'>): AttemptAnswer<'write'> {
    return {
      objects: objects.map(({ key, size, sha256 }) => {
        if (this.objects.has(key)) return { key };
        const headers = { 'Content-Length': String(size), 'x-amz-checksum-sha256': sha256 };
        return { key, to: { method: 'PUT' as const, url: this.#address(key), headers } };
      }),
    };
  }

  #secrets({ names }: AttemptBody<'secrets'>): AttemptAnswer<'secrets'> {
    const known = names.filter((name) => this.secrets[name] !== undefined);
    const values = Object.fromEntries(known.map((name) => [name, this.secrets[name] ?? '']));
    return { values, missing: names.filter((name) => !known.includes(name)) };
  }

  #lease({ name, job, hold }: AttemptBody<'lease'>): AttemptAnswer<'lease'> {
    const holder = this.leases.get(name);
    if (!hold && holder === job) this.leases.delete(name);
    const held = hold && (holder === undefined || holder === job);
    if (held) this.leases.set(name, job);
    return { held, milliseconds: this.leaseMilliseconds };
  }

  #address(key: string): string {
    return `${this.#origin}/objects/${encodeURIComponent(key)}?signature=x`;
  }

  #object(
    { method, headers }: IncomingMessage,
    body: Buffer,
    { url, response }: { url: URL; response: ServerResponse },
  ): void {
    const key = decodeURIComponent(url.pathname.slice('/objects/'.length));
    const instead = this.instead(`object ${method}`, key);
    if (typeof instead === 'number') {
      response.writeHead(instead);
      response.end();
      return;
    }
    if (method === 'GET') {
      response.end(this.objects.get(key));
      return;
    }
    const digest = createHash('sha256').update(body).digest('hex');
    const asSigned =
      headers['x-amz-checksum-sha256'] === digest &&
      Number(headers['content-length']) === body.length;
    if (asSigned) this.objects.set(key, body);
    response.writeHead(asSigned ? 200 : 400);
    response.end();
  }
}
