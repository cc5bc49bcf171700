import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { followLog, readLog } from '#runner/log-reader.ts';
import { logFolder } from '#runner/names.ts';
import { Engine, RunnerProcess } from './engine.ts';
import { anOrder } from './orders.ts';

let runner: RunnerProcess;
let engine: Engine;

beforeAll(async () => {
  runner = new RunnerProcess();
  engine = await Engine.connect(runner);
});

afterAll(() => runner.remove());

const out = (text: string) => `echo "${text}" >> "$MILLRACE_OUTPUTS"`;

test('steps run in order in one workspace, and later outputs win', async () => {
  const order = anOrder([
    `echo x > file; ${out('a=1')}; ${out('b=1')}`,
    `test -f file && ${out('b=2')}`,
  ]);
  expect((await engine.run(order)).result).toEqual({
    result: 'completed',
    outputs: { a: 1, b: 2 },
  });
});

test('the first failure ends the node, and what follows is skipped', async () => {
  const report = await engine.run(anOrder(['true', 'exit 4', 'true']));
  expect(report.result).toMatchObject({ result: 'failed', exitCode: 4, step: 'step2' });
  expect(report.steps?.map(({ status }) => status)).toEqual(['completed', 'failed', 'skipped']);
});

test('steps that need nothing run side by side, and a failure stops the others', async () => {
  const order = anOrder([
    { command: 'while [ ! -e other ]; do sleep 0.01; done; exit 5' },
    { command: 'touch other; sleep 60', needs: [] },
  ]);
  const report = await engine.run(order);
  expect(report.result).toMatchObject({ result: 'failed', exitCode: 5 });
  expect(report.steps?.map(({ status }) => status)).toEqual(['failed', 'cancelled']);
});

test('no more steps run at once than the node says', async () => {
  const alone = 'mkdir lock && sleep 0.05 && rmdir lock';
  const order = anOrder([alone, { command: alone, needs: [] }, { command: alone, needs: [] }], {
    maxParallel: 1,
  });
  expect((await engine.run(order)).result.result).toBe('completed');
});

test('lines of a step say which try of it they are of, earlier attempts of the node included', async () => {
  const retry = {
    maxAttempts: 2,
    on: ['failed'],
    delay: 0,
    backoff: 'fixed',
    maxDelay: 0,
  } as const;
  const command = 'echo here; [ -e tried ] || { touch tried; exit 1; }';
  const steps = [{ command, retry: { ...retry, on: [...retry.on] } }, 'echo there'];
  const again = (number: number) =>
    expect.stringMatching(new RegExp(`^tried again: step "step1" exited with code 1 ${number}$`));
  const triesIn = async (order: ReturnType<typeof anOrder>): Promise<unknown> => {
    await engine.run(order);
    const { lines } = await readLog(logFolder(runner.dataDir, order.name));
    return lines.map((line) => `${line.text} ${line.try ?? order.name.attempt}`);
  };
  expect(await triesIn(anOrder(steps))).toEqual(['here 1', again(1), 'here 2', 'there 1']);

  const second = anOrder(steps, { attempt: 2 });
  if (second.work.kind === 'steps') second.work.tries = { step1: 3 };
  expect(await triesIn(second)).toEqual(['here 4', again(4), 'here 5', 'there 1']);
});

test('a step that is tried again gets outputs of its own', async () => {
  const retry = {
    maxAttempts: 2,
    on: ['failed'],
    delay: 10,
    backoff: 'fixed',
    maxDelay: 10,
  } as const;
  const command = `${out('n=1')}; if [ ! -e once ]; then touch once; ${out('first=1')}; exit 1; fi`;
  const report = await engine.run(anOrder([{ command, retry: { ...retry, on: ['failed'] } }]));
  expect(report.result).toEqual({ result: 'completed', outputs: { n: 1 } });
});

test('the report of a step that was tried again counts all its attempts, from when the first began', async () => {
  const retry = { maxAttempts: 3, on: ['failed'], delay: 30, backoff: 'fixed', maxDelay: 30 };
  const command = 'echo x >> tries; sleep 0.05; [ $(wc -l < tries) -eq 3 ]';
  const report = await engine.run(
    anOrder([{ command, retry: { ...retry, backoff: 'fixed' } }, 'true']),
  );
  const [tried, plain] = report.steps ?? [];
  const { startedAt = 0, endedAt = 0, worked = 0 } = tried ?? {};
  expect(tried).toMatchObject({ status: 'completed', attempts: 3 });
  expect(worked).toBeGreaterThanOrEqual(150);
  expect(endedAt - startedAt).toBeGreaterThanOrEqual(worked + 60);
  expect(plain).not.toHaveProperty('attempts');
});

test('a node comes to the worst that no other step made good, and says why the others did not run', async () => {
  const order = anOrder([
    { command: 'exit 3', id: 'handled' },
    { command: 'sleep 60', id: 'slow', needs: [], timeout: 100, failFast: false as const },
    { command: 'sleep 0.3; exit 4', id: 'broken', needs: [], failFast: false as const },
    { command: 'true', id: 'instead', start: 'event:handled.failed' },
    { command: 'true', id: 'after', needs: [2] },
  ]);
  const report = await engine.run(order);
  expect(report.result).toMatchObject({ result: 'failed', step: 'broken', exitCode: 4 });
  expect(report.steps?.map(({ id, status, reason }) => [id, status, reason])).toEqual([
    ['handled', 'failed', 'exit'],
    ['slow', 'timed_out', 'timeout'],
    ['broken', 'failed', 'exit'],
    ['instead', 'completed', undefined],
    ['after', 'skipped', 'condition_never'],
  ]);
});

test('a step that waits for one of the places of its node says how long', async () => {
  const order = anOrder(['sleep 0.2', { command: 'true', needs: [] }], { maxParallel: 1 });
  const report = await engine.run(order);
  expect(report.steps?.[0]).not.toHaveProperty('queued');
  expect(report.steps?.[1]?.queued).toBeGreaterThanOrEqual(200);
});

test('inputs are a file of JSON and bare names in templates, files among them local paths', async () => {
  const file = path.join(runner.dataDir, 'objects/NS/default/x/data.csv');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, 'a,b\n');
  const data = {
    $file: { key: 'NS/default/x/data.csv', name: 'data.csv', size: 4, sha256: 'a'.repeat(64) },
  };
  const order = anOrder(
    [
      {
        command: `cat {{ data }} > /dev/null && ${out('title={{ title }}')}; cp "$MILLRACE_INPUTS" "$MILLRACE_ARTIFACTS/in.json"; echo in=@in.json >> "$MILLRACE_OUTPUTS"; echo env=$DATA >> "$MILLRACE_OUTPUTS"`,
        env: { DATA: '{{ extract.data }}' },
      },
    ],
    {
      inputs: { data: '{{ extract.data }}', title: 'Flights of {{ pipeline.input.year }}' },
      scope: { input: { year: 2013 }, nodes: { extract: { data } } },
    },
  );
  const { result } = await engine.run(order);
  expect(result).toMatchObject({ result: 'completed', outputs: { env: file } });
  const kept = path.join(
    runner.dataDir,
    'objects/NS/default/artifacts',
    order.name.run,
    order.name.address,
  );
  expect(JSON.parse(readFileSync(path.join(kept, 'in.json'), 'utf8'))).toEqual({
    data: file,
    title: 'Flights of 2013',
  });
});

test('what a template gives never becomes more than one word of the shell', async () => {
  const order = anOrder(
    [`printf '%s\\n' {{ item }} | wc -l | sed 's/ //g; s/^/lines=/' >> "$MILLRACE_OUTPUTS"`],
    {
      scope: { item: '$(touch pwned) "; touch pwned; \' x' },
    },
  );
  expect((await engine.run(order)).result).toEqual({ result: 'completed', outputs: { lines: 1 } });
});

test('a file handed over stays where it was written and is described', async () => {
  const order = anOrder([`printf abc > "$MILLRACE_ARTIFACTS/a.csv"; ${out('table=@a.csv')}`]);
  const { result } = await engine.run(order);
  const key = `NS/default/artifacts/${order.name.run}/${order.name.address}/a.csv`;
  expect(result).toEqual({
    result: 'completed',
    outputs: {
      table: {
        $file: {
          key,
          name: 'a.csv',
          size: 3,
          sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
          mediaType: 'text/csv',
        },
      },
    },
  });
  expect(existsSync(path.join(runner.dataDir, 'objects', key))).toBe(true);
});

test('a large list is kept by reference with its count, and read where it is bound', async () => {
  const many = anOrder(['seq -s, 1 20000 | sed "s/^/all=[/; s/$/]/" >> "$MILLRACE_OUTPUTS"']);
  const { result } = await engine.run(many);
  const all = result.result === 'completed' ? (result.outputs['all'] ?? null) : null;
  expect(all).toMatchObject({ $ref: { count: 20_000, mediaType: 'application/json' } });
  const reader = anOrder(
    [
      `${out('n={{ len(first.all) }}')}; wc -c < "$MILLRACE_INPUTS" | sed 's/ //g; s/^/size=/' >> "$MILLRACE_OUTPUTS"`,
    ],
    {
      inputs: { all: '{{ first.all }}' },
      scope: { nodes: { first: { all } } },
    },
  );
  const read = await engine.run(reader);
  expect(read.result).toMatchObject({ result: 'completed', outputs: { n: 20_000 } });
  expect(read.result.result === 'completed' && Number(read.result.outputs['size'])).toBeGreaterThan(
    100_000,
  );
});

test('progress is told while the program runs', async () => {
  const order = anOrder(
    [
      'echo "0.42 reading" >> "$MILLRACE_PROGRESS"; while [ ! -e "$MILLRACE_PIPELINE_DIR/seen" ]; do sleep 0.02; done',
    ],
    {
      folder: runner.dataDir,
    },
  );
  engine.start(order);
  const notice = await engine.wait(
    (frame) => frame.frame === 'notice' && frame.progress !== undefined,
  );
  writeFileSync(path.join(runner.dataDir, 'seen'), '');
  expect(notice).toMatchObject({
    name: order.name,
    state: 'running',
    progress: 0.42,
    message: 'reading',
  });
  await engine.report(order.name);
});

test('a log is followed while it is written, and read on from a number', async () => {
  const order = anOrder(['for n in 1 2 3; do echo $n; sleep 0.1; done']);
  let ended = false;
  const done = engine.run(order).finally(() => {
    ended = true;
  });
  const folder = logFolder(runner.dataDir, order.name);
  const texts: string[] = [];
  for await (const line of followLog(folder, { ended: () => ended })) texts.push(line.text);
  await done;
  expect(texts).toEqual(['1', '2', '3']);
  expect((await readLog(folder, { after: 1, limit: 1 })).lines.map(({ text }) => text)).toEqual([
    '2',
  ]);
});

test('a template that cannot be evaluated fails the step and says which', async () => {
  const order = anOrder([{ command: 'true', env: { X: '{{ first.missing }}' } }], {
    scope: { nodes: { first: {} } },
  });
  expect((await engine.run(order)).result).toMatchObject({
    result: 'failed',
    reason: 'expression_error',
    message: expect.stringContaining('variable X'),
  });
});

test('a variable that is too large for the system is named, with what to do instead', async () => {
  const env = { SMALL: 'x', LARGE: 'y'.repeat(200_000) };
  const { result } = await engine.run(anOrder([{ command: 'true', env }]));
  expect(result).toMatchObject({
    result: 'failed',
    message: expect.stringMatching(/variable LARGE has 200000 bytes.*MILLRACE_INPUTS/),
  });
});

test('a working directory cannot leave the workspace', async () => {
  const report = await engine.run(anOrder([{ command: 'true', cwd: '../../..' }]));
  expect(report.result).toMatchObject({ result: 'failed', reason: 'start_failed' });
});
