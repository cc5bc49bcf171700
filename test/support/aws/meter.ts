// Stands between the functions and MiniStack and counts what they ask of AWS: requests by service and operation, and the units that
// DynamoDB says they used. A test may stop a request here, or kill the function that makes it.
import { once } from 'node:events';
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type Caller, callerOf } from './callers.ts';

/** A request before it is passed on. */
export interface Asked {
  readonly service: string;
  readonly operation: string;
  readonly body: Buffer;
  /** The process that asks. Looking it up takes a while. */
  caller(): Caller | undefined;
}

/** `refused`: the service answers that it is out of order. `killed`: the process that asks ends at once, and nobody is asked. */
export type Fault = 'refused' | 'killed' | undefined;

export interface Metered {
  /** `sqs SendMessage` → how often. */
  readonly requests: Readonly<Record<string, number>>;
  readonly write: number;
  readonly read: number;
}

const TARGET = /^(?:DynamoDB_\d+|AmazonSQS|AWSStepFunctions|TrentService|AWSEvents)\.(\w+)$/;
const READING = /^(GetItem|BatchGetItem|Query|Scan|TransactGetItems)$/;

export class Meter {
  fault: ((asked: Asked) => Fault) | undefined;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #target: string;
  #requests: Record<string, number> = {};
  #write = 0;
  #read = 0;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((asked, answer) => {
      void this.#pass(asked, answer).catch(() => answer.destroy());
    });
  }

  /** Passes on what comes to this port. */
  static async start(port: number, target: string): Promise<Meter> {
    const meter = new Meter(target);
    meter.#server.listen(port, '127.0.0.1');
    await once(meter.#server, 'listening');
    return meter;
  }

  /** What was counted since the last time. */
  take(): Metered {
    const counted = { requests: this.#requests, write: this.#write, read: this.#read };
    this.#requests = {};
    this.#write = 0;
    this.#read = 0;
    return counted;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { service, operation } = nameOf(asked);
    const name = `${service} ${operation}`;
    this.#requests[name] = (this.#requests[name] ?? 0) + 1;
    // Objects may be large; they are passed on as they come.
    if (service === 's3') return await this.#flow(asked, answer);
    const body = await bytesOf(asked);
    const caller = () => callerOf(asked.socket);
    const fault = this.fault?.({ service, operation, body, caller });
    if (fault === 'refused') {
      answer.writeHead(503, { 'content-type': 'application/x-amz-json-1.0' });
      return void answer.end('{"__type":"ServiceUnavailable","message":"out of order for a test"}');
    }
    if (fault === 'killed') return void caller()?.kill();
    const counted = service === 'dynamodb';
    const passed = this.#request(asked, counted ? askingForUnits(body) : body);
    const came = await responseOf(passed);
    const said = await bytesOf(came);
    if (counted) this.#use(operation, said);
    const { 'transfer-encoding': _, ...headers } = came.headers;
    answer.writeHead(came.statusCode ?? 500, { ...headers, 'content-length': said.length });
    answer.end(said);
  }

  async #flow(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const passed = this.#request(asked);
    const answered = responseOf(passed);
    await pipeline(asked, passed);
    const came = await answered;
    answer.writeHead(came.statusCode ?? 500, came.headers);
    await pipeline(came, answer);
  }

  #request(asked: IncomingMessage, body?: Buffer): ClientRequest {
    const headers = { ...asked.headers };
    if (body !== undefined) headers['content-length'] = String(body.length);
    const passed = request(`${this.#target}${asked.url}`, {
      agent: this.#agent,
      method: asked.method ?? 'GET',
      headers,
    });
    return body === undefined ? passed : passed.end(body);
  }

  #use(operation: string, said: Buffer): void {
    const used = unitsOf(said);
    if (READING.test(operation)) this.#read += used;
    else this.#write += used;
  }
}

function nameOf(asked: IncomingMessage): { service: string; operation: string } {
  const { authorization = '', 'x-amz-target': target } = asked.headers;
  const url = new URL(asked.url ?? '/', 'http://any');
  const credential =
    url.searchParams.get('X-Amz-Credential') ?? /Credential=([^,]+)/.exec(authorization)?.[1];
  const service = credential?.split('/')[3] ?? 'unknown';
  const named = TARGET.exec(typeof target === 'string' ? target : '')?.[1];
  if (named !== undefined) return { service, operation: named };
  const what = url.searchParams.has('list-type') ? 'LIST' : (asked.method ?? 'GET');
  return { service, operation: service === 's3' ? what : url.pathname };
}

async function responseOf(passed: ClientRequest): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    passed.once('response', resolve).once('error', reject);
  });
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function askingForUnits(body: Buffer): Buffer {
  const parsed: unknown = JSON.parse(body.toString());
  if (typeof parsed !== 'object' || parsed === null) return body;
  return Buffer.from(JSON.stringify({ ...parsed, ReturnConsumedCapacity: 'TOTAL' }));
}

/** A refused condition is paid as well, but says nothing: one unit, two in a transaction, for each item, is the least it can be. */
function unitsOf(said: Buffer): number {
  const parsed: unknown = JSON.parse(said.toString() || '{}');
  if (typeof parsed !== 'object' || parsed === null) return 0;
  if ('CancellationReasons' in parsed && Array.isArray(parsed.CancellationReasons))
    return 2 * parsed.CancellationReasons.length;
  if ('__type' in parsed) return String(parsed.__type).includes('ConditionalCheckFailed') ? 1 : 0;
  if (!('ConsumedCapacity' in parsed)) return 0;
  const { ConsumedCapacity: used } = parsed;
  return (Array.isArray(used) ? used : [used]).reduce(
    (sum: number, each: { CapacityUnits?: number } | undefined) => sum + (each?.CapacityUnits ?? 0),
    0,
  );
}
