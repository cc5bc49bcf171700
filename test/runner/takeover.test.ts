// The engine dies, the runner dies, both die: what is held goes on, what was done is told, what is left is ended.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { endLeftovers } from '#runner/leftovers.ts';
import { allProcesses, variableOf } from '#runner/processes.ts';
import { readSpool } from '#runner/spool.ts';
import { Engine, RunnerProcess } from './engine.ts';
import { anOrder, type StepOptions } from './orders.ts';

const running: RunnerProcess[] = [];

function aRunner(): RunnerProcess {
  const runner = new RunnerProcess();
  running.push(runner);
  return runner;
}

afterEach(async () => {
  for (const runner of running.splice(0)) {
    await endLeftovers(runner.dataDir);
    await runner.remove();
  }
});

/** Says that it runs, waits for the file `go`, then gives an output. */
const waiting: StepOptions = {
  command:
    'touch "$MILLRACE_PIPELINE_DIR/running"; while [ ! -e "$MILLRACE_PIPELINE_DIR/go" ]; do sleep 0.02; done; echo done=1 >> "$MILLRACE_OUTPUTS"',
};

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('work goes on without an engine, and the next engine is told of it', async () => {
  const runner = aRunner();
  const order = anOrder([waiting], { folder: runner.dataDir });
  const first = await Engine.connect(runner);
  first.start(order);
  await until(() => existsSync(path.join(runner.dataDir, 'running')));
  first.close();
  writeFileSync(path.join(runner.dataDir, 'go'), '');
  await until(() => readSpool(runner.dataDir)[0]?.reports.length === 1);
  const second = await Engine.connect(runner);
  expect((await second.report(order.name)).result).toEqual({
    result: 'completed',
    outputs: { done: 1 },
  });
});

test('a new engine sees what is held, and can stop it', async () => {
  const runner = aRunner();
  const order = anOrder([waiting], { folder: runner.dataDir });
  const first = await Engine.connect(runner);
  first.start(order);
  await until(() => existsSync(path.join(runner.dataDir, 'running')));
  const second = await Engine.connect(runner);
  await first.closed;
  expect(second.frames[0]).toMatchObject({ holding: [{ name: order.name, claimed: true }] });
  second.send({ frame: 'stop', stops: [{ name: order.name, grace: 0, message: 'taken over' }] });
  expect((await second.report(order.name)).result.result).toBe('cancelled');
});

test('a report that was not acknowledged is told again to each new engine', async () => {
  const runner = aRunner();
  const order = anOrder(['true']);
  const deaf = await Engine.connect(runner, { ack: false });
  await deaf.run(order);
  deaf.close();
  const second = await Engine.connect(runner);
  await second.report(order.name);
  await until(() => readSpool(runner.dataDir)[0]?.reports.length === 0);
});

test('told to leave, the runner finishes what it has claimed and starts nothing else', async () => {
  const runner = aRunner();
  const machine = { cpu: 1, memory: 2 ** 30, gpu: 0 };
  const engine = await Engine.connect(runner, { machine });
  const order = anOrder([waiting], { folder: runner.dataDir, resources: { cpu: 1 } });
  const second = anOrder(['touch "$MILLRACE_PIPELINE_DIR/second"'], {
    folder: runner.dataDir,
    resources: { cpu: 1 },
  });
  engine.start(order, second);
  await until(() => existsSync(path.join(runner.dataDir, 'running')));
  engine.send({ frame: 'leave' });
  writeFileSync(path.join(runner.dataDir, 'go'), '');
  expect((await engine.report(order.name)).result.result).toBe('completed');
  expect(await runner.ended()).toBe(0);
  expect(existsSync(path.join(runner.dataDir, 'second'))).toBe(false);
  expect(readSpool(runner.dataDir)).toEqual([]);
});

test('after the runner was killed its programs are ended, those that left their group too', async () => {
  const runner = aRunner();
  const engine = await Engine.connect(runner);
  const step = 'setsid sleep 60 & sleep 60 & touch "$MILLRACE_PIPELINE_DIR/running"; wait';
  const order = anOrder([step], { folder: runner.dataDir });
  engine.start(order);
  await until(() => existsSync(path.join(runner.dataDir, 'running')));
  await runner.kill();
  const left = () =>
    allProcesses().filter(
      ({ pid, state }) => state !== 'Z' && variableOf(pid, 'MILLRACE_NODE') === order.name.address,
    );
  expect(left().length).toBeGreaterThan(2);
  expect(await endLeftovers(runner.dataDir)).toBeGreaterThan(2);
  expect(left()).toEqual([]);
  expect(readSpool(runner.dataDir)).toMatchObject([
    { reports: [], spawned: [{ name: order.name }] },
  ]);
});

test('a runner that ends while spools are read takes its own along: nothing is to be known of it', () => {
  const { dataDir } = aRunner();
  mkdirSync(path.join(dataDir, 'runner'), { recursive: true });
  // Listed, and not there when it is looked at.
  symlinkSync('gone', path.join(dataDir, 'runner', 'spool-0.jsonl'));
  expect(readSpool(dataDir).map(({ job }) => job)).not.toContain('0');
});

test('a process that only has the number of a recorded one is left alone', async () => {
  const runner = aRunner();
  await Engine.connect(runner);
  await runner.kill();
  const [spool] = readSpool(runner.dataDir);
  const other = { pid: process.pid, start: '1', boot: spool?.runner?.boot ?? '' };
  const name = anOrder(['true']).name;
  const file = path.join(runner.dataDir, 'runner', `spool-${spool?.job}.jsonl`);
  writeFileSync(file, `${JSON.stringify({ line: 'spawned', name, mark: other })}\n`, { flag: 'a' });
  expect(await endLeftovers(runner.dataDir)).toBe(0);
});

test('what waits for room says what it asks for and what is free', async () => {
  const runner = aRunner();
  const machine = { cpu: 2, memory: 4 * 2 ** 30, gpu: 0 };
  const engine = await Engine.connect(runner, { machine });
  const first = anOrder([waiting], { folder: runner.dataDir, resources: { memory: 3 * 2 ** 30 } });
  const second = anOrder(['true'], { resources: { memory: 2 * 2 ** 30 } });
  engine.start(first, second);
  const notice = await engine.wait((frame) => frame.frame === 'notice');
  expect(notice).toMatchObject({
    name: second.name,
    state: 'queued',
    reason: 'resources',
    message: 'asks for 2 GiB of memory, free are 1 GiB of 4 GiB',
  });
  writeFileSync(path.join(runner.dataDir, 'go'), '');
  expect((await engine.report(second.name)).result.result).toBe('completed');
});

test('a node that waits is dropped with a report when it is stopped', async () => {
  const runner = aRunner();
  const engine = await Engine.connect(runner, { machine: { cpu: 1, memory: 2 ** 30, gpu: 0 } });
  const first = anOrder([waiting], { folder: runner.dataDir, resources: { cpu: 1 } });
  const second = anOrder(['true'], { resources: { cpu: 1 } });
  engine.start(first, second);
  await engine.wait((frame) => frame.frame === 'notice');
  engine.send({ frame: 'stop', stops: [{ name: second.name, grace: 0, message: 'enough' }] });
  expect((await engine.report(second.name)).result).toEqual({
    result: 'cancelled',
    message: 'enough',
  });
});
