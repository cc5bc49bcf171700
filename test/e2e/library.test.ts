// The library in a program of its own, or in this one: runs from start to end, streams, steering, signals, and the command line beside it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { createEngine, type Engine, HasProblems, Rejected, Transient } from '#local/library.ts';
import { allProcesses } from '#runner/processes.ts';
import { commandOf, jsonLines, Place, ROOT } from '#support/millrace.ts';

const engines: Engine[] = [];
const places: Place[] = [];

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close({ park: false });
  for (const place of places.splice(0)) place.remove();
});

async function engineOf(options: Parameters<typeof createEngine>[0]): Promise<Engine> {
  const engine = await createEngine(options);
  engines.push(engine);
  return engine;
}

function placeOf(files: Readonly<Record<string, string>> = {}): Place {
  const made = new Place(files);
  places.push(made);
  return made;
}

const DOUBLE = `
id: doubling
inputs: { n: { type: number } }
nodes:
  - id: double
    inputs: { n: "{{ pipeline.input.n }}" }
    function: double
`;

const REVIEWED = `
id: reviewed
nodes:
  - id: review
    approval: {}
  - id: publish
    startWhen: event:review.approved
    function: publish
`;

/** What a run's programs and the runner of a data directory look like from outside. */
const processesOf = (folder: string): number[] =>
  allProcesses()
    .filter(({ pid, state }) => state !== 'Z' && commandOf(pid).includes(folder))
    .map(({ pid }) => pid);

test('an engine in memory runs handlers and programs, and leaves nothing when it is closed', async () => {
  const engine = await engineOf({ memory: true });
  engine.register('double', ({ input }) => ({ twice: Number(input['n']) * 2 }));
  const { run } = await engine.submit({ source: DOUBLE }, { inputs: { n: 21 } });
  const report = await engine.wait(run);
  expect(report).toMatchObject({
    status: 'completed',
    nodes: { double: { outputs: { twice: 42 } } },
  });
  // Nothing needed a program, so there is no runner.
  expect(processesOf(engine.dataDir)).toEqual([]);

  const steps = await engine.submit({
    source: {
      id: 'shell',
      nodes: [{ id: 'say', steps: [{ command: 'echo hi; echo a=1 >> "$MILLRACE_OUTPUTS"' }] }],
    },
  });
  expect(await engine.wait(steps.run)).toMatchObject({
    status: 'completed',
    nodes: { say: { outputs: { a: 1 } } },
  });
  const lines: string[] = [];
  for await (const { text } of engine.logs(steps.run, { follow: true })) lines.push(text);
  expect(lines).toContain('hi');
  expect((await engine.runs()).map(({ pipeline }) => pipeline)).toEqual(['shell', 'doubling']);

  await engine.close();
  expect(existsSync(engine.dataDir)).toBe(false);
  await expect.poll(() => processesOf(engine.dataDir), { timeout: 5_000 }).toEqual([]);
  // Nor did a runner that was about to end write there once more.
  expect(existsSync(engine.dataDir)).toBe(false);
});

test('a pipeline with mistakes is refused with all of them as data, and nothing has happened', async () => {
  const engine = await engineOf({ memory: true });
  const wrong = {
    id: 'wrong',
    nodes: [
      { id: 'a', startWhen: 'event:b.completed' },
      { id: 'c', retries: 3 },
    ],
  };
  const refusal = await engine.submit({ source: wrong }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(HasProblems);
  const { problems } = refusal as HasProblems;
  expect(problems.map(({ code }) => code).sort()).toEqual(['unknown_key', 'unknown_node']);
  expect(await engine.validate({ source: wrong })).toEqual({ ok: false, problems });
  const missing = await engine
    .submit({ source: DOUBLE }, { inputs: { m: 1 } })
    .catch((error: unknown) => error);
  expect((missing as HasProblems).problems.map(({ code }) => code).sort()).toEqual([
    'missing_input',
    'unknown_input',
  ]);
  expect(await engine.runs()).toEqual([]);
  await expect(engine.submit({ file: '/nowhere/pipeline.yaml' })).rejects.toMatchObject({
    code: 'not_found',
  });
  await expect(engine.submit({ plan: { v: 0 } })).rejects.toMatchObject({ code: 'invalid' });
});

test('what validate gives can be submitted as it is, sub-pipelines included', async () => {
  const place = placeOf({
    'main.yaml':
      'id: main\nnodes:\n  - { id: below, pipeline: { file: ./sub.yaml, inputs: { n: 4 } } }\n',
    'sub.yaml': DOUBLE,
  });
  const engine = await engineOf({ memory: true });
  engine.register('double', ({ input }) => ({ twice: Number(input['n']) * 2 }));
  const valid = await engine.validate({ file: join(place.folder, 'main.yaml') });
  if (!valid.ok) throw new HasProblems(valid.problems);
  expect(valid).toMatchObject({ pipeline: 'main', problems: [] });
  const { run } = await engine.submit(valid);
  const seen: string[] = [];
  for await (const { event } of engine.events(run, { children: true })) seen.push(event);
  expect(seen).toContain('double.completed');
  expect(await engine.report(run)).toMatchObject({ status: 'completed' });
});

test('events come as they happen, end with the run, and go on from a cursor', async () => {
  const engine = await engineOf({ memory: true });
  const reached = Promise.withResolvers<void>();
  const { run } = await engine.submit({ source: REVIEWED });
  const stream = engine.events(run);
  const seen: string[] = [];
  for await (const { event } of stream) {
    seen.push(event);
    // Said by what the stream itself brought: without it the run would wait for ever.
    if (event === 'review.started')
      await engine.approve(run, 'review', { by: 'ada', comment: 'fine' });
    if (event === 'review.completed') {
      engine.register('publish', () => reached.resolve());
    }
  }
  await reached.promise;
  expect(seen.at(-1)).toBe('pipeline.completed');
  const rest: string[] = [];
  for await (const { event } of engine.events(run, { after: stream.cursor })) rest.push(event);
  expect(rest).toEqual([]);
  const report = await engine.report(run);
  expect(report.nodes['review']?.decision).toMatchObject({ by: 'ada', comment: 'fine' });
  await expect(engine.reject(run, 'review', { by: 'bob' })).rejects.toMatchObject({
    code: 'wrong_state',
  });
});

test('runs are steered: paused, resumed, told of events, cancelled, retried and explained', async () => {
  const engine = await engineOf({ memory: true });
  let fails = true;
  engine.register('try', () => {
    if (fails) throw new Rejected('invalid', 'not yet');
    return { ok: true };
  });
  const source = {
    id: 'steered',
    nodes: [
      { id: 'wait', startWhen: 'event:external.go' },
      {
        id: 'try',
        startWhen: "event:wait.completed && {{ payload('external.go').n > 1 }}",
        function: 'try',
      },
    ],
  };
  const { run } = await engine.submit({ source });
  await engine.pause(run);
  expect(await engine.report(run)).toMatchObject({ status: 'paused' });
  await engine.resume(run);
  expect((await engine.explain(run, 'wait')).answer).toContain('external.go');
  await engine.emit(run, 'external.go', { payload: { n: 2 } });
  expect(await engine.wait(run)).toMatchObject({
    status: 'failed',
    nodes: { try: { message: 'not yet' } },
  });
  fails = false;
  const again = await engine.retry(run);
  expect(await engine.wait(again.run)).toMatchObject({ status: 'completed', retryOf: run });
  const other = await engine.submit({ source });
  await engine.cancel(other.run);
  expect(await engine.wait(other.run)).toMatchObject({ status: 'cancelled' });
  expect(await engine.evaluate('{{ a.n > 1 }}', { a: { n: 2 } })).toEqual({
    is: 'value',
    value: true,
  });
});

test('secrets are set, listed and removed; a run that names one that is missing is refused', async () => {
  const engine = await engineOf({ memory: true });
  const source = {
    id: 'secretive',
    nodes: [
      {
        id: 'call',
        steps: [{ command: 'printf %s "$KEY" | wc -c', env: { KEY: '{{ secret.KEY }}' } }],
      },
    ],
  };
  const refusal = await engine.submit({ source }).catch((error: unknown) => error);
  expect((refusal as HasProblems).problems[0]).toMatchObject({ code: 'secret_missing' });
  await engine.secrets.set('KEY', 'squeamish-ossifrage');
  expect(await engine.secrets.list()).toEqual(['KEY']);
  const { run } = await engine.submit({ source });
  expect(await engine.wait(run)).toMatchObject({ status: 'completed' });
  const lines: string[] = [];
  for await (const { text } of engine.logs(run)) lines.push(text.trim());
  expect(lines).toEqual(['19']);
  expect(await engine.secrets.remove('KEY')).toBe(true);
  expect(await engine.secrets.remove('KEY')).toBe(false);
});

test('waiting can be given up, and ends with the engine', async () => {
  const engine = await engineOf({ memory: true });
  const { run } = await engine.submit({ source: DOUBLE }, { inputs: { n: 1 } });
  const enough = new AbortController();
  const waiting = engine.wait(run, { signal: enough.signal });
  const reading = (async () => {
    for await (const _ of engine.events(run, { signal: enough.signal }));
  })();
  const given = Promise.allSettled([waiting, reading]);
  enough.abort(new Rejected('invalid', 'enough'));
  for (const end of await given)
    expect(end).toMatchObject({ status: 'rejected', reason: { message: 'enough' } });
  const later = engine.wait(run);
  const stream = (async () => {
    for await (const _ of engine.events(run));
  })();
  const ends = Promise.allSettled([later, stream]);
  expect(await engine.close()).toEqual([run]);
  for (const end of await ends)
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
  await expect(engine.report(run)).rejects.toBeInstanceOf(Transient);
});

test('a data directory has one engine: a second one is told who has it, and when that one has gone it has the runs', async () => {
  const place = placeOf();
  const dataDir = join(place.folder, 'data');
  const first = await engineOf({ dataDir });
  const { run } = await first.submit({ source: DOUBLE }, { inputs: { n: 1 } });
  const refusal = await createEngine({ dataDir }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Transient);
  expect(refusal).toMatchObject({ code: 'busy', details: { holder: { pid: process.pid } } });
  expect(await first.close()).toEqual([run]);

  const second = await engineOf({ dataDir });
  await expect(second.wait(run)).rejects.toMatchObject({ code: 'wrong_state' });
  second.register('double', () => ({ twice: 2 }));
  await second.resume(run);
  expect(await second.wait(run)).toMatchObject({ status: 'completed' });
});

test('the command line is a client of the engine in a program', async () => {
  const place = placeOf({ 'pipeline.yaml': DOUBLE });
  const engine = await engineOf({ dataDir: join(place.folder, '.millrace') });
  engine.register('double', ({ input }) => ({ twice: Number(input['n']) * 2 }));
  const ran = await place.run('run', 'pipeline.yaml', '--json', '-i', 'n=8');
  expect(ran.code, ran.stderr).toBe(0);
  expect(jsonLines(ran.stdout).report).toMatchObject({
    nodes: { double: { outputs: { twice: 16 } } },
  });

  const reviewed = await engine.submit({ source: REVIEWED });
  engine.register('publish', () => ({}));
  for await (const { event } of engine.events(reviewed.run)) if (event === 'review.started') break;
  const approved = await place.run('approve', reviewed.run, 'review', '--by', 'ada');
  expect(approved.code, approved.stderr).toBe(0);
  expect(await engine.wait(reviewed.run)).toMatchObject({ status: 'completed' });
});

test('an engine listens to no signal unless it is asked to, and no more once it is told to stop', async () => {
  const before = process.listenerCount('SIGTERM');
  const engine = await engineOf({ memory: true });
  expect(process.listenerCount('SIGTERM')).toBe(before);
  const off = engine.parkOn('SIGTERM', 'SIGINT');
  expect(process.listenerCount('SIGTERM')).toBe(before + 1);
  off();
  expect(process.listenerCount('SIGTERM')).toBe(before);
  engine.parkOn('SIGTERM');
  await engine.close();
  expect(process.listenerCount('SIGTERM')).toBe(before);
});

test('closed without parking, programs are ended; the next engine works their nodes again', async () => {
  const place = placeOf({ 'pipeline.yaml': HELD });
  const dataDir = join(place.folder, 'data');
  const engine = await engineOf({ dataDir });
  const { run } = await engine.submit({ file: join(place.folder, 'pipeline.yaml') });
  await expect
    .poll(() => existsSync(join(place.folder, 'effects')), { timeout: 10_000 })
    .toBe(true);
  expect(await engine.close({ park: false })).toEqual([run]);
  expect(place.programs).toEqual([]);
  writeFileSync(join(place.folder, 'go'), '');
  const next = await engineOf({ dataDir, adopt: true });
  next.register('after', () => undefined);
  expect(await next.wait(run)).toMatchObject({
    status: 'completed',
    nodes: { work: { attempts: 2 } },
  });
});

const HOST = (library: string): string => `
import { writeFileSync } from 'node:fs';
import { createEngine } from '${library}';
const engine = await createEngine({ dataDir: 'data', adopt: true, parkOnSignal: process.argv[2] === 'park' });
engine.register('after', () => ({ by: process.pid }));
const run = (await engine.runs()).at(0)?.run ?? (await engine.submit({ file: 'pipeline.yaml' })).run;
for await (const { event } of engine.events(run)) console.log(event);
const report = await engine.wait(run);
writeFileSync('report.json', JSON.stringify(report));
await engine.close();
`;
const HELD = `
id: held
nodes:
  - id: work
    steps: [{ command: 'echo x >> "$MILLRACE_PIPELINE_DIR/effects"; until test -e "$MILLRACE_PIPELINE_DIR/go"; do sleep 0.02; done' }]
  - id: after
    needs: [work]
    function: after
`;

test('SIGTERM of a program parks its runs, and the program ends by the signal; the next one with adopt goes on', async () => {
  const library = pathToFileURL(join(ROOT, 'dist/library.mjs')).href;
  const place = placeOf({ 'host.mjs': HOST(library), 'pipeline.yaml': HELD });
  const host = place.program('host.mjs', 'park');
  await host.line((line) => line === 'work.started');
  await expect
    .poll(() => existsSync(join(place.folder, 'effects')), { timeout: 10_000 })
    .toBe(true);
  host.child.kill('SIGTERM');
  expect(await host.ended).toMatchObject({ signal: 'SIGTERM', stderr: '' });
  // The program goes on alone, and ends while nobody is there.
  writeFileSync(join(place.folder, 'go'), '');
  const next = await place.program('host.mjs', 'stay').ended;
  expect(next, next.stderr).toMatchObject({ code: 0 });
  const report: unknown = JSON.parse(readFileSync(join(place.folder, 'report.json'), 'utf8'));
  expect(report).toMatchObject({ status: 'completed', nodes: { work: { attempts: 1 } } });
});

test('what is wrong with what a program gives is told to it, and nothing of it is kept', async () => {
  const engine = await engineOf({ memory: true });
  engine.register('double', () => ({}));
  const { run } = await engine.submit({ source: DOUBLE }, { inputs: { n: 1 } });
  await engine.wait(run);
  // As a program in JavaScript might.
  const submit = (source: unknown, options?: unknown): Promise<unknown> =>
    Reflect.apply(engine.submit, engine, [source, options]);
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  const wrong: [Promise<unknown>, RegExp][] = [
    [submit('pipeline.yaml'), /^the pipeline: wanted \{ file \}/],
    [submit(undefined), /^the pipeline: wanted/],
    [submit({ source: cycle }), /^source\.self holds itself/],
    [submit({ source: DOUBLE }, { input: { n: 1 } }), /^submit: Unrecognized key: "input"/],
    [submit({ source: DOUBLE }, { inputs: { n: 1 }, timeout: '1h' }), /^submit: .* at timeout$/],
    [
      submit({ source: DOUBLE }, { inputs: { m: 1 } }),
      /^the pipeline has no input "m".* \(and 1 more problem\)$/,
    ],
    [submit({ source: DOUBLE }, { inputs: { n: Number.NaN } }), /^input n is the number NaN/],
    [submit({ source: DOUBLE }, { inputs: { n: new Date() } }), /^input n .* of the class Date/],
    [Reflect.apply(engine.report, engine, []), /^the run: wanted a text/],
    [Reflect.apply(engine.approve, engine, [run, 'double']), /^the decision: /],
    [engine.secrets.set('TOKEN', 'ab'), /^secret "TOKEN": 2 characters/],
    [Reflect.apply(createEngine, undefined, []), /^createEngine: /],
    [Reflect.apply(createEngine, undefined, [{ datadir: '.' }]), /Unrecognized key: "datadir"/],
  ];
  for (const [answer, said] of wrong) {
    const error = await answer.catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(Rejected);
    expect(error).toMatchObject({ message: expect.stringMatching(said) });
  }
  expect(() => Reflect.apply(engine.register, engine, ['x', 5])).toThrow(/wanted a function/);
  expect(await engine.find('latest')).toBe(run);
});
