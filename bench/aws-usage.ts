// What a stretch of work on the emulated cloud used: from the meter before the emulator, the logs of the functions, and the histories of
// the machine's executions.
import { GetExecutionHistoryCommand, SFNClient } from '@aws-sdk/client-sfn';
import * as z from 'zod';
import { type FunctionName, functionNames } from '#schemas/aws.ts';
import type { Cloud } from '#support/aws/cloud.ts';
import type { Hands } from '#support/aws/cloud-hands.ts';
import { emulated } from '#support/aws/emulated.ts';
import type { Metered } from '#support/aws/meter.ts';
import type { Usage } from './aws-prices.ts';

/** Bytes that CloudWatch adds to each event. */
const EVENT_BYTES = 26;
/** What Lambda itself writes about each call in JSON: its start, and its report. */
const PLATFORM_BYTES = 560;
/** A line of the gateway's access log. */
const ACCESS_BYTES = 250;
const MEMORY_GB = 0.5;

export interface Calls {
  readonly count: number;
  readonly milliseconds: number;
  readonly bytes: number;
}

export interface Histories {
  readonly executions: number;
  readonly transitions: number;
  readonly ticks: number;
  /** Events of the longest one. */
  readonly longest: number;
}

export interface Used {
  readonly usage: Usage;
  readonly calls: Readonly<Record<string, Calls>>;
  readonly histories: Histories;
  readonly metered: Metered;
}

/** Counts from the moment it is made. */
export class Stretch {
  readonly #cloud: Cloud;
  readonly #hands: Hands;
  readonly #began = Date.now();

  constructor(cloud: Cloud, hands: Hands) {
    this.#cloud = cloud;
    this.#hands = hands;
    cloud.meter.take();
  }

  /** What was used since, by these runs. */
  async used(runs: readonly string[]): Promise<Used> {
    await this.#cloud.events.told();
    const metered = this.#cloud.meter.take();
    const found = await Promise.all(
      functionNames.map(async (name) => [name, await this.#calls(name)] as const),
    );
    const calls = Object.fromEntries(found);
    const histories = await this.#histories(runs);
    return { usage: usageOf(metered, calls, histories), calls, histories, metered };
  }

  async #calls(name: FunctionName): Promise<Calls> {
    let count = 0;
    let milliseconds = 0;
    let bytes = 0;
    let nextToken: string | undefined;
    do {
      const page = await logPage(this.#cloud.ground.endpoint, {
        logGroupName: `/millrace/dev/${name}`,
        startTime: this.#began,
        ...(nextToken === undefined ? {} : { nextToken }),
      });
      for (const { message } of page.events) {
        const took = /^REPORT .*\tDuration: ([\d.]+) ms/.exec(message)?.[1];
        if (took !== undefined) {
          count += 1;
          milliseconds += Number(took);
          bytes += PLATFORM_BYTES;
        } else if (message.startsWith('{')) bytes += Buffer.byteLength(message) + EVENT_BYTES;
      }
      ({ nextToken } = page);
    } while (nextToken !== undefined);
    return { count, milliseconds, bytes };
  }

  async #histories(runs: readonly string[]): Promise<Histories> {
    const { endpoint, deployed } = this.#cloud.ground;
    const client = new SFNClient(emulated(endpoint));
    const sum = { executions: 0, transitions: 0, ticks: 0, longest: 0 };
    for (const run of runs)
      for (const name of await this.#hands.executions(run)) {
        const arn = `${deployed.OutWalker.replace(':stateMachine:', ':execution:')}:${name}`;
        const types = await historyOf(client, arn);
        const of = (fits: RegExp) => types.filter((type) => fits.test(type)).length;
        const entered = of(/StateEntered$/);
        const retries = Math.max(0, of(/^TaskScheduled$/) - of(/^TaskStateEntered$/));
        sum.executions += 1;
        sum.transitions += entered + retries + 2;
        sum.ticks += of(/^TaskScheduled$/);
        sum.longest = Math.max(sum.longest, types.length);
      }
    client.destroy();
    return sum;
  }
}

function usageOf(
  { requests, write, read }: Metered,
  calls: Readonly<Record<string, Calls>>,
  { transitions }: Histories,
): Usage {
  const all = Object.values(calls);
  const sum = (of: (each: Calls) => number) => all.reduce((so, each) => so + of(each), 0);
  const asked = (fits: RegExp) =>
    Object.entries(requests).reduce((so, [name, count]) => so + (fits.test(name) ? count : 0), 0);
  const callsOf = (...names: readonly FunctionName[]) =>
    names.reduce((so, name) => so + (calls[name]?.count ?? 0), 0);
  const apiRequests = callsOf('api', 'attempts', 'evaluate');
  return {
    transitions,
    lambdaRequests: sum(({ count }) => count),
    gbSeconds: (sum(({ milliseconds }) => milliseconds) / 1_000) * MEMORY_GB,
    writeUnits: write,
    readUnits: read,
    objectWrites: asked(/^s3 (PUT|POST|LIST)$/),
    objectReads: asked(/^s3 (GET|HEAD)$/),
    // Each batch that Lambda takes from a queue is received and deleted.
    queueRequests: asked(/^sqs /) + 2 * callsOf('submit', 'alarm'),
    apiRequests,
    keyRequests: asked(/^kms /),
    logBytes: sum(({ bytes }) => bytes) + apiRequests * ACCESS_BYTES,
  };
}

const logEvents = z.object({
  events: z.array(z.object({ message: z.string() })).default([]),
  nextToken: z.string().optional(),
});

/** There is no client of the logs among the packages; one request needs none. */
async function logPage(endpoint: string, body: unknown): Promise<z.infer<typeof logEvents>> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'x-amz-target': 'Logs_20140328.FilterLogEvents',
      'content-type': 'application/x-amz-json-1.1',
      authorization:
        'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify(body),
  });
  // A function that was never called has no log.
  if (answer.status === 400) return { events: [] };
  return logEvents.parse(await answer.json());
}

async function historyOf(client: SFNClient, executionArn: string): Promise<string[]> {
  const types: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await client.send(
      new GetExecutionHistoryCommand({
        executionArn,
        maxResults: 1_000,
        includeExecutionData: false,
        ...(nextToken === undefined ? {} : { nextToken }),
      }),
    );
    types.push(...(page.events ?? []).map(({ type = '' }) => String(type)));
    ({ nextToken } = page);
  } while (nextToken !== undefined);
  return types;
}
