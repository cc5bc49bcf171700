// Runs inside runs, on embedded ports: inputs go down, outputs come up, and what is asked of the parent is asked of the child.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { adoptRun } from '#service/adopt-run.ts';
import { cancelRun, pauseRun, resumeRun } from '#service/command-run.ts';
import { explainNode } from '#service/explain-node.ts';
import { findRun, listRuns } from '#service/find-run.ts';
import type { RunRef } from '#service/keys.ts';
import { readMergedEvents } from '#service/merge-events.ts';
import { retryRun } from '#service/retry-run.ts';
import { RunningService } from '#support/running-service.ts';
import { requestOf, type Texts } from '#support/sub-pipelines.ts';

let here: RunningService;
beforeEach(() => {
  here = new RunningService();
});
afterEach(() => here.close());

const step = 'steps: [{ command: "true" }]';
const CHILD = `id: child
inputs: { path: { type: string }, top: { type: number, default: 3 } }
outputs: { rows: "{{ load.rows }}", where: "{{ pipeline.input.path }}", extra: "{{ maybe.x }}" }
nodes:
  - { id: load, ${step} }
  - { id: maybe, startWhen: "event:load.failed", ${step} }
`;
const PARENT = `id: parent
nodes:
  - { id: extract, ${step} }
  - id: publish
    needs: [extract]
    pipeline: { file: ./child.yaml, inputs: { path: "{{ extract.path }}" } }
  - { id: after, startWhen: "event:publish.completed && {{ publish.rows > 1 }}", ${step} }
`;
const TEXTS: Texts = { 'main.yaml': PARENT, 'child.yaml': CHILD };

/** A parent whose child runs. */
async function started(texts: Texts = TEXTS): Promise<{ parent: RunRef; child: RunRef }> {
  const parent = await here.startPlans(requestOf(texts));
  await here.complete('extract', { path: 'a.csv' });
  return { parent, child: await childOf(parent, 'publish') };
}

async function childOf(parent: RunRef, node: string): Promise<RunRef> {
  const run = (await here.report(parent)).nodes[node]?.subRun;
  if (run === undefined) throw new TypeError(`${node} has no sub-run`);
  return { ...parent, run };
}

test('inputs go down, outputs come up, and each knows the other', async () => {
  const { parent, child } = await started();
  expect(await here.report(child)).toMatchObject({
    status: 'running',
    inputs: { path: 'a.csv', top: 3 },
    parent: { run: parent.run, node: 'publish' },
  });

  await here.complete('load', { rows: 5 });
  await here.complete('after');

  const outputs = { rows: 5, where: 'a.csv', extra: null };
  expect(await here.report(child)).toMatchObject({ status: 'completed', outputs });
  expect(await here.report(parent)).toMatchObject({
    status: 'completed',
    nodes: { publish: { status: 'completed', outputs, attempts: 1, subRun: child.run } },
  });
});

test('inputs that are too large for the table fail their node; the run goes on', async () => {
  const { table } = here.ports;
  const transact = table.transact.bind(table);
  table.transact = async (writes) => {
    const start = writes.find((write) => write.write === 'put' && write.item.sk === 'START');
    if (JSON.stringify(start ?? null).length > limits.itemBytes)
      throw new Rejected('too_large', 'item START has too many bytes');
    await transact(writes);
  };
  const parent = await here.startPlans(requestOf(TEXTS));
  await here.complete('extract', { path: 'x'.repeat(limits.itemBytes) });
  expect(await here.report(parent)).toMatchObject({
    status: 'failed',
    nodes: { publish: { reason: 'sub_run_failed', message: expect.stringContaining('too large') } },
  });
});

test('an output whose node did not complete is null', async () => {
  const { parent, child } = await started();
  await here.fail('load', 3);
  await here.complete('maybe', { x: 1 });
  expect((await here.report(child)).status).toBe('completed');
  expect((await here.report(parent)).nodes['publish']?.outputs).toEqual({
    rows: null,
    where: 'a.csv',
    extra: 1,
  });
});

const FAILING: Texts = {
  'main.yaml': `id: parent
nodes:
  - id: work
    retry: { maxAttempts: 2, delay: 1s, backoff: fixed }
    pipeline: { id: child }
`,
  'child.yaml': `id: child\nnodes: [{ id: load, ${step} }]\n`,
};

test('each attempt has a child of its own; the failure of the last one is the node’s', async () => {
  const parent = await here.startPlans(requestOf(FAILING));
  const first = await childOf(parent, 'work');
  await here.fail('load');
  await here.advanceTime(1_000);
  const second = await childOf(parent, 'work');
  expect(second.run).not.toBe(first.run);
  await here.fail('load', 7);

  expect((await here.report(parent)).nodes['work']).toMatchObject({
    status: 'failed',
    attempts: 2,
    reason: 'sub_run_failed',
    message: `run ${second.run} (child) failed: "load" failed: exit code 7`,
  });
});

test('a child that somebody cancelled is not made again, though its node has attempts left', async () => {
  const parent = await here.startPlans(requestOf(FAILING));
  const child = await childOf(parent, 'work');
  await cancelRun(here.service, child);
  await here.settle();
  expect((await here.report(parent)).nodes['work']).toMatchObject({
    status: 'failed',
    attempts: 1,
    reason: 'cancelled',
  });
});

test('a retry of the parent makes a new child', async () => {
  const parent = await here.startPlans(requestOf(FAILING));
  const first = await childOf(parent, 'work');
  await here.fail('load');
  await here.advanceTime(1_000);
  await here.fail('load');
  const again = await retryRun(here.service, parent);
  await here.settle();
  const child = await childOf(again, 'work');
  expect(child.run).not.toBe(first.run);
  await here.complete('load');
  expect((await here.report(again)).status).toBe('completed');
});

test('cancel goes down, however deep, and nothing is left running', async () => {
  const texts: Texts = {
    'main.yaml': 'id: a\nnodes: [{ id: b, pipeline: { id: b } }]\n',
    'b.yaml': 'id: b\nnodes: [{ id: c, pipeline: { id: c } }]\n',
    'c.yaml': `id: c\nnodes: [{ id: load, ${step} }]\n`,
  };
  const parent = await here.startPlans(requestOf(texts));
  const middle = await childOf(parent, 'b');
  const lowest = await childOf(middle, 'c');
  await here.ports.jobs.claim('load');
  await cancelRun(here.service, parent);
  await here.settle();
  expect(here.ports.jobs.stops.map(({ name }) => name.run)).toEqual([lowest.run]);
  expect(here.ports.jobs.stops[0]?.grace).toBe(10_000);

  await cancelRun(here.service, parent, { force: true });
  await here.settle();
  expect(here.ports.jobs.stops.at(-1)).toMatchObject({ name: { run: lowest.run }, grace: 0 });
  await here.tell('load', { result: 'cancelled' });

  for (const run of [parent, middle, lowest])
    expect((await here.report(run)).status).toBe('cancelled');
  expect((await here.report(parent)).nodes['b']).toMatchObject({ status: 'cancelled' });
});

test('a sub-run that was paused by itself goes on when its parent, which was not, is resumed', async () => {
  const { parent, child } = await started();
  await pauseRun(here.service, child);
  await here.settle();
  expect((await here.report(parent)).nodes['publish']?.progressText).toBe('0 of 2 nodes, paused');
  await resumeRun(here.service, parent);
  await here.settle();
  expect((await here.report(child)).status).toBe('running');
});

test('pause and resume go down', async () => {
  const { parent, child } = await started();
  await pauseRun(here.service, parent);
  await here.settle();
  expect((await here.report(child)).status).toBe('paused');
  expect((await here.report(parent)).nodes['publish']).toMatchObject({
    progressText: '0 of 2 nodes, paused',
  });
  await resumeRun(here.service, parent);
  await here.settle();
  expect((await here.report(child)).status).toBe('running');
  await here.complete('load', { rows: 0 });
  expect((await here.report(parent)).status).toBe('completed');
});

test('the time that a node is allowed is its child’s', async () => {
  const texts = {
    ...FAILING,
    'main.yaml': 'id: parent\nnodes: [{ id: work, timeout: 5s, pipeline: { id: child } }]\n',
  };
  const parent = await here.startPlans(requestOf(texts));
  const child = await childOf(parent, 'work');
  await here.ports.jobs.claim('load');
  await here.advanceTime(5_000);
  await here.tell('load', { result: 'cancelled' });
  expect((await here.report(child)).status).toBe('timed_out');
  expect((await here.report(parent)).nodes['work']).toMatchObject({
    status: 'timed_out',
    message: `run ${child.run} (child) took longer than it was allowed`,
  });
});

const EACH: Texts = {
  'main.yaml': `id: parent
nodes:
  - id: region
    forEach: [north, south, west]
    maxParallel: 2
    retry: { maxAttempts: 2, delay: 1s, backoff: fixed }
    pipeline: { file: child.yaml, inputs: { name: "{{ item }}", at: "{{ index }}" } }
`,
  'child.yaml': `id: child
inputs: { name: { type: string }, at: { type: number } }
outputs: { name: "{{ pipeline.input.name }}", at: "{{ pipeline.input.at }}" }
nodes: [{ id: load, ${step} }]
`,
};

test('each instance of forEach has its child, no more at once than are allowed, and is retried by itself', async () => {
  const parent = await here.startPlans(requestOf(EACH));
  const subRuns = async (): Promise<readonly (string | undefined)[]> =>
    ((await here.report(parent)).nodes['region']?.instances ?? []).map(({ subRun }) => subRun);
  expect((await subRuns()).filter((run) => run !== undefined)).toHaveLength(2);
  await here.fail('load');
  await here.complete('load');
  await here.complete('load');
  await here.advanceTime(1_000);
  await here.complete('load');

  const { status, nodes } = await here.report(parent);
  expect(status).toBe('completed');
  expect(nodes['region']?.outputs).toEqual({
    items: [
      { name: 'north', at: 0 },
      { name: 'south', at: 1 },
      { name: 'west', at: 2 },
    ],
  });
  expect(nodes['region']?.instances?.map(({ attempts }) => attempts).sort()).toEqual([1, 1, 2]);
  expect(new Set(await subRuns()).size).toBe(3);
});

test('what expressions give is checked against what the child declares; nothing is started then', async () => {
  const parent = await here.startPlans(requestOf(TEXTS));
  await here.complete('extract', { path: 7 });
  expect((await here.report(parent)).nodes['publish']).toMatchObject({
    status: 'failed',
    reason: 'sub_run_failed',
    message: 'child was not started: the input "path" is 7; wanted a string',
  });
  expect(await listRuns(here.service, 'default', { all: true })).toHaveLength(1);
});

test('large values come up by reference, and what is by reference is passed on as it is', async () => {
  const texts: Texts = {
    'main.yaml': `id: parent
nodes:
  - { id: one, pipeline: { id: child, inputs: { list: [1] } } }
  - { id: two, needs: [one], pipeline: { id: child, inputs: { list: "{{ one.all }}" } } }
`,
    'child.yaml': `id: child
inputs: { list: { type: array } }
outputs: { all: ["{{ load.part }}", "{{ load.other }}"], long: "{{ len(pipeline.input.list) }}" }
nodes: [{ id: load, ${step} }]
`,
  };
  const parent = await here.startPlans(requestOf(texts));
  const text = 'x'.repeat(20_000);
  await here.complete('load', { part: text, other: text });
  const { one } = (await here.report(parent)).nodes;
  expect(one?.outputs['all']).toMatchObject({ $ref: { count: 2 } });
  await here.complete('load', { part: 'a', other: 'b' });
  expect((await here.report(parent)).nodes['two']?.outputs).toEqual({ all: ['a', 'b'], long: 2 });
});

test('without `outputs` a run gives the outputs of its nodes by node', async () => {
  const parent = await here.startPlans(requestOf(FAILING));
  await here.complete('load', { rows: 4 });
  expect((await here.report(parent)).nodes['work']?.outputs).toEqual({ load: { rows: 4 } });
});

test('sub-runs are no runs of the list, not the latest one, and in nobody’s way', async () => {
  const { parent, child } = await started();
  expect((await listRuns(here.service, 'default')).map(({ run }) => run)).toEqual([parent.run]);
  const all = await listRuns(here.service, 'default', { all: true });
  expect(all.find(({ run }) => run === child.run)).toMatchObject({ parent: parent.run });
  expect(await findRun(here.service, 'default', 'latest')).toEqual(parent);
  expect(await findRun(here.service, 'default', parent.run.slice(0, 8))).toEqual(parent);
  expect(await findRun(here.service, 'default', child.run.slice(0, 20))).toEqual(child);
});

test('a child whose plan is not given is refused before anything exists', async () => {
  const { plan } = requestOf(TEXTS);
  await expect(here.startPlans({ plan })).rejects.toThrow(
    /which a node of parent runs, is not given/,
  );
});

test('performing an outbox again makes no second child', async () => {
  const { parent, child } = await started();
  await adoptRun(here.service, parent);
  await here.settle();
  expect(await listRuns(here.service, 'default', { all: true })).toHaveLength(2);
  expect(await childOf(parent, 'publish')).toEqual(child);
  await here.complete('load', { rows: 1 });
  await adoptRun(here.service, child);
  await here.settle();
  expect((await here.report(parent)).status).toBe('completed');
});

test('events of a run and those below it are one stream, the same page by page', async () => {
  const { parent, child } = await started();
  const read = async (options: { after?: string; limit?: number }) =>
    readMergedEvents(here.service, parent, options);
  const early = await read({});
  expect(early.last).toBe(false);
  await here.complete('load', { rows: 1 });
  // What is waiting after the first read comes behind its cursor.
  const late = await read({ after: early.cursor });
  const whole = await read({});
  expect([...early.events, ...late.events]).toEqual(whole.events);
  expect(whole.last).toBe(true);
  const names = whole.events.map(({ run, event }) =>
    run === child.run ? `below ${event}` : event,
  );
  expect(names).toEqual([
    'pipeline.started',
    'extract.started',
    'extract.completed',
    'publish.started',
    'below pipeline.started',
    'below load.started',
    'below load.completed',
    'below maybe.skipped',
    'below pipeline.completed',
    'publish.completed',
    'after.skipped',
    'pipeline.completed',
  ]);
  expect((await read({ after: whole.cursor })).last).toBe(true);

  const paged: unknown[] = [];
  let page = await read({ limit: 2 });
  for (; !page.last; page = await read({ limit: 2, after: page.cursor }))
    paged.push(...page.events);
  expect([...paged, ...page.events]).toEqual(whole.events);
  await expect(read({ after: 'x' })).rejects.toThrow(/no cursor/);
});

test('explain says which run a node waits for, and what that waits for', async () => {
  const { parent, child } = await started();
  const { answer } = await explainNode(here.service, parent, 'publish');
  expect(answer).toBe(
    `It waits for run ${child.run} (child), which is running; there "load" is running.`,
  );
});

test('a sub-run can be retried as a run of its own', async () => {
  const { parent, child } = await started();
  await cancelRun(here.service, child);
  await here.settle();
  const again = await retryRun(here.service, child);
  await here.settle();
  await here.complete('load', { rows: 2 });
  const report = await here.report(again);
  expect(report).toMatchObject({ status: 'completed', retryOf: child.run, outputs: { rows: 2 } });
  expect(report.parent).toBeUndefined();
  expect((await here.report(parent)).status).toBe('failed');
});

test('a sub-run that was halted goes on when its parent is resumed', async () => {
  const { parent, child } = await started();
  await here.service.bells.fail(child, { unanswered: false, halted: 'it failed again and again' });
  expect((await here.report(parent)).nodes['publish']?.progressText).toBe('0 of 2 nodes, halted');
  await resumeRun(here.service, parent);
  await here.settle();
  expect((await here.report(child)).status).toBe('running');
  await here.complete('load', { rows: 1 });
  expect((await here.report(parent)).status).toBe('completed');
});
