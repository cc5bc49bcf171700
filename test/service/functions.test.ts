// Function nodes: handlers of the embedding program, called by a real engine on a real data directory.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';
import { createSecrets } from '#embedded/secrets.ts';
import { Defect } from '#errors/families.ts';
import { type Engine, openEngine } from '#local/engine.ts';
import { limits } from '#schemas/limits.ts';
import type { RunReport } from '#schemas/report.ts';
import type { Json } from '#schemas/values.ts';

let folder: string;
let engine: Engine;

const open = (adopt: 'all' | 'none' = 'none'): Promise<Engine> =>
  openEngine({ dataDir: join(folder, 'data'), cacheDir: join(folder, 'cache'), adopt });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-functions-'));
  engine = await open();
});
afterEach(async () => {
  await engine.close({ park: false });
  rmSync(folder, { recursive: true, force: true });
});

async function submit(nodes: string, inputs: Record<string, Json> = {}): Promise<string> {
  const declared = Object.keys(inputs).map((name) => `  ${name}: { type: array }\n`);
  const head = declared.length === 0 ? '' : `inputs:\n${declared.join('')}`;
  const compiled = compile({ text: `id: p\n${head}nodes:\n${nodes}` });
  if (!compiled.ok) throw new Defect(compiled.problems.map(({ message }) => message).join('\n'));
  const plan = compiled.plan as Json;
  return (await engine.control.start({ plan, inputs, sources: {} })).run;
}

async function ran(nodes: string, inputs: Record<string, Json> = {}): Promise<RunReport> {
  return engine.wait(await submit(nodes, inputs));
}

/** Resolves when a report of the run holds what is asked for. */
async function until(run: string, holds: (report: RunReport) => boolean): Promise<RunReport> {
  for (let after = ''; ; ) {
    const report = await engine.control.report(run);
    if (holds(report)) return report;
    after = (await engine.control.events(run, { after, wait: 1_000 })).cursor;
  }
}

describe('a handler', () => {
  test('gets the input of its node and gives its outputs', async () => {
    const seen: unknown[] = [];
    engine.register('double', async ({ input, config, node, attempt, namespace, run }) => {
      seen.push({ input, config, node, attempt, namespace, run: run.length });
      return { twice: Number(input['n']) * 2 };
    });
    engine.register('say', ({ input }) => ({ text: `it is ${input['value']}` }));

    const report = await ran(
      [
        '  - { id: a, function: { name: double, config: { unit: m, of: "{{ n }} items" } }, inputs: { n: 21 } }',
        '  - { id: b, needs: [a], function: say, inputs: { value: "{{ a.twice }}" } }',
      ].join('\n'),
    );

    expect(report.status).toBe('completed');
    expect(report.nodes['b']?.outputs).toEqual({ text: 'it is 42' });
    expect(seen).toEqual([
      {
        input: { n: 21 },
        config: { unit: 'm', of: '21 items' },
        node: 'a',
        attempt: 1,
        namespace: 'default',
        run: 26,
      },
    ]);
  });

  test('costs one durable commit', async () => {
    engine.register('hop', () => undefined);
    const nodes = Array.from({ length: 40 }, (_, index) => {
      const needs = index === 0 ? '' : `, needs: [n${index - 1}]`;
      return `  - { id: n${index}, function: hop${needs} }`;
    });
    const before = engine.commits;
    await ran(nodes.join('\n'));
    expect(engine.commits - before).toBeLessThanOrEqual(44);
  });

  test('that throws fails its node with the message, and the trace is in the log', async () => {
    engine.register('break', () => {
      throw new RangeError('no such region: north');
    });
    engine.register('odd', () => Promise.reject({ code: 7 }));
    const run = await submit('  - { id: a, function: break }\n  - { id: b, function: odd }');
    const report = await engine.wait(run);
    const { lines } = await engine.control.logs(run, { node: 'a' });

    expect(report.nodes['a']).toMatchObject({
      status: 'failed',
      reason: 'function_failed',
      message: 'no such region: north',
    });
    expect(report.nodes['b']?.message).toBe('the handler threw { code: 7 }');
    expect(lines.map(({ text }) => text).join('\n')).toMatch(/RangeError.*\n\s+at /);
  });

  test.each<[string, () => unknown, string, RegExp]>([
    ['a list', () => [1, 2], 'malformed_outputs', /returned a list of 2; wanted an object/],
    ['a number', () => 5, 'malformed_outputs', /returned the number 5/],
    ['a BigInt', () => ({ id: 5n }), 'malformed_outputs', /output id is a BigInt/],
    [
      'no number',
      () => ({ a: { b: [Number.NaN] } }),
      'malformed_outputs',
      /a\.b\[0\] is the number NaN/,
    ],
    [
      'a date',
      () => ({ at: new Date(0) }),
      'malformed_outputs',
      /at is an object of the class Date/,
    ],
    ['40 MB', () => ({ text: 'x'.repeat(40_000_000) }), 'outputs_too_large', /more than 16 MiB/],
    [
      'a cycle',
      () => {
        const self: Record<string, unknown> = {};
        self['self'] = { self };
        return self;
      },
      'malformed_outputs',
      /holds itself/,
    ],
    ['an endless list', () => ({ list: new Array(2 ** 32 - 1) }), 'outputs_too_large', /16 MiB/],
    [
      'too many numbers',
      () => ({ list: Array.from({ length: 9_000_000 }, () => 1) }),
      'outputs_too_large',
      /16 MiB/,
    ],
    [
      'a promise that fails',
      () => ({ path: Promise.reject(new Defect('lost')) }),
      'malformed_outputs',
      /output path is a promise \(await it first\)/,
    ],
    [
      'what throws when it is read',
      () => ({
        get size(): number {
          throw new Defect('not known');
        },
      }),
      'malformed_outputs',
      /reading what the handler returned threw: not known/,
    ],
    ['a map', () => new Map(), 'malformed_outputs', /returned an object of the class Map/],
  ])('that returns %s fails its node and says so', async (_, handler, reason, message) => {
    engine.register('h', handler);
    const { nodes } = await ran('  - { id: a, function: h }');
    expect(nodes['a']).toMatchObject({ status: 'failed', reason });
    expect(nodes['a']?.message).toMatch(message);
  });

  test('may return what is large: it is kept by reference and given on whole', async () => {
    const list = Array.from({ length: 5_000 }, (_, index) => ({ index, name: `thing ${index}` }));
    let given: unknown;
    engine.register('make', () => ({ list }));
    engine.register('take', ({ input }) => {
      given = input['list'];
    });
    const { nodes } = await ran(
      '  - { id: a, function: make }\n  - { id: b, needs: [a], function: take, inputs: { list: "{{ a.list }}" } }',
    );
    expect(nodes['a']?.outputs['list']).toMatchObject({ $ref: { count: 5_000 } });
    expect(given).toEqual(list);
  });

  test('logs as programs do, and its secrets are in nothing that it leaves', async () => {
    const secrets = createSecrets({
      file: join(folder, 'data', 'secrets.json'),
      keyFile: join(folder, 'data', 'secrets.key'),
    });
    await secrets.put('default', 'TOKEN', 'hunter22-long');
    engine.register('h', ({ config, log }) => {
      log(`token ${config['token']}`);
      log.warn({ some: 'object' });
      if (config['fail'] === true) throw new TypeError(`bad ${config['token']}`);
      return { leaked: `<${config['token']}>` };
    });
    const run = await submit(
      [
        '  - { id: a, function: { name: h, config: { token: "{{ secret.TOKEN }}" } } }',
        '  - { id: b, function: { name: h, config: { token: "{{ secret.TOKEN }}", fail: true } } }',
      ].join('\n'),
    );
    const { nodes } = await engine.wait(run);
    const { lines } = await engine.control.logs(run, { node: 'a' });

    expect(nodes['a']?.outputs).toEqual({ leaked: '<***>' });
    expect(nodes['b']?.message).toBe('bad ***');
    expect(lines.map(({ stream, text }) => [stream, text])).toEqual([
      ['stdout', 'token ***'],
      ['stderr', "{ some: 'object' }"],
    ]);
  });

  test('that never ends is timed out by its node, and what it gives later counts for nothing', async () => {
    const late = Promise.withResolvers<unknown>();
    let told: unknown;
    engine.register('stuck', ({ signal }) => {
      signal.addEventListener('abort', () => {
        told = signal.reason;
      });
      return late.promise;
    });
    const report = await ran('  - { id: a, function: stuck, timeout: 50ms, grace: 20ms }');
    late.resolve({ x: 1 });

    expect(report.nodes['a']).toMatchObject({ status: 'timed_out', outputs: {} });
    expect(told).toMatchObject({ name: 'TimeoutError' });
  });

  test('hears by its signal that the run is cancelled; one that completes all the same has completed', async () => {
    const began = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const aborted = (signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    engine.register('obeys', async ({ signal }) => {
      began[0].resolve();
      await aborted(signal);
      signal.throwIfAborted();
    });
    engine.register('saves', async ({ signal }) => {
      began[1].resolve();
      await aborted(signal);
      return { saved: true };
    });
    const run = await submit('  - { id: a, function: obeys }\n  - { id: b, function: saves }');
    await Promise.all(began.map(({ promise }) => promise));
    await engine.control.cancel(run);
    const { nodes, status } = await engine.wait(run);

    expect(status).toBe('cancelled');
    expect(nodes['a']?.status).toBe('cancelled');
    expect(nodes['b']).toMatchObject({ status: 'completed', outputs: { saved: true } });
  });

  test('is tried again as its node says', async () => {
    engine.register('flaky', ({ attempt }) => {
      if (attempt < 3) throw new Error(`attempt ${attempt}`);
      return { attempt };
    });
    const retry = '{ maxAttempts: 3, delay: 1ms, backoff: fixed }';
    const { nodes } = await ran(`  - { id: a, function: flaky, retry: ${retry} }`);
    expect(nodes['a']).toMatchObject({ status: 'completed', attempts: 3, outputs: { attempt: 3 } });
  });

  test('that blocks for a while does not hold up others for good', async () => {
    engine.register('busy', () => {
      const end = performance.now() + 300;
      while (performance.now() < end);
    });
    engine.register('quick', () => ({ done: true }));
    const report = await ran(
      '  - { id: a, function: busy }\n  - { id: b, function: busy }\n  - { id: c, function: quick }',
    );
    expect(report.status).toBe('completed');
  });
});

describe('a node whose handler is not there', () => {
  test('waits with the reason, and starts at once when it is registered', async () => {
    const run = await submit('  - { id: a, function: later }');
    const waiting = await until(run, ({ nodes }) => nodes['a']?.status === 'queued');
    expect(waiting.nodes['a']?.waitsFor).toContain('handler');
    engine.register('later', () => ({ came: true }));
    expect((await engine.wait(run)).nodes['a']).toMatchObject({
      status: 'completed',
      attempts: 1,
      outputs: { came: true },
    });
  });

  test('outlives engines without being counted as interrupted', async () => {
    const run = await submit('  - { id: a, function: later }');
    await until(run, ({ nodes }) => nodes['a']?.status === 'queued');
    for (let round = 0; round < 2; round += 1) {
      await engine.close({ park: true });
      engine = await open('all');
      await until(run, ({ nodes }) => nodes['a']?.status === 'queued');
    }
    await engine.close({ park: true });
    engine = await open();
    // Before the run is taken up: what was offered is claimed all the same.
    engine.register('later', ({ attempt }) => ({ attempt }));
    await engine.adopt(run);
    expect((await engine.wait(run)).nodes['a']?.outputs).toEqual({ attempt: 1 });
  });

  test('ends cancelled when its run is cancelled, and is never started', async () => {
    const run = await submit('  - { id: a, function: later }');
    await until(run, ({ nodes }) => nodes['a']?.status === 'queued');
    await engine.control.cancel(run);
    expect((await engine.wait(run)).nodes['a']?.status).toBe('cancelled');
    let started = false;
    engine.register('later', () => {
      started = true;
    });
    expect(started).toBe(false);
  });
});

test('what a handler was at when its engine went is interrupted, and done again as another attempt', async () => {
  const attempts: number[] = [];
  const began = Promise.withResolvers<void>();
  engine.register('slow', ({ attempt }) => {
    attempts.push(attempt);
    began.resolve();
    return new Promise(() => {});
  });
  const run = await submit('  - { id: a, function: slow }');
  await began.promise;
  await engine.close({ park: true });
  engine = await openEngine({ dataDir: join(folder, 'data'), cacheDir: join(folder, 'cache') });
  engine.register('slow', ({ attempt }) => {
    attempts.push(attempt);
    return { attempt };
  });
  await engine.adopt(run);

  expect((await engine.wait(run)).nodes['a']).toMatchObject({
    status: 'completed',
    outputs: { attempt: 2 },
  });
  expect(attempts).toEqual([1, 2]);
});

describe('many instances', () => {
  test('come from a list by reference, in order, each tried again by itself, no more at once than are allowed', async () => {
    const count = 2_000;
    let running = 0;
    let most = 0;
    engine.register('list', () => ({ items: Array.from({ length: count }, (_, id) => ({ id })) }));
    engine.register('work', async ({ input, attempt, instance }) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
      if (Number(input['id']) % 500 === 0 && attempt === 1) throw new Error('once more');
      return { of: Number(input['id']), instance: instance ?? -1 };
    });
    let joined: unknown;
    engine.register('join', ({ input }) => {
      joined = input;
    });
    const report = await ran(
      [
        '  - { id: all, function: list }',
        '  - id: each',
        '    needs: [all]',
        '    forEach: "{{ all.items }}"',
        '    maxParallel: 40',
        '    function: work',
        '    retry: { maxAttempts: 2, delay: 1ms, backoff: fixed }',
        '    inputs: { id: "{{ item.id }}" }',
        '  - { id: join, needs: [each], function: join, inputs: { count: "{{ len(each.items) }}", items: "{{ each.items }}" } }',
      ].join('\n'),
    );

    expect(report.status).toBe('completed');
    expect(most).toBeLessThanOrEqual(40);
    expect(joined).toEqual({
      count,
      items: Array.from({ length: count }, (_, of) => ({ of, instance: of })),
    });
    expect(report.nodes['each']?.instances).toHaveLength(count);
    expect(report.nodes['each']?.instances?.[500]).toMatchObject({ attempts: 2 });
    expect(report.nodes['each']?.outputs['items']).toMatchObject({ $ref: { count } });
  });

  test('a list that is too large to read says what to do', async () => {
    // Each item is small enough by itself; together they are over the bound.
    const text = 'x'.repeat(30_000);
    const count = Math.ceil((17 * 2 ** 20) / text.length);
    engine.register('part', () => ({ text }));
    const list = Array.from({ length: count }, (_, index) => index);
    const { nodes } = await ran(
      [
        '  - { id: parts, forEach: "{{ pipeline.input.list }}", function: part }',
        '  - { id: each, needs: [parts], forEach: "{{ parts.items }}", function: part }',
      ].join('\n'),
      { list },
    );
    expect(nodes['each']).toMatchObject({ status: 'failed', reason: 'expression_error' });
    expect(nodes['each']?.message).toMatch(/17\.\d MiB; a list of at most 16 MiB can be read/);
  });

  test('a handler has no more calls at once than it was registered for, and no run waits behind another', async () => {
    let running = 0;
    let most = 0;
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    engine.register(
      'one',
      async ({ node }) => {
        running += 1;
        most = Math.max(most, running);
        order.push(node);
        await gate.promise;
        running -= 1;
      },
      { concurrency: 1 },
    );
    const list = Array.from({ length: 50 }, (_, index) => index);
    const long = await submit(
      '  - { id: many, forEach: "{{ pipeline.input.list }}", function: one }',
      { list },
    );
    await until(long, () => order.length === 1);
    const short = await submit('  - { id: single, function: one }');
    await until(short, ({ nodes }) => nodes['single']?.status === 'running');
    gate.resolve();
    await Promise.all([engine.wait(long), engine.wait(short)]);

    expect(most).toBe(1);
    expect(order.indexOf('single')).toBeLessThanOrEqual(2);
  });
});

test('a name is registered once, and can be taken back', async () => {
  const takeBack = engine.register('a', () => undefined);
  expect(() => engine.register('a', () => undefined)).toThrow('registered as "a" already');
  takeBack();
  engine.register('a', () => ({ second: true }));
  expect((await ran('  - { id: n, function: a }')).nodes['n']?.outputs).toEqual({ second: true });
  expect(limits.handlerCalls).toBeGreaterThan(1);
});
