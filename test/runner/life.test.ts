import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Engine, RunnerProcess } from './engine.ts';
import { anOrder } from './orders.ts';

const running: RunnerProcess[] = [];

function aRunner(options: ConstructorParameters<typeof RunnerProcess>[0] = {}): RunnerProcess {
  const runner = new RunnerProcess(options);
  running.push(runner);
  return runner;
}

afterEach(async () => {
  for (const runner of running.splice(0)) await runner.remove();
});

test('a command is claimed, run and reported with its outputs', async () => {
  const engine = await Engine.connect(aRunner());
  const report = await engine.run(anOrder(['echo rows=3 >> "$MILLRACE_OUTPUTS"; echo hello']));
  expect(report.result).toEqual({ result: 'completed', outputs: { rows: 3 } });
  expect(report.steps).toMatchObject([{ id: 'step1', status: 'completed', exitCode: 0 }]);
});

test('what is not granted is never run and leaves nothing', async () => {
  const runner = aRunner();
  const refused = anOrder(['touch "$MILLRACE_PIPELINE_DIR/ran"'], { folder: runner.dataDir });
  const engine = await Engine.connect(runner, {
    grant: (name) => name.address !== refused.name.address,
  });
  engine.start(refused);
  await engine.run(anOrder(['true']));
  expect(existsSync(path.join(runner.dataDir, 'ran'))).toBe(false);
});

test('what an attempt left in its workspace is gone, and the next one finds an empty folder', async () => {
  const engine = await Engine.connect(aRunner());
  const look =
    'ls -A | wc -l | sed "s/ //g; s/^/files=/" >> "$MILLRACE_OUTPUTS"; mkdir -p a/b && touch a/b/c';
  for (let round = 0; round < 3; round += 1) {
    const report = await engine.run(anOrder([look, 'touch "$MILLRACE_PROGRESS"']));
    expect(report.result).toEqual({ result: 'completed', outputs: { files: 0 } });
  }
});
