// The service on embedded ports: what a run does from its start to its end, told as stories.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { limits } from '#schemas/limits.ts';
import { advanceFailed } from '#service/advance-run.ts';
import { cancelRun, emitEvent, pauseRun, resumeRun } from '#service/command-run.ts';
import { explainNode } from '#service/explain-node.ts';
import { findRun, listRuns } from '#service/find-run.ts';
import { readVariables } from '#service/read-run.ts';
import { retryRun } from '#service/retry-run.ts';
import { RunningService } from '#support/running-service.ts';

let here: RunningService;
beforeEach(() => {
  here = new RunningService();
});
afterEach(() => here.close());

const step = 'steps: [{ command: "true" }]';
const CHAIN = `id: chain\nnodes:\n  - { id: a, ${step} }\n  - { id: b, needs: [a], ${step} }\n  - { id: c, needs: [b], ${step} }\n`;

test('a chain runs node by node and ends with its outputs in the report', async () => {
  const run = await here.start(CHAIN);
  expect(here.ports.jobs.held).toEqual(['a']);
  await here.complete('a', { rows: 3 });
  await here.complete('b');
  await here.complete('c', { done: true });

  const report = await here.report(run);

  expect(report).toMatchObject({
    status: 'completed',
    nodes: {
      a: { status: 'completed', attempts: 1, outputs: { rows: 3 } },
      c: { outputs: { done: true } },
    },
  });
  expect(await here.eventNames(run)).toEqual([
    'pipeline.started',
    'a.started',
    'a.completed',
    'b.started',
    'b.completed',
    'c.started',
    'c.completed',
    'pipeline.completed',
  ]);
});

test('a node costs two durable commits: the claim, and its result together with the start of the next', async () => {
  await here.start(CHAIN);
  await here.complete('a');
  const before = here.ports.table.commits;
  await here.complete('b');
  expect(here.ports.table.commits - before).toBe(2);
});

test('a report that is told twice changes nothing the second time', async () => {
  const run = await here.start(CHAIN);
  const { desk, name, job } = await claimedOnce();
  const report = {
    result: { result: 'completed', outputs: {} },
    endedAt: here.ports.clock.now(),
  } as const;
  await desk.report(job, [{ name, report }]);
  await desk.report(job, [
    { name, report: { ...report, result: { result: 'interrupted', message: 'late' } } },
  ]);
  expect((await here.report(run)).nodes['a']).toMatchObject({ status: 'completed', attempts: 1 });
  expect((await here.eventNames(run)).filter((event) => event.startsWith('a.'))).toEqual([
    'a.started',
    'a.completed',
  ]);
});

/** The desk as a runner that holds node a sees it. */
async function claimedOnce() {
  const { createDesk } = await import('#service/desk.ts');
  const { reportAttempt } = await import('#service/report-attempt.ts');
  const name = here.ports.jobs.orders[0]?.name;
  if (name === undefined) throw new TypeError('nothing was started');
  const desk = createDesk(here.service, {
    submit: async (job, told, report) => {
      await reportAttempt(here.service, { job, name: told, report });
      await here.settle();
    },
    notices: here.notices,
    noticed: () => {},
    lost: async () => {},
    allowedSecrets: async () => new Set(),
  });
  expect(await desk.claim('one', [name])).toEqual([name]);
  expect(await desk.claim('two', [name])).toEqual([]);
  return { desk, name, job: 'one' };
}

test('a job that does not hold the claim counts for nothing', async () => {
  const run = await here.start(CHAIN);
  const { desk, name } = await claimedOnce();
  const report = {
    result: { result: 'completed', outputs: {} },
    endedAt: here.ports.clock.now(),
  } as const;
  await desk.report('two', [{ name, report }]);
  expect((await here.report(run)).nodes['a']?.status).toBe('running');
});

test('an event from outside with the same key twice is one event', async () => {
  const run = await here.start(
    `id: waits\nnodes:\n  - { id: a, startWhen: "event:external.go && {{ payload('external.go').rows > 0 }}", ${step} }\n`,
  );
  expect((await here.report(run)).nodes['a']).toMatchObject({
    status: 'pending',
    waitsFor: 'external.go',
  });
  await emitEvent(here.service, run, 'external.go', { payload: { rows: 1 }, key: 'k' });
  await emitEvent(here.service, run, 'external.go', { payload: { rows: 0 }, key: 'k' });
  await here.settle();
  expect(here.ports.jobs.held).toEqual(['a']);
  await emitEvent(here.service, run, 'external.go', { payload: { rows: 0 }, key: 'k' });
  await here.settle();
  expect((await here.eventNames(run)).filter((event) => event === 'external.go')).toHaveLength(1);
});

test('an event from outside cannot name what the engine keeps', async () => {
  const run = await here.start(CHAIN, {});
  const Ref = { key: 'NS/default/x.json', size: 1, sha256: 'a'.repeat(64), mediaType: 'a/b' };
  const told = emitEvent(here.service, run, 'external.go', { payload: { deep: [{ $ref: Ref }] } });
  await expect(told).rejects.toMatchObject({
    code: 'invalid',
    message: 'the payload of external.go holds a member "$ref", which only the engine may write',
  });
});

test('pause starts nothing more, resume goes on', async () => {
  const run = await here.start(CHAIN);
  await pauseRun(here.service, run);
  await here.settle();
  await here.complete('a');
  expect(here.ports.jobs.held).toEqual([]);
  expect((await here.report(run)).status).toBe('paused');
  await resumeRun(here.service, run);
  await here.settle();
  expect(here.ports.jobs.held).toEqual(['b']);
});

test('cancel stops what runs, skips the rest, and absorbs a later resume', async () => {
  const run = await here.start(CHAIN);
  await here.ports.jobs.claim('a');
  await cancelRun(here.service, run);
  await resumeRun(here.service, run);
  await here.settle();
  expect(here.ports.jobs.stops.map(({ name }) => name.address)).toEqual(['a']);
  await here.tell('a', { result: 'cancelled' });
  const report = await here.report(run);
  expect(report).toMatchObject({
    status: 'cancelled',
    nodes: { a: { status: 'cancelled' }, b: { status: 'skipped', reason: 'cancelled' } },
  });
});

test('what was offered and never claimed is fenced by a cancel: the run ends without its runner', async () => {
  const run = await here.start(CHAIN);
  await cancelRun(here.service, run);
  await here.settle();
  expect((await here.report(run)).status).toBe('cancelled');
  expect(await here.ports.jobs.claim('a')).toBe(false);
});

test('a run over its time is timed out, and its alarm is what wakes it', async () => {
  const run = await here.start(`timeout: 1h\n${CHAIN}`);
  await here.ports.jobs.claim('a');
  await here.advanceTime(3_600_000);
  expect(here.ports.jobs.stops).toHaveLength(1);
  await here.tell('a', { result: 'cancelled' });
  expect(await here.report(run)).toMatchObject({
    status: 'timed_out',
    reason: 'run_timeout',
    nodes: { b: { status: 'skipped', reason: 'run_timeout' } },
  });
});

test('a failure is tried again after its delay, as often as asked', async () => {
  const run = await here.start(
    `id: tries\nnodes:\n  - { id: a, retry: { maxAttempts: 2, delay: 1m, backoff: fixed }, ${step} }\n`,
  );
  await here.fail('a', 3);
  expect(here.ports.jobs.held).toEqual([]);
  await here.advanceTime(60_000);
  expect(here.ports.jobs.held).toEqual(['a']);
  await here.fail('a', 3);
  expect((await here.report(run)).nodes['a']).toMatchObject({
    status: 'failed',
    attempts: 2,
    exitCode: 3,
    reason: 'exit',
  });
});

test('retry takes over what completed, from whichever run it came first', async () => {
  const first = await here.start(CHAIN);
  await here.complete('a', { rows: 7 });
  await here.fail('b');
  const second = await retryRun(here.service, first);
  await here.settle();
  await here.complete('b', { x: 1 });
  await here.fail('c');
  const third = await retryRun(here.service, second);
  await here.settle();
  await here.complete('c');
  const report = await here.report(third);
  expect(report).toMatchObject({
    status: 'completed',
    retryOf: second.run,
    nodes: {
      a: { seededFrom: first.run, outputs: { rows: 7 } },
      b: { seededFrom: second.run, outputs: { x: 1 } },
    },
  });
  await expect(retryRun(here.service, third)).rejects.toThrow(/every node .* completed/);
  const again = await retryRun(here.service, third, { from: 'b' });
  await here.settle();
  expect(here.ports.jobs.held).toEqual(['b']);
  expect((await here.report(again)).nodes['a']).toMatchObject({
    status: 'completed',
    seededFrom: first.run,
  });
});

test('what instances gave is bound in their order, though the last one ends in the same advance', async () => {
  const run = await here.start(
    `id: each\nnodes:\n  - { id: per, forEach: [x, y, z], ${step} }\n  - { id: join, needs: [per], inputs: { all: "{{ per.items }}" }, ${step} }\n`,
  );
  expect(here.ports.jobs.held).toEqual(['per[0]', 'per[1]', 'per[2]']);
  await here.complete('per[2]', { n: 2 });
  await here.complete('per[0]', { n: 0 });
  await here.complete('per[1]', { n: 1 });
  const order = here.ports.jobs.orders.at(-1);
  expect(order?.work).toMatchObject({
    kind: 'steps',
    scope: { nodes: { per: { items: [{ n: 0 }, { n: 1 }, { n: 2 }] } } },
  });
  expect(here.ports.jobs.orders[1]?.work).toMatchObject({ scope: { item: 'y', index: 1 } });
  await here.complete('join');
  expect((await here.report(run)).nodes['per']).toMatchObject({
    status: 'completed',
    outputs: { items: [{ n: 0 }, { n: 1 }, { n: 2 }] },
  });
});

test('an empty list completes at once and gives an empty list', async () => {
  const run = await here.start(
    `id: none\nnodes:\n  - { id: per, forEach: [], ${step} }\n  - { id: join, needs: [per], inputs: { all: "{{ per.items }}" }, ${step} }\n`,
  );
  expect(here.ports.jobs.orders[0]?.work).toMatchObject({
    scope: { nodes: { per: { items: [] } } },
  });
  await here.complete('join');
  expect((await here.report(run)).status).toBe('completed');
});

test('an order holds only the variables that its templates name', async () => {
  await here.start(
    `id: lean\ninputs: { x: { type: number, default: 1 }, y: { type: number, default: 2 } }\nnodes:\n  - { id: a, ${step} }\n  - { id: b, needs: [a], steps: [{ command: "echo {{ a.used }} {{ pipeline.input.x }} {{ secret.KEY }}" }] }\n`,
    { inputs: { x: 1, y: 2 } },
  );
  await here.complete('a', { used: 'u', unused: 'v' });
  expect(here.ports.jobs.orders[1]?.work).toMatchObject({
    scope: { input: { x: 1 }, nodes: { a: { used: 'u' } } },
    secrets: ['KEY'],
  });
  expect(JSON.stringify(here.ports.jobs.orders[1])).not.toContain('unused');
});

test('a binding that cannot be evaluated fails the node before it starts', async () => {
  const run = await here.start(
    `id: bad\nnodes:\n  - { id: a, ${step} }\n  - { id: b, needs: [a], inputs: { n: "{{ a.rows / 0 }}" }, ${step} }\n`,
  );
  await here.complete('a', { rows: 1 });
  const report = await here.report(run);
  expect(report.nodes['b']).toMatchObject({
    status: 'failed',
    attempts: 0,
    reason: 'expression_error',
  });
  expect(await here.eventNames(run)).not.toContain('b.started');
});

test.each([
  ['a list in its inputs', 'inputs: { n: "{{ len(a.big) }}" }'],
  ['a list in skipWhen', 'skipWhen: "{{ len(a.big) > 1 }}"'],
  ['an item of a list', 'inputs: { n: "{{ a.big[0] }}" }'],
  ['a list of instances', 'forEach: "{{ a.big }}"'],
])('a long text where %s is wanted fails the node, and the run goes on', async (_, key) => {
  const run = await here.start(
    `id: long\nnodes:\n  - { id: a, ${step} }\n  - { id: b, needs: [a], ${key}, ${step} }\n  - { id: c, startWhen: "event:b.failed" }\n`,
  );
  const object = { key: 'NS/default/values/x.json', size: 40_002, mediaType: 'application/json' };
  const text = JSON.stringify('x'.repeat(40_000));
  const { sha256 } = await here.ports.objects.put(object.key, new TextEncoder().encode(text));
  await here.complete('a', { big: { $ref: { ...object, sha256 } } });
  const report = await here.report(run);
  expect(report.nodes['b']).toMatchObject({ status: 'failed', reason: 'expression_error' });
  expect(report.status).toBe('completed');
});

test('explain looks into a list that is kept by reference, as the run did', async () => {
  const run = await here.start(
    `id: long\nnodes:\n  - { id: a, ${step} }\n  - { id: b, startWhen: "event:a.completed && {{ a.big[1] == 7 }}", ${step} }\n`,
  );
  const key = 'NS/default/values/list.json';
  const { size, sha256 } = await here.ports.objects.put(key, new TextEncoder().encode('[5, 6]'));
  const Ref = { key, size, sha256, mediaType: 'application/json', count: 2 };
  await here.complete('a', { big: { $ref: Ref } });
  const told = await explainNode(here.service, run, 'b');
  expect(told).toMatchObject({ status: 'skipped', start: { truth: 'never' } });
  expect(told.answer).toContain('{{ a.big[1] == 7 }}: it is false');
});

test('explain names the term that decided, with its values', async () => {
  const run = await here.start(
    `id: gate\nnodes:\n  - { id: a, ${step} }\n  - { id: b, startWhen: "event:a.completed && {{ a.rows > 10 }}", ${step} }\n`,
  );
  expect((await explainNode(here.service, run, 'b')).answer).toMatch(/waits for a/);
  await here.complete('a', { rows: 3 });
  const told = await explainNode(here.service, run, 'b');
  expect(told).toMatchObject({
    status: 'skipped',
    deciding: '{{ a.rows > 10 }}',
    start: {
      kind: 'and',
      truth: 'never',
      parts: [
        { kind: 'event', truth: 'true' },
        { kind: 'term', truth: 'never', values: { 'a.rows': 3 } },
      ],
    },
  });
});

test('variables of a run are its inputs and what completed nodes gave', async () => {
  const run = await here.start(CHAIN, {});
  await here.complete('a', { rows: 3 });
  expect(await readVariables(here.service, run)).toMatchObject({
    nodes: { a: { rows: 3 } },
    system: { run_id: run.run },
  });
});

test('runs are found by prefix and by latest; an ambiguous or unknown prefix is refused', async () => {
  const first = await here.start(CHAIN);
  here.ports.clock.advance(60_000);
  const second = await here.start(CHAIN);
  expect((await findRun(here.service, 'default', 'latest')).run).toBe(second.run);
  expect((await findRun(here.service, 'default', first.run.toLowerCase())).run).toBe(first.run);
  await expect(findRun(here.service, 'default', first.run.slice(0, 4))).rejects.toMatchObject({
    code: 'ambiguous',
  });
  await expect(findRun(here.service, 'default', 'ZZZZ')).rejects.toMatchObject({
    code: 'not_found',
  });
  expect((await listRuns(here.service, 'default')).map(({ run }) => run)).toEqual([
    second.run,
    first.run,
  ]);
});

test('commands to a run that is over are refused with its state', async () => {
  const run = await here.start(`id: one\nnodes:\n  - { id: a, ${step} }\n`);
  await here.complete('a');
  await expect(cancelRun(here.service, run)).rejects.toMatchObject({ code: 'wrong_state' });
  await expect(emitEvent(here.service, run, 'external.go')).rejects.toThrow(/is completed/);
  await expect(emitEvent(here.service, run, 'a.completed')).rejects.toThrow(/wanted external/);
});

test('after five failed advances a run is halted, and resume goes on', async () => {
  const run = await here.start(CHAIN);
  for (let count = 1; count < limits.failedAdvances; count += 1) {
    expect(await advanceFailed(here.service, run, new TypeError('broken'))).toBe('again');
  }
  expect(await advanceFailed(here.service, run, new TypeError('broken'))).toBe('halted');
  expect(await here.report(run)).toMatchObject({
    status: 'halted',
    reason: 'poisoned',
    message: 'broken',
  });
  await resumeRun(here.service, run);
  await here.settle();
  await here.complete('a');
  expect((await here.report(run)).status).toBe('running');
});

test('events that are too large together to be read at once are all taken in', async () => {
  const run = await here.start(
    `id: waits\nnodes:\n  - { id: a, startWhen: "event:external.last", ${step} }\n`,
  );
  const payload = 'x'.repeat(limits.payloadBytes - 10);
  const count = Math.ceil(limits.pageBytes / payload.length) + 1;
  // Together, so that none of them finds that there is no room.
  await Promise.all([
    ...Array.from({ length: count }, () =>
      emitEvent(here.service, run, 'external.many', { payload }),
    ),
    emitEvent(here.service, run, 'external.last'),
  ]);
  await here.settle();
  expect(here.ports.jobs.held).toEqual(['a']);
});
