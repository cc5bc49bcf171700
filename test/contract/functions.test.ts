// Handlers as jobs: what everything that does work must do, as far as nothing is claimed for it, and what only handlers meet.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keyOf } from '#embedded/attempt-book.ts';
import { createFunctions, type Functions } from '#local/functions.ts';
import type { DirectDesk } from '#ports/jobs.ts';
import { FORMAT } from '#schemas/ids.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { createMemoryDesk, type MemoryDesk } from '#support/memory-desk.ts';

let folder: string;
let desk: MemoryDesk;
let done: Map<string, AttemptReport[]>;
let functions: Functions;
let problems: unknown[];
let orders = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-functions-'));
  desk = createMemoryDesk();
  done = new Map();
  problems = [];
  const direct: DirectDesk = {
    done: async (name, report) => {
      done.set(keyOf(name), [...(done.get(keyOf(name)) ?? []), report]);
    },
    offer: async (names) => {
      desk.offer(...names.map((name) => order('', { name })));
      return names.filter((name) => desk.attempt(name)?.status === 'offered');
    },
  };
  functions = createFunctions({
    dataDir: folder,
    desk: { ...desk, ...direct },
    now: Date.now,
    problem: (error) => problems.push(error),
  });
});
afterEach(async () => {
  await functions.close();
  rmSync(folder, { recursive: true, force: true });
});

function order(handler: string, more: Partial<WorkOrder> = {}): WorkOrder {
  orders += 1;
  const run = '01J9ZJ4Q3V5W6X7Y8Z9ABCDEF0';
  const system = {
    run_id: run,
    namespace: 'default',
    started_at: '2028-01-01T00:00:00.000Z',
    scheduled_for: null,
    attempt: 1,
  };
  return {
    v: FORMAT,
    name: { namespace: 'default', run, address: `n${orders}`, attempt: 1 },
    pipeline: 'p',
    node: `n${orders}`,
    work: {
      kind: 'function',
      name: handler,
      config: {},
      inputs: {},
      scope: { input: {}, nodes: {}, system },
      secrets: [],
    },
    sources: {},
    grace: 1_000,
    offeredAt: 0,
    ...more,
  };
}

const reportsOf = ({ name }: WorkOrder): readonly AttemptReport[] => done.get(keyOf(name)) ?? [];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('handlers as jobs', () => {
  test('are the kind of work that is done in this process', () => {
    expect([...functions.direct]).toEqual(['function']);
  });

  test('work that is started is done and told once, however often it is started, and nothing is claimed', async () => {
    let calls = 0;
    functions.register('count', () => {
      calls += 1;
      return { calls };
    });
    const one = order('count');
    await Promise.all([functions.start([one, one]), functions.start([one])]);
    await turn();
    expect(reportsOf(one).map(({ result }) => result)).toEqual([
      { result: 'completed', outputs: { calls: 1 } },
    ]);
    expect(desk.calls.claim).toBe(0);
  });

  test('work is known from its start until its report is durable', async () => {
    const end = Promise.withResolvers<void>();
    functions.register('wait', () => end.promise);
    const one = order('wait');
    const other = order('wait');
    await functions.start([one]);
    expect(await functions.adopt([one.name, other.name])).toEqual([one.name]);
    end.resolve();
    await turn();
    expect(await functions.adopt([one.name])).toEqual([]);
  });

  test('stopping what waits for its turn ends it unheard; what is not known is ignored', async () => {
    const end = Promise.withResolvers<void>();
    const called: string[] = [];
    functions.register(
      'one',
      ({ node }) => {
        called.push(node);
        return end.promise;
      },
      { concurrency: 1 },
    );
    const first = order('one');
    const second = order('one');
    await functions.start([first, second]);
    const stop = { grace: 10, message: 'enough' };
    await functions.stop([
      { name: second.name, ...stop },
      { name: order('one').name, ...stop },
    ]);
    end.resolve();
    await turn();
    expect(called).toEqual([first.node]);
    expect(reportsOf(second)).toMatchObject([
      { result: { result: 'cancelled', message: 'enough' } },
    ]);
  });

  test('one that does not end when it is stopped is told as cancelled after the grace, once', async () => {
    const late = Promise.withResolvers<unknown>();
    functions.register('stuck', () => late.promise);
    const one = order('stuck');
    await functions.start([one]);
    await turn();
    await functions.stop([{ name: one.name, grace: 0, message: 'now' }]);
    late.resolve({ x: 1 });
    await turn();
    expect(reportsOf(one)).toMatchObject([{ result: { result: 'cancelled', message: 'now' } }]);
  });

  test('without a handler it is offered, and claimed when one comes', async () => {
    const one = order('late');
    await functions.start([one]);
    expect(desk.attempt(one.name)?.status).toBe('offered');
    expect(desk.notices).toMatchObject([{ state: 'queued', reason: 'no_handler' }]);
    functions.register('late', () => ({ at: 'last' }));
    const [report] = await desk.reported(one);
    expect(report?.result).toEqual({ result: 'completed', outputs: { at: 'last' } });
    expect(reportsOf(one)).toEqual([]);
  });

  test('what was fenced while it waited for its handler is not called', async () => {
    let called = false;
    const one = order('late');
    await functions.start([one]);
    desk.fence(one.name);
    functions.register('late', () => {
      called = true;
    });
    await turn();
    expect(called).toBe(false);
  });

  test('what is started once more while it is offered or claimed is done once', async () => {
    const effects: string[] = [];
    functions.register('there', ({ node }) => void effects.push(node));
    const one = order('there', { offered: true });
    desk.offer(one);
    await Promise.all([functions.start([one]), functions.start([one])]);
    await desk.reported(one);
    await turn();
    expect(effects).toEqual([one.node]);
  });

  test('what is parked is only an offer; what is being claimed is known', async () => {
    const one = order('late');
    await functions.start([one]);
    expect(await functions.adopt([one.name])).toEqual([]);
    functions.register('late', () => undefined);
    expect(await functions.adopt([one.name])).toEqual([one.name]);
    await desk.reported(one);
  });

  test('what is stopped while it is claimed is cancelled, and its handler is not called', async () => {
    let called = false;
    const one = order('late');
    await functions.start([one]);
    functions.register('late', () => {
      called = true;
    });
    await functions.stop([{ name: one.name, grace: 1_000, message: 'someone cancelled' }]);
    const [report] = await desk.reported(one);
    expect(report?.result).toEqual({ result: 'cancelled', message: 'someone cancelled' });
    expect(called).toBe(false);
  });

  test('what was claimed when its handler was taken back waits for the next one', async () => {
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const [one, two] = [order('leaving'), order('leaving')];
    await functions.start([one, two]);
    const takeBack = functions.register(
      'leaving',
      () => {
        begun.resolve();
        return end.promise;
      },
      { concurrency: 1 },
    );
    await begun.promise;
    takeBack();
    end.resolve();
    await desk.reported(one);
    functions.register('leaving', () => ({ second: true }));
    const [report] = await desk.reported(two);
    expect(report?.result).toEqual({ result: 'completed', outputs: { second: true } });
  });

  test('what was offered by an earlier process is claimed, though its handler is there', async () => {
    functions.register('there', () => ({}));
    const one = order('there', { offered: true });
    desk.offer(one);
    await functions.start([one]);
    await desk.reported(one);
    expect(reportsOf(one)).toEqual([]);
  });

  test('many at once are each called once', async () => {
    const called: string[] = [];
    functions.register('many', ({ node }) => {
      called.push(node);
    });
    const all = Array.from({ length: 2_000 }, () => order('many'));
    await functions.start(all);
    while (called.length < all.length) await turn();
    await turn();
    expect(new Set(called).size).toBe(all.length);
    expect(all.every((one) => reportsOf(one).length === 1)).toBe(true);
  });

  test('closing asks all to end; what they do not complete is left to the next engine', async () => {
    functions.register('obeys', ({ signal }) =>
      Promise.withResolvers<void>().promise.finally(() => signal.throwIfAborted()),
    );
    functions.register('saves', async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      return { saved: true };
    });
    const lost = order('obeys');
    const kept = order('saves');
    await functions.start([lost, kept]);
    await turn();
    await functions.close();
    expect(reportsOf(lost)).toEqual([]);
    expect(reportsOf(kept)).toMatchObject([{ result: { outputs: { saved: true } } }]);
    expect(problems).toEqual([]);
  });
});
