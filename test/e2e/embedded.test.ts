// The example applications as they are: started as processes, used over HTTP, ended by a signal and started again.
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Place, ROOT, type Running } from '#support/millrace.ts';

const places: Place[] = [];
afterEach(() => {
  for (const place of places.splice(0)) place.remove();
});

const job = z.object({
  run: z.string(),
  status: z.string(),
  nodes: z.record(
    z.string(),
    z.object({ status: z.string(), outputs: z.record(z.string(), z.json()) }),
  ),
});

class Application {
  readonly running: Running;
  readonly #base: string;

  private constructor(running: Running, base: string) {
    this.running = running;
    this.#base = base;
  }

  static async start(place: Place, name: string): Promise<Application> {
    const running = place.program(join(ROOT, 'examples/embedded', name));
    return new Application(running, await running.line((line) => line.startsWith('http://')));
  }

  async ask(path: string, body?: unknown): Promise<{ status: number; text: string }> {
    const post = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const asked = body === undefined ? {} : { ...post, body: JSON.stringify(body) };
    const response = await fetch(`${this.#base}${path}`, asked);
    return { status: response.status, text: await response.text() };
  }

  async job(path: string): Promise<z.infer<typeof job>> {
    return job.parse(JSON.parse((await this.ask(path)).text));
  }

  async begin(items: unknown): Promise<string> {
    const begun = await this.ask('/jobs', { items });
    expect(begun.status, begun.text).toBe(202);
    return z.object({ run: z.string() }).parse(JSON.parse(begun.text)).run;
  }
}

const placeOf = (): Place => {
  const place = new Place({}, { PORT: '0', DATA_DIR: 'data' });
  places.push(place);
  return place;
};

describe.each(['express.mjs', 'hono.mjs'])('%s', (name) => {
  test('runs jobs, says what is wrong with them, and asks before a large one', async () => {
    const place = placeOf();
    const app = await Application.start(place, name);
    const small = await app.begin([{ price: 20, count: 2 }]);
    expect(await app.job(`/jobs/${small}?wait`)).toMatchObject({
      status: 'completed',
      nodes: { charge: { outputs: { charged: 40 } }, review: { status: 'skipped' } },
    });
    const refused = await app.ask('/jobs', { item: 1 });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('unknown_input');
    expect((await app.ask('/jobs/nothing')).status).toBe(404);

    const large = await app.begin([{ price: 60, count: 2 }]);
    await expect
      .poll(async () => (await app.job(`/jobs/${large}`)).nodes['review']?.status)
      .toBe('queued');
    expect(await app.ask(`/jobs/${large}/review`, { approve: true, by: 'ada' })).toMatchObject({
      status: 204,
    });
    expect(await app.job(`/jobs/${large}?wait`)).toMatchObject({
      status: 'completed',
      nodes: { charge: { outputs: { charged: 120 } } },
    });
    const again = await app.ask(`/jobs/${large}/review`, { approve: false, by: 'bob' });
    expect(again.status).toBe(400);
  });

  test('told to end it parks its jobs, and goes on with them when it is started again', async () => {
    const place = placeOf();
    const app = await Application.start(place, name);
    const run = await app.begin([{ price: 500 }]);
    await expect
      .poll(async () => (await app.job(`/jobs/${run}`)).nodes['review']?.status)
      .toBe('queued');
    app.running.child.kill('SIGTERM');
    expect(await app.running.ended).toMatchObject({ signal: 'SIGTERM', stderr: '' });

    const next = await Application.start(place, name);
    expect((await next.ask(`/jobs/${run}/review`, { approve: true, by: 'ada' })).status).toBe(204);
    expect(await next.job(`/jobs/${run}?wait`)).toMatchObject({ status: 'completed' });
  });
});

test('hono.mjs streams the events of a job until it ends', async () => {
  const place = placeOf();
  const app = await Application.start(place, 'hono.mjs');
  const run = await app.begin([{ price: 1 }]);
  const { text } = await app.ask(`/jobs/${run}/events`);
  const events = [...text.matchAll(/^event: (.*)$/gm)].map(([, event]) => event);
  expect(events).toContain('charge.completed');
  expect(events.at(-1)).toBe('pipeline.completed');
});
