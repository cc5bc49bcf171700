// What ends with a program and what does not: nothing that it started outlives it, nothing of others dies with it, and what comes after it
// never runs beside it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cages } from '#runner/cage.ts';
import { readLog } from '#runner/log-reader.ts';
import { logFolder } from '#runner/names.ts';
import { markedProcesses } from '#runner/sweep.ts';
import { Watch, Watched } from '#runner/watch.ts';
import type { Resources, Retry } from '#schemas/plan.ts';
import { Engine, RunnerProcess } from './engine.ts';
import { anOrder, type StepOptions } from './orders.ts';

let runner: RunnerProcess;
let engine: Engine;

beforeAll(async () => {
  runner = new RunnerProcess();
  engine = await Engine.connect(runner);
});

afterAll(() => runner.remove());

const GIB = 2 ** 30;
const BOUNDED: Resources = { limits: { memory: GIB } };
/** With a control group and without: the first only where the host lets us make one, which tests of limits ask for anyway. */
const ROUNDS: readonly (readonly [string, Resources])[] = [
  ['bounded', BOUNDED],
  ['unbounded', {}],
];
const AGAIN: Retry = {
  ...{ maxAttempts: 2, on: ['failed', 'timed_out'], delay: 0 },
  ...{ backoff: 'fixed', maxDelay: 0 },
};
/** A program may say who it is, and the next one looks whether that lives. A zombie has no command line. */
const SAYS = 'echo $$ >> "$PWD/who"';
const ALIVE =
  'for pid in $(cat who 2>/dev/null); do grep -q . "/proc/$pid/cmdline" 2>/dev/null && echo "$pid lives" >&2 && exit 9; done';
const HANGS = `sh -c '${SAYS}; trap "" TERM HUP; while :; do sleep 1; done'`;

const twice = (command: string, more: Partial<StepOptions> = {}): StepOptions => ({
  command: `if [ -e who ]; then ${ALIVE}; exit 0; fi; ${command}`,
  retry: AGAIN,
  ...more,
});

test('programs beside each other in a bounded node do not end with the first of them', async () => {
  expect(new Cages('probe').make({ memory: GIB })?.remove()).toBe(true);
  const steps = ['true', 'sleep 0.5; echo slow=yes >> "$MILLRACE_OUTPUTS"'];
  const order = anOrder(
    steps.map((command) => ({ command, needs: [] })),
    {
      resources: { limits: { memory: GIB, cpu: 1 } },
    },
  );
  expect((await engine.run(order)).result).toEqual({
    result: 'completed',
    outputs: { slow: 'yes' },
  });
});

test.each([
  ['in its group', `${HANGS} & until [ -e who ]; do sleep 0.02; done`],
  [
    'in a session of its own',
    `setsid ${HANGS} > /dev/null 2>&1 & until [ -e who ]; do sleep 0.02; done`,
  ],
  [
    'twice removed, with its outputs still open',
    `(setsid sh -c "${HANGS.replaceAll('"', '\\"').replaceAll('$$', '\\$\\$')} &" &); until [ -e who ]; do sleep 0.02; done`,
  ],
  ['stopped', `${HANGS} & until [ -e who ]; do sleep 0.02; done; kill -STOP $(cat who)`],
])('a try begins when nothing of the one before lives: a child %s', async (_, leaves) => {
  for (const [name, resources] of ROUNDS) {
    const order = anOrder([twice(`${leaves}; exit 1`)], { resources });
    const { result, steps } = await engine.run(order);
    expect([name, result, steps?.[0]?.attempts]).toMatchObject([name, { result: 'completed' }, 2]);
  }
});

test('a program over its time is ended with all that it detached, stopped or that ignores TERM, and says so with the seconds', async () => {
  for (const [name, resources] of ROUNDS) {
    const leaves = `setsid ${HANGS} > /dev/null 2>&1 & ${HANGS} & ${HANGS} & until [ $(wc -l < who) -eq 3 ]; do sleep 0.02; done 2>/dev/null; kill -STOP $(tail -n 1 who); trap "" TERM; while :; do sleep 1; done`;
    const order = anOrder([twice(leaves, { timeout: 700, retry: { ...AGAIN, maxAttempts: 1 } })], {
      resources,
      grace: 100,
    });
    const { result } = await engine.run(order);
    expect([name, result]).toMatchObject([
      name,
      { result: 'timed_out', message: expect.stringContaining('its timeout of 0.7 s') },
    ]);
    const again = anOrder([twice(leaves, { timeout: 700 })], { resources, grace: 100 });
    expect((await engine.run(again)).result).toMatchObject({ result: 'completed' });
  }
});

test('outputs may be opened by their names, as shells and programs do', async () => {
  const order = anOrder([
    "echo one > /dev/stderr; echo two | tee /dev/stderr > /dev/stdout; python3 -I -S -c \"print(3, file=open('/dev/stdout', 'w'))\"; echo four >> /proc/self/fd/2",
  ]);
  expect((await engine.run(order)).result.result).toBe('completed');
  const { lines } = await readLog(logFolder(runner.dataDir, order.name));
  const of = (stream: string): readonly string[] =>
    lines.flatMap((line) => (line.stream === stream ? [line.text] : []));
  expect([of('stdout'), of('stderr')]).toEqual([
    ['two', '3'],
    ['one', 'two', 'four'],
  ]);
});

test('of operators side by side the others are ended when one fails, and shown as cancelled', async () => {
  const order = anOrder(
    [
      { command: 'until [ -e a ] && [ -e b ]; do sleep 0.02; done; exit 3', needs: [] },
      { command: 'touch a; sleep 60', needs: [] },
      { command: 'touch b; sleep 60', needs: [] },
    ],
    { resources: BOUNDED, maxParallel: 3 },
  );
  const { result, steps } = await engine.run(order);
  expect(result).toMatchObject({ result: 'failed', step: 'step1' });
  expect(steps?.map(({ status }) => status)).toEqual(['failed', 'cancelled', 'cancelled']);
});

test('a node says of its failures the one that stopped the run, not one that let it go on', async () => {
  const order = anOrder(
    [
      { command: 'touch gone; exit 3', needs: [], failFast: false },
      { command: 'until [ -e gone ]; do sleep 0.02; done; sleep 0.1; exit 4', needs: [] },
    ],
    { maxParallel: 2 },
  );
  const { result } = await engine.run(order);
  expect(result).toMatchObject({ result: 'failed', step: 'step2', exitCode: 4 });
  expect(result).not.toHaveProperty('goesOn');
});

test('without a control group programs of one node share its limit of memory: the one that has most is ended', async () => {
  const watch = new Watch(process.env);
  const share = { mark: 'job:1', bytes: 150 * 2 ** 20 };
  const ended: string[] = [];
  const watched: Watched[] = [];
  const hold = (name: string, mebibytes: number, mark = 'job:1'): ChildProcess => {
    const program = `x = bytearray(${mebibytes} << 20)\nimport time\ntime.sleep(60)`;
    // One leaves the program that started it: who its parent was is forgotten.
    const command = `(setsid python3 -I -S -c '${program}' &); exec sleep 60`;
    const env = { ...process.env, MILLRACE_MARK: mark };
    const child = spawn('sh', ['-c', command], { detached: true, env });
    const over = (): void => {
      ended.push(name);
      child.kill('SIGKILL');
    };
    const one = new Watched(child.pid ?? 0, over, { share: { ...share, mark }, gpus: undefined });
    watched.push(one);
    watch.add(one);
    return child;
  };
  const children = [hold('small', 60), hold('large', 110), hold('another', 110, 'job:2')];
  try {
    await once(children[1] as ChildProcess, 'exit');
    expect(ended).toEqual(['large']);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    for (const { pid } of markedProcesses('job')) process.kill(pid, 'SIGKILL');
    for (const one of watched) watch.remove(one);
  }
});

test('a run is told once that there are no control groups, not by each of its nodes', () => {
  const cages = new Cages('probe');
  expect([cages.lackOf('a'), cages.lackOf('b'), cages.lackOf('a')]).toEqual([
    expect.stringContaining('limits of cpu are not enforced'),
    expect.any(String),
    undefined,
  ]);
});
