// Cached nodes: what is taken over, what is done again, and what explain says of it.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunRequest } from '#service/control.ts';
import { explainNode } from '#service/explain-node.ts';
import type { RunRef } from '#service/keys.ts';
import { retryRun } from '#service/retry-run.ts';
import { RunningService } from '#support/running-service.ts';

let here: RunningService;
beforeEach(() => {
  here = new RunningService();
});
afterEach(() => here.close());

const PIPELINE = `
id: cached
inputs: { month: { type: string, default: jan } }
nodes:
  - id: extract
    inputs: { month: "{{ pipeline.input.month }}" }
    env: { LEVEL: info, TOKEN: "{{ secret.TOKEN }}" }
    cache: true
    steps: [{ command: "fetch {{ month }}" }]
  - id: load
    needs: [extract]
    inputs: { rows: "{{ extract.rows }}" }
    steps: [{ command: "load {{ rows }}" }]
`;

const start = (text: string, month = 'jan', more: Partial<RunRequest> = {}): Promise<RunRef> =>
  here.start(text, { inputs: { month }, ...more });

/** A run in which extract is worked. */
async function worked(text = PIPELINE, month = 'jan'): Promise<RunRef> {
  const run = await start(text, month);
  await here.complete('extract', { rows: 3 });
  await here.complete('load');
  return run;
}

async function explained(run: RunRef): Promise<string | undefined> {
  return (await explainNode(here.service, run, 'extract')).cache;
}

test('a second run with the same inputs takes the result over, without a job', async () => {
  const first = await worked();
  const run = await start(PIPELINE);
  expect(here.ports.jobs.held).toEqual(['load']);
  await here.complete('load');
  const report = await here.report(run);
  expect(report).toMatchObject({
    status: 'completed',
    nodes: {
      extract: {
        status: 'completed',
        attempts: 1,
        outputs: { rows: 3 },
        reusedFrom: { run: first.run, address: 'extract', attempt: 1 },
      },
    },
  });
  expect(report.nodes['load']).not.toHaveProperty('reusedFrom');
  expect(await explained(run)).toBe(
    `its key was met before: taken over from extract of run ${first.run}`,
  );
});

test('what was taken over is taken over from where it was worked, however often', async () => {
  const first = await worked();
  await start(PIPELINE);
  await here.complete('load');
  const third = await start(PIPELINE);
  expect((await here.report(third)).nodes['extract']?.reusedFrom?.run).toBe(first.run);
});

test('another input, command or variable is another key, and explain names what changed', async () => {
  const first = await worked();
  const cases: [string, string, string][] = [
    [PIPELINE, 'feb', 'input month'],
    [PIPELINE.replace('fetch', 'get'), 'jan', 'command'],
    [PIPELINE.replace('info', 'debug'), 'jan', 'env LEVEL'],
  ];
  for (const [text, month, part] of cases) {
    const run = await start(text, month);
    expect(here.ports.jobs.held).toEqual(['extract']);
    expect(await explained(run)).toBe(`changed since run ${first.run}: ${part}`);
    await here.fail('extract');
  }
});

test('after it was kept, explain still says why it was worked', async () => {
  const first = await worked();
  expect(await explained(first)).toBe('nothing was kept of it before');
  const second = await worked(PIPELINE, 'feb');
  expect(await explained(second)).toBe(`changed since run ${first.run}: input month`);
});

test('another commit of an operator is another key', async () => {
  const text = PIPELINE.replace(
    'command: "fetch {{ month }}"',
    'command: "fetch {{ month }}", operator: { git: ./extract.git, tag: v1 }',
  );
  const at = (commit: string, dirty = false) => ({
    sources: { './extract.git#v1': { commit, ...(dirty ? { dirty } : {}) } },
  });
  const prepare = '@extract';
  const first = await start(text, 'jan', at('a'.repeat(40)));
  await here.complete(prepare);
  await here.complete('extract', { rows: 3 });
  const other = await start(text, 'jan', at('b'.repeat(40)));
  await here.complete(prepare);
  expect(here.ports.jobs.held).toContain('extract');
  expect(await explained(other)).toBe(`changed since run ${first.run}: operator commit`);
  await here.fail('extract');
  const same = await start(text, 'jan', at('a'.repeat(40)));
  await here.complete(prepare);
  expect((await here.report(same)).nodes['extract']?.reusedFrom?.run).toBe(first.run);
  const dirty = await start(text, 'jan', at('a'.repeat(40), true));
  await here.complete(prepare);
  expect(await explained(dirty)).toContain('is a working tree with changes');
});

test('failed attempts are never taken over', async () => {
  await start(PIPELINE);
  await here.fail('extract');
  await start(PIPELINE);
  expect(here.ports.jobs.held).toEqual(['extract']);
});

test('a key expression takes the place of the inputs; what the node runs still counts', async () => {
  const text = PIPELINE.replace('cache: true', 'cache: "{{ pipeline.input.month }}"');
  const first = await worked(text);
  const run = await start(text.replace('info', 'debug'));
  expect((await here.report(run)).nodes['extract']?.reusedFrom?.run).toBe(first.run);
  await here.complete('load');
  const other = await start(text.replace('fetch', 'get'));
  expect(await explained(other)).toBe(`changed since run ${first.run}: command`);
});

test('of instances each has the key of its item', async () => {
  const text = (list: string): string =>
    `id: p\nnodes: [{ id: score, forEach: ${list}, cache: true, steps: [{ command: "true" }] }]\n`;
  await here.start(text('[a, b]'));
  await here.complete('score[0]', { n: 1 });
  await here.complete('score[1]', { n: 2 });
  const run = await here.start(text('[b, c]'));
  expect(here.ports.jobs.held).toEqual(['score[1]']);
  await here.complete('score[1]', { n: 3 });
  expect((await here.report(run)).nodes['score']).toMatchObject({
    status: 'completed',
    outputs: { items: [{ n: 2 }, { n: 3 }] },
    instances: [{ reusedFrom: { address: 'score[1]' } }, {}],
  });
});

test('an entry whose file is gone counts for nothing', async () => {
  const text = new TextEncoder().encode('a,b');
  const { key, size, sha256 } = await here.ports.objects.put('NS/default/x.csv', text);
  const file = { $file: { key, name: 'x.csv', size, sha256 } };
  await start(PIPELINE);
  await here.complete('extract', { rows: 3, file });
  await here.complete('load');
  const hit = await start(PIPELINE);
  expect((await here.report(hit)).nodes['extract']?.outputs).toMatchObject({ file });
  await here.complete('load');
  await here.ports.objects.remove(key);
  const miss = await start(PIPELINE);
  expect(here.ports.jobs.held).toEqual(['extract']);
  expect(await explained(miss)).toContain('is gone');
});

test('a file counts by what it holds, wherever it lies', async () => {
  const text = `id: p
inputs: { f: { type: file } }
nodes:
  - id: extract
    cache: true
    steps: [{ command: "read {{ pipeline.input.f }}" }]
`;
  const given = (path: string, digit: string) => ({
    inputs: { f: { $file: { path, name: 'f.csv', size: 3, sha256: digit.repeat(64) } } },
  });
  await here.start(text, given('/one/f.csv', 'a'));
  await here.complete('extract', { rows: 1 });
  const same = await here.start(text, given('/other/f.csv', 'a'));
  expect((await here.report(same)).nodes['extract']).toMatchObject({ status: 'completed' });
  const other = await here.start(text, given('/one/f.csv', 'b'));
  expect(here.ports.jobs.held).toEqual(['extract']);
  expect(await explained(other)).toContain('{{ pipeline.input.f }}');
});

test('a run that wants everything anew takes nothing over, and is kept', async () => {
  await worked();
  const anew = await start(PIPELINE, 'jan', { anew: true });
  expect(here.ports.jobs.held).toEqual(['extract']);
  expect(await explained(anew)).toBe('it was to be done anew, so nothing was looked for');
  await here.complete('extract', { rows: 4 });
  await here.complete('load');
  const next = await start(PIPELINE);
  expect((await here.report(next)).nodes['extract']).toMatchObject({
    outputs: { rows: 4 },
    reusedFrom: { run: anew.run },
  });
});

test('retry --from works the node anew', async () => {
  const first = await worked();
  await retryRun(here.service, first, { from: 'extract' });
  await here.settle();
  expect(here.ports.jobs.held).toEqual(['extract']);
});

test('what names the run is never taken over', async () => {
  const text = PIPELINE.replace('fetch {{ month }}', 'fetch {{ month }} {{ system.run_id }}');
  await worked(text);
  const run = await start(text);
  expect(here.ports.jobs.held).toEqual(['extract']);
  expect(await explained(run)).toContain('names what is new in every run');
});

test('a query and a function are taken over, too', async () => {
  const text = `id: p
nodes:
  - id: extract
    cache: true
    function: fetch
  - id: q
    needs: [extract]
    inputs: { n: "{{ extract.rows }}" }
    cache: true
    sql: { query: "select {{ n }} as n" }
`;
  await here.start(text);
  await here.complete('extract', { rows: 3 });
  await here.complete('q', { result: 1 });
  const run = await here.start(text);
  expect(here.ports.jobs.held).toEqual([]);
  expect((await here.report(run)).status).toBe('completed');
});

test('a result costs no further commit, and what is taken over one', async () => {
  await start(PIPELINE);
  const before = here.ports.table.commits;
  await here.complete('extract', { rows: 3 });
  // The claim, and the result with the start of the next node.
  expect(here.ports.table.commits - before).toBe(2);
});
