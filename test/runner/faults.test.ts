import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readLog } from '#runner/log-reader.ts';
import { logFolder } from '#runner/names.ts';
import { allProcesses, variableOf } from '#runner/processes.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { LogLine } from '#schemas/runner-protocol.ts';
import type { AttemptName, WorkOrder } from '#schemas/work-order.ts';
import { Engine, RunnerProcess } from './engine.ts';
import { anOrder } from './orders.ts';

let runner: RunnerProcess;
let engine: Engine;

beforeAll(async () => {
  runner = new RunnerProcess();
  engine = await Engine.connect(runner, {
    secrets: { KEY: 'very-secret-value', LINES: 'first line\nsecond line' },
  });
});

afterAll(() => runner.remove());

async function logOf(name: AttemptName): Promise<readonly LogLine[]> {
  return (await readLog(logFolder(runner.dataDir, name), { limit: 1_000_000 })).lines;
}

/** Starts it, waits until it says `ready` in its log, then tells it to stop. */
async function stopWhenReady(order: WorkOrder, grace: number): Promise<AttemptReport> {
  engine.start(order);
  for (;;) {
    if ((await logOf(order.name)).some(({ text }) => text === 'ready')) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  engine.send({ frame: 'stop', stops: [{ name: order.name, grace, message: 'enough' }] });
  return engine.report(order.name);
}

const processesOf = (name: AttemptName) =>
  allProcesses().filter(({ pid }) => variableOf(pid, 'MILLRACE_NODE') === name.address);

test('a program that ends by itself after TERM is cancelled', async () => {
  const order = anOrder(["trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"]);
  const report = await stopWhenReady(order, 5_000);
  expect(report.result).toEqual({ result: 'cancelled', message: 'enough' });
});

test('a program that ignores TERM is killed after its grace, with its children', async () => {
  const order = anOrder(["trap '' TERM; sleep 60 & echo ready; while :; do sleep 0.05; done"]);
  const report = await stopWhenReady(order, 200);
  expect(report.result.result).toBe('cancelled');
  expect(processesOf(order.name)).toEqual([]);
});

test('a node over its timeout is ended and timed out', async () => {
  const report = await engine.run(anOrder(['sleep 60'], { timeout: 200 }));
  expect(report.result).toMatchObject({
    result: 'timed_out',
    message: expect.stringContaining('0.2 s'),
  });
});

test('a step over its own timeout is ended; the next one is skipped', async () => {
  const report = await engine.run(anOrder([{ command: 'sleep 60', timeout: 200 }, 'true']));
  expect(report.result).toMatchObject({ result: 'timed_out', step: 'step1' });
  expect(report.steps?.map(({ status }) => status)).toEqual(['timed_out', 'skipped']);
});

test('an exit code is told with the last line of errors', async () => {
  const report = await engine.run(anOrder(['echo "no such column: x" >&2; exit 75']));
  expect(report.result).toMatchObject({ result: 'failed', reason: 'exit', exitCode: 75 });
  expect(report.result).toMatchObject({ message: expect.stringContaining('no such column: x') });
});

test('a signal is told by its name', async () => {
  const report = await engine.run(anOrder(['kill -SEGV $$']));
  expect(report.result).toMatchObject({ result: 'failed', reason: 'signal', signal: 'SIGSEGV' });
});

test.each([
  ['no equals sign', 'line 2 of the outputs is "no equals sign"'],
  ['__proto__=1', '__proto__'],
  ['file=@../../../etc/passwd', 'outside MILLRACE_ARTIFACTS'],
  ['file=@missing', 'does not exist'],
])('outputs with the line %j fail the node', async (line, told) => {
  const order = anOrder([`printf 'ok=1\\n%s\\n' '${line}' >> "$MILLRACE_OUTPUTS"`]);
  const report = await engine.run(order);
  expect(report.result).toMatchObject({
    result: 'failed',
    reason: 'malformed_outputs',
    message: expect.stringContaining(told),
  });
});

test('a link out of the artifacts folder is no file to hand over', async () => {
  const command =
    'ln -s /etc/passwd "$MILLRACE_ARTIFACTS/x"; echo "file=@x" >> "$MILLRACE_OUTPUTS"';
  expect((await engine.run(anOrder([command]))).result).toMatchObject({
    reason: 'malformed_outputs',
  });
});

test('outputs of a program that fails are not outputs', async () => {
  const report = await engine.run(anOrder(['echo a=1 >> "$MILLRACE_OUTPUTS"; exit 3']));
  expect(report.result).not.toHaveProperty('outputs');
});

test('outputs over their bound fail the node and say what to do instead', async () => {
  const report = await engine.run(
    anOrder(['head -c 17000000 /dev/zero | tr "\\0" x | sed "s/^/a=/" >> "$MILLRACE_OUTPUTS"']),
  );
  expect(report.result).toMatchObject({ result: 'failed', reason: 'outputs_too_large' });
});

test('invalid UTF-8 in the log is replaced, and the rest of the line kept', async () => {
  const order = anOrder(["printf 'a\\377b\\n'"]);
  await engine.run(order);
  expect((await logOf(order.name)).map(({ text }) => text)).toEqual(['a\uFFFDb']);
});

test('100 MB of output end in a bounded log, the first and the newest lines kept', async () => {
  const order = anOrder([
    'seq -f "%.0f and some more words to fill the line up to a hundred characters or nearly that many, about" 1 1000000',
  ]);
  const report = await engine.run(order);
  expect(report.result.result).toBe('completed');
  const lines = await logOf(order.name);
  expect(lines[0]?.text).toMatch(/^1 and/);
  expect(lines.at(-1)?.text).toMatch(/^1000000 and/);
  expect(lines.filter(({ stream }) => stream === 'millrace')).toMatchObject([
    { text: expect.stringContaining('were dropped') },
  ]);
  expect(residentBytes()).toBeLessThan(400e6);
});

function residentBytes(): number {
  const status = readFileSync(`/proc/${runner.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

test('a long line without an end is cut, not lost', async () => {
  const order = anOrder(['head -c 40000 /dev/zero | tr "\\0" x']);
  await engine.run(order);
  const lines = await logOf(order.name);
  expect(lines.map(({ text }) => text.length)).toEqual([16_384, 16_384, 7_232]);
});

test('children left in the process group are ended with the program', async () => {
  const order = anOrder(['sleep 60 & exit 0']);
  expect((await engine.run(order)).result.result).toBe('completed');
  expect(processesOf(order.name)).toEqual([]);
});

test('a child that left the process group is found by its mark', async () => {
  const order = anOrder(['setsid sleep 60 > /dev/null 2>&1 & sleep 0.1; exit 0']);
  expect((await engine.run(order)).result.result).toBe('completed');
  while (processesOf(order.name).length > 0)
    await new Promise((resolve) => setTimeout(resolve, 50));
});

test('a program over its limit of memory is killed, and its peak told', async () => {
  const order = anOrder(['python3 -I -S -c "x = bytearray(2 << 30); print(len(x))"'], {
    resources: { limits: { memory: 2 ** 30 } },
  });
  const { result } = await engine.run(order);
  expect(result).toMatchObject({ result: 'failed', reason: 'out_of_memory' });
  expect(result).toMatchObject({
    message: expect.stringMatching(/used (1|1\.\d|2) GiB .* limit is 1 GiB/),
  });
});

test('of the steps of a node only the one that was killed for its memory is told so, and each counts its own time', async () => {
  const burns = 'python3 -I -S -c "import time\nwhile time.process_time() < 0.3: pass"';
  const order = anOrder(
    [
      { command: 'python3 -I -S -c "x = bytearray(2 << 30); print(len(x))"', id: 'eats' },
      { command: `${burns}; exit 3`, id: 'instead', start: 'event:eats.failed' },
    ],
    { resources: { limits: { memory: 2 ** 30 } } },
  );
  const { result, steps } = await engine.run(order);
  expect(result).toMatchObject({ result: 'failed', step: 'eats', reason: 'out_of_memory' });
  expect(steps?.[1]).toMatchObject({ reason: 'exit', exitCode: 3 });
  const again = await engine.run(
    anOrder([burns, burns], { resources: { limits: { memory: 2 ** 30 } } }),
  );
  for (const { peaks } of again.steps ?? []) expect(peaks?.cpuSeconds).toBeLessThan(0.55);
});

test('a fork bomb is bounded and ended', async () => {
  const order = anOrder(['bomb() { bomb | bomb & }; bomb; sleep 0.5; exit 7'], {
    resources: { limits: { memory: 2 ** 30 } },
    timeout: 15_000,
  });
  const report = await engine.run(order);
  expect(report.result.result).not.toBe('completed');
  expect(processesOf(order.name)).toEqual([]);
});

test('processor time is bounded, children included', async () => {
  const loop =
    'python3 -I -S -c "import time\nend = time.time() + 1\nwhile time.time() < end: pass"';
  const order = anOrder([`${loop} & ${loop} & wait`], { resources: { limits: { cpu: 0.5 } } });
  const report = await engine.run(order);
  expect(report.result.result).toBe('completed');
  expect(report.peaks?.cpuSeconds).toBeLessThan(0.9);
});

test('peaks of a step count its children', async () => {
  const order = anOrder([
    'python3 -I -S -c "x = bytearray(200 << 20)\nimport time; time.sleep(0.6)" & wait',
  ]);
  const report = await engine.run(order);
  expect(report.peaks?.memoryBytes).toBeGreaterThan(200 << 20);
});

test('secrets are hidden in log, outputs and errors, also when split over two writes or encoded', async () => {
  const command = `printf 'very-sec'; sleep 0.05; printf 'ret-value end\\n'; printf %s "$KEY" | base64; echo "out=<$KEY>" >> "$MILLRACE_OUTPUTS"; printf '%s\\n' "$LINES"; echo "$KEY" >&2`;
  const order = anOrder(
    [{ command, env: { KEY: '{{ secret.KEY }}', LINES: '{{ secret.LINES }}' } }],
    {
      secrets: ['KEY', 'LINES'],
    },
  );
  const report = await engine.run(order);
  expect(report.result).toEqual({ result: 'completed', outputs: { out: '<***>' } });
  const log = (await logOf(order.name))
    .filter(({ stream }) => stream === 'stdout')
    .map(({ text }) => text);
  expect(log).toEqual(['*** end', '***', '***']);
});

test('a secret that is not set fails the node before anything is started', async () => {
  const order = anOrder(['touch "$MILLRACE_ARTIFACTS/x"'], { secrets: ['NONE'] });
  expect((await engine.run(order)).result).toMatchObject({
    reason: 'secret_missing',
    message: expect.stringContaining('"NONE"'),
  });
});

test('a program sees the named variables of the host and no others', async () => {
  const order = anOrder([
    'env | cut -d= -f1 | sort | tr "\\n" " " | sed "s/^/names=/" >> "$MILLRACE_OUTPUTS"',
  ]);
  const { result } = await engine.run(order);
  const names = result.result === 'completed' ? String(result.outputs['names']) : '';
  expect(names).toContain('PATH');
  expect(names).not.toMatch(/VITEST|NODE_ENV|npm_/);
});
