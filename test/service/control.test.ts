// Control as servers have it: pipelines that come as texts or are stored, what they are given, and expressions against their runs.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HasProblems } from '#errors/families.ts';
import type { Control } from '#service/control.ts';
import { createControl } from '#service/create-control.ts';
import { RunningService } from '#support/running-service.ts';

let here: RunningService;
let control: Control;
/** As on AWS: nothing of a disk may be named. */
let elsewhere: Control;

beforeEach(() => {
  here = new RunningService();
  const parts = {
    service: here.service,
    namespace: 'default',
    readLogs: () => Promise.resolve({ lines: [], cursor: '', last: true }),
    secretNames: async () => ['KNOWN'],
  };
  control = createControl(parts);
  elsewhere = createControl({ ...parts, elsewhere: true });
});
afterEach(() => here.close());

const PIPELINE = `
id: flights
inputs:
  year: { type: number }
  orders: { type: file, default: ./orders.csv }
nodes:
  - id: clean
    steps: [{ command: "echo {{ pipeline.input.year }}" }]
  - id: load
    startWhen: event:clean.completed && {{ clean.rows > 10 }}
    steps: [{ command: "true" }]
`;
const SHA = createHash('sha256').update('hello').digest('hex');
const FILE = { name: 'orders.csv', size: 5, sha256: SHA };

async function problemsOf(asked: Promise<unknown>): Promise<readonly string[]> {
  const caught: unknown = await asked.catch((error: unknown) => error);
  if (!(caught instanceof HasProblems)) expect.unreachable(String(caught));
  return caught.problems.map(({ code, path }) => `${code} ${path}`);
}

async function uploaded(): Promise<{ $file: { key: string } & typeof FILE }> {
  const key = `NS/default/files/${SHA}/orders.csv`;
  await here.service.objects.put(key, Buffer.from('hello'));
  return { $file: { key, ...FILE } };
}

test('a text becomes a run, with what it is given', async () => {
  const { run } = await control.start({
    source: PIPELINE,
    inputs: { year: 2013, orders: await uploaded() },
  });
  await here.settle();

  const report = await control.report(run);
  expect(report.inputs).toMatchObject({ year: 2013, orders: { $file: { name: 'orders.csv' } } });
  expect(report.nodes['clean']?.status).toBe('running');
});

test('all that is wrong with inputs is told at once, in the words of the command line', async () => {
  const wrong = control.start({ source: PIPELINE, inputs: { year: 'soon', yaer: 1 } });
  expect(await problemsOf(wrong)).toEqual(['unknown_input inputs.yaer', 'wrong_input inputs.year']);
  // A path means nothing where the pipeline's folder is not.
  expect(await problemsOf(control.start({ source: PIPELINE, inputs: { year: 1 } }))).toEqual([
    'wrong_input inputs.orders',
  ]);
});

test('what is wrong with a text is told with its place, whoever asks', async () => {
  const source = 'id: x\nnodes:\n  - id: a\n    steps: [{ comand: "true" }]\n';
  const { problems, plan } = await control.validate({ source, name: 'x.yaml' });
  expect(plan).toBeUndefined();
  expect(problems.map(({ code, line }) => ({ code, line }))).toContainEqual({
    code: 'unknown_key',
    line: 4,
  });
  expect(await problemsOf(control.start({ source }))).toEqual(
    problems.map(({ code, path }) => `${code} ${path}`),
  );
});

test('what a text is warned of is among the events of its run', async () => {
  const source =
    'id: x\nnodes:\n  - { id: a, steps: [{ command: "true" }] }\n  - { id: b, startWhen: event:a.completed && event:a.failed, steps: [{ command: "true" }] }\n';
  const { problems } = await control.validate({ source });
  expect(problems.map(({ severity }) => severity)).toEqual(['warning']);

  const { run } = await control.start({ source });
  await here.settle();

  const { events } = await control.events(run);
  expect(events).toContainEqual(
    expect.objectContaining({
      event: 'pipeline.warning',
      payload: { message: `${problems[0]?.message} (line 4)` },
    }),
  );
});

test('secrets that are not set are told before the run exists', async () => {
  const source =
    'id: x\nnodes:\n  - { id: a, env: { A: "{{ secret.KNOWN }}", B: "{{ secret.OTHER }}" }, steps: [{ command: "true" }] }\n';
  expect(await problemsOf(control.start({ source }))).toEqual(['secret_missing secret.OTHER']);
});

test('pipelines below come along in files; one that does not is missing', async () => {
  const source = 'id: top\nnodes:\n  - { id: a, pipeline: { file: parts/below.yaml } }\n';
  const below = 'id: below\nnodes:\n  - { id: b, steps: [{ command: "true" }] }\n';

  const { run } = await control.start({ source, files: { 'parts/below.yaml': below } });
  await here.settle();
  expect((await control.report(run)).nodes['a']?.subRun).toBeDefined();

  const { problems } = await control.validate({ source, files: { 'below.yaml': below } });
  expect(problems[0]).toMatchObject({
    code: 'unknown_pipeline',
    message: expect.stringContaining('it did not come along with the request'),
  });
});

test('a pipeline is stored by versions; the same again is the same version', async () => {
  const text = (command: string) =>
    `id: kept\nnodes:\n  - { id: a, steps: [{ command: "${command}" }] }\n`;

  const first = await control.store({ source: text('one') });
  expect(first).toMatchObject({ id: 'kept', version: 1 });
  expect(await control.store({ source: text('one') })).toEqual(first);
  const second = await control.store({ source: text('two') });
  expect(second.version).toBe(2);

  expect(await control.pipelines()).toEqual([second]);
  expect(await control.pipeline('kept', 1)).toMatchObject({ ...first, plan: { id: 'kept' } });
  await expect(control.pipeline('kept', 3)).rejects.toMatchObject({ code: 'not_found' });
  await expect(control.start({ pipeline: 'other' })).rejects.toMatchObject({ code: 'not_found' });
});

test('many who store the same at once store one version', async () => {
  const source = 'id: kept\nnodes:\n  - { id: a, steps: [{ command: "true" }] }\n';
  const stored = await Promise.all(Array.from({ length: 8 }, () => control.store({ source })));
  expect(new Set(stored.map(({ version }) => version))).toEqual(new Set([1]));
});

test('a stored pipeline runs by its id, its latest version or one that is named', async () => {
  const text = (node: string) =>
    `id: kept\ninputs: { n: { type: number } }\nnodes:\n  - { id: ${node}, steps: [{ command: "true" }] }\n`;
  await control.store({ source: text('one') });
  await control.store({ source: text('two') });
  const nodesOf = async (asked: { pipeline: string; version?: number }) => {
    const { run } = await control.start({ ...asked, inputs: { n: 1 } });
    return Object.keys((await control.report(run)).nodes);
  };

  expect(await nodesOf({ pipeline: 'kept' })).toEqual(['two']);
  expect(await nodesOf({ pipeline: 'kept', version: 1 })).toEqual(['one']);
  expect(await problemsOf(control.start({ pipeline: 'kept' }))).toEqual(['missing_input inputs.n']);
});

test('a pipeline that is named by its id is looked for among those that came along, then among the stored', async () => {
  const below = (node: string) =>
    `id: below\nnodes:\n  - { id: ${node}, steps: [{ command: "true" }] }\n`;
  const source = 'id: top\nnodes:\n  - { id: a, pipeline: { id: below } }\n';
  expect((await control.validate({ source })).plan).toBeUndefined();

  await control.store({ source: below('stored') });
  const childOf = async (files: Record<string, string>) => {
    const { run } = await control.start({ source, files });
    await here.settle();
    const subRun = (await control.report(run)).nodes['a']?.subRun ?? '';
    return Object.keys((await control.report(subRun)).nodes);
  };

  expect(await childOf({})).toEqual(['stored']);
  expect(await childOf({ 'x.yaml': below('beside') })).toEqual(['beside']);
});

test('a run that others work on is given nothing that lies on a disk, or that is not its own', async () => {
  const compiled = await control.store({
    source: PIPELINE.replace('type: number', 'type: object'),
  });
  const { plan } = await control.pipeline(compiled.id);
  const given = await uploaded();
  const started = (year: object, orders: object = given) =>
    elsewhere.start({ plan, sources: {}, inputs: { year, orders } as never });

  await expect(started({})).resolves.toMatchObject({ run: expect.any(String) });
  const ref = { $ref: { key: 'NS/other/values/x', size: 1, sha256: SHA, mediaType: 'x' } };
  expect(await problemsOf(started({ deep: [ref] }))).toEqual(['wrong_input inputs.year']);
  const { key: _, ...named } = given.$file;
  const onDisk = { $file: { ...named, path: '/etc/passwd' } };
  expect(await problemsOf(started({}, onDisk))).toEqual(['wrong_input inputs.orders']);
  const foreign = { $file: { ...given.$file, key: `NS/other/files/${SHA}/orders.csv` } };
  expect(await problemsOf(started({ at: foreign }, foreign))).toEqual([
    'input_file_missing inputs.year',
    'input_file_missing inputs.orders',
  ]);
});

test.each([
  { operator: '{ path: ../clean }', stays: true },
  { operator: '{ git: ../clean, tag: v1 }', stays: true },
  { operator: '{ git: "file:///srv/clean", tag: v1 }', stays: true },
  { operator: '{ git: /srv/clean, tag: v1 }', stays: true },
  { operator: '{ git: "https://example.com/clean.git", tag: v1 }', stays: false },
  { operator: '{ git: "git@example.com:team/clean.git", tag: v1 }', stays: false },
  { operator: '{ git: "ssh://git@example.com/clean", tag: v1 }', stays: false },
])('code that other machines cannot reach is told: $operator', async ({ operator, stays }) => {
  const source = `id: x\nnodes:\n  - id: a\n    steps: [{ operator: ${operator}, environment: host, command: "./x" }]\n`;
  const { problems } = await elsewhere.validate({ source });
  const codes = problems.map(({ code }) => code);
  expect(codes).toEqual(stays ? ['stays_here'] : []);
});

test('an expression, a template and a condition are told of a run as it is', async () => {
  const { run } = await control.start({
    source: PIPELINE,
    inputs: { year: 2013, orders: await uploaded() },
  });
  await here.settle();
  const judged = (text: string) => control.evaluate(run, text);

  expect(await judged('pipeline.input.year + 1')).toEqual({ is: 'value', value: 2014 });
  expect(await judged('clean.rows')).toEqual({ is: 'open', truth: 'not_yet' });
  await here.complete('clean', { rows: 5 });
  expect(await judged('{{ clean.rows * 2 }}')).toEqual({ is: 'value', value: 10 });
  expect(await judged('event:clean.completed && {{ clean.rows > 10 }}')).toMatchObject({
    is: 'open',
    truth: 'never',
    tree: { kind: 'and', parts: [{ truth: 'true' }, { truth: 'never' }] },
  });
  expect(await judged('event:*.completed')).toMatchObject({ is: 'value', value: true });
  expect(await judged('event:l*.completed')).toMatchObject({ is: 'open', truth: 'never' });
});

test.each([
  { text: 'clean.', message: /./ },
  { text: 'clan.rows', message: /no node clan/ },
  { text: 'event:clan.completed', message: /no node clan/ },
  { text: 'event:zz*.completed', message: /no node zz\*/ },
  { text: "'a' + 1", message: /./ },
])('what cannot be evaluated says why: $text', async ({ text, message }) => {
  const { run } = await control.start({
    source: PIPELINE,
    inputs: { year: 1, orders: await uploaded() },
  });
  expect(await control.evaluate(run, text)).toMatchObject({
    is: 'wrong',
    message: expect.stringMatching(message),
  });
});

test('a decision that nobody is known to make is refused', async () => {
  const source = 'id: x\nnodes: [{ id: review, approval: {} }]\n';
  const { run } = await control.start({ source });
  await here.settle();
  await expect(control.decide(run, 'review', { approve: true })).rejects.toMatchObject({
    code: 'invalid',
  });
  await expect(control.decide(run, 'review', { approve: true, by: 'ana' })).resolves.toEqual({
    by: 'ana',
  });
});
