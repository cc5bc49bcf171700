// A person at the HTTP API of the emulated cloud. The emulator asks who somebody is, and believes the answer: what is sent here is no signature.
import { setTimeout as pause } from 'node:timers/promises';
import { type Route, routes } from '#schemas/api.ts';
import type { Read, Schema } from '#schemas/complaint.ts';
import type { EventLine, RunReport } from '#schemas/report.ts';
import type { Json } from '#schemas/values.ts';

const NAMESPACE = 'default';
const LOOK_MS = 100;
const ENDED = ['completed', 'failed', 'timed_out', 'cancelled'];

const WHO = {
  authorization:
    'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=0',
  'x-amz-date': '20260101T000000Z',
};

export interface Question {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export class ApiRefusal extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(`${status} ${text}`);
    this.status = status;
  }
}

export class CloudApi {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async ask<A extends Schema>(
    route: Route<Schema, Schema, Schema, A>,
    { params = {}, query = {}, body }: Question = {},
  ): Promise<Read<A>> {
    const given: Readonly<Record<string, string>> = { namespace: NAMESPACE, ...params };
    const at = route.path.replace(/:([a-z]+)/g, (_, name: string) =>
      encodeURIComponent(given[name] ?? ''),
    );
    const search = Object.keys(query).length === 0 ? '' : `?${new URLSearchParams(query)}`;
    const answer = await fetch(`${this.url}${at}${search}`, {
      method: route.method,
      headers: { 'content-type': 'application/json', ...WHO },
      ...(route.method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new ApiRefusal(answer.status, text);
    const parsed: unknown = JSON.parse(text);
    return route.answer.parse(parsed);
  }

  async report(run: string): Promise<RunReport> {
    return await this.ask(routes.report, { params: { run } });
  }

  /** The report of a run that has ended. */
  async ended(run: string, patienceMs = 60_000): Promise<RunReport> {
    return await this.until(run, ({ status }) => ENDED.includes(status), patienceMs);
  }

  /** Looks until the report fits. */
  async until(
    run: string,
    fits: (report: RunReport) => boolean,
    patienceMs = 60_000,
  ): Promise<RunReport> {
    for (const late = Date.now() + patienceMs; ; await pause(LOOK_MS)) {
      const report = await this.report(run);
      if (fits(report)) return report;
      if (Date.now() > late)
        throw new Error(`waited ${patienceMs} ms; the run is ${JSON.stringify(report, null, 1)}`);
    }
  }

  /** All events of a run, from the first one on. */
  async events(run: string): Promise<EventLine[]> {
    const all: EventLine[] = [];
    let after: string | undefined;
    for (;;) {
      const query: Record<string, string> = after === undefined ? {} : { after };
      const page = await this.ask(routes.events, { params: { run }, query });
      all.push(...page.events);
      if (page.events.length === 0 || page.last) return all;
      after = page.cursor;
    }
  }

  async steer(run: string, what: 'pause' | 'resume' | 'cancel'): Promise<void> {
    await this.ask(routes[what], { params: { run } });
  }

  async emit(run: string, event: string, payload?: Json): Promise<void> {
    await this.ask(routes.emit, { params: { run }, body: { event, payload } });
  }
}
