// Peaks of graphics processors. No machine of ours has one: test/support/nvidia-smi plays NVIDIA's program and says so; processes, their
// numbers and to whom they belong are real.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readLog } from '#runner/log-reader.ts';
import { logFolder } from '#runner/names.ts';
import { statOf } from '#runner/processes.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { Engine, RunnerProcess, temporaryFolder } from './engine.ts';
import { anOrder, type StepOptions } from './orders.ts';

const PLAYED = path.join(import.meta.dirname, '..', 'support', 'nvidia-smi');
const MIB = 2 ** 20;

let runner: RunnerProcess;
let engine: Engine;
let folder: string;

afterEach(() => runner.remove());

async function begin(tools = `${PLAYED}:${process.env['PATH']}`): Promise<void> {
  folder = path.join(temporaryFolder(), 'played');
  mkdirSync(folder);
  for (const name of ['processes', 'asked']) writeFileSync(path.join(folder, name), '');
  writeFileSync(
    path.join(folder, 'gpus'),
    '0, GPU-a, 900, 15\n1, GPU-b, 700, 80\n2, GPU-c, 3, 99\n',
  );
  runner = new RunnerProcess({ env: { ...process.env, PATH: tools, PLAYED_GPUS: folder } });
  const machine = { cpu: 8, memory: 8 * 2 ** 30, gpu: 3, gpus: ['0', 'GPU-b', '2'] };
  engine = await Engine.connect(runner, { machine });
}

const order = (steps: readonly (StepOptions | string)[], gpu: number): WorkOrder =>
  anOrder(steps, { resources: { gpu }, env: [{ PLAYED_GPUS: folder }], maxParallel: 2 });

/** Until both questions were answered so often from now on: what was answered before the last one was taken in. */
const seen =
  'had=$(wc -l < "$PLAYED_GPUS/asked"); until [ $(wc -l < "$PLAYED_GPUS/asked") -ge $((had + 2)) ]; do sleep 0.05; done';
/** The number of a process, and how many MiB it uses. */
const uses = (pid: string, mebibytes: number): string =>
  `echo "${pid}, ${mebibytes}" >> "$PLAYED_GPUS/processes"`;

async function logOf({ name }: WorkOrder): Promise<readonly unknown[]> {
  const { lines } = await readLog(logFolder(runner.dataDir, name));
  return lines.map(({ level, text }) => [level, text]);
}

test('each operator has the peaks of its own processes, children included, and of the processors of its node', async () => {
  await begin();
  const asking = order(
    [
      {
        command: `${uses('$$', 100)}; (setsid sh -c '${uses('$$', 250)}; ${seen}'); true`,
        needs: [],
      },
      { command: `${uses('$$', 30)}; ${uses('$$', 12)}; ${seen}`, needs: [] },
      { command: 'true', needs: [0, 1] },
    ],
    2,
  );
  const { steps, peaks } = await engine.run(asking);
  expect(steps?.map((step) => step.peaks?.gpuMemoryBytes)).toEqual([
    350 * MIB,
    42 * MIB,
    undefined,
  ]);
  // The third processor is another's.
  expect(steps?.[0]?.peaks?.gpuPercent).toBe(80);
  expect(peaks).toMatchObject({ gpuMemoryBytes: 350 * MIB, gpuPercent: 80 });
  expect(await logOf(asking)).toEqual([]);
});

test('nobody asks while no program runs that was given a graphics processor', async () => {
  await begin();
  const { peaks } = await engine.run(order(['sleep 0.6'], 0));
  expect(peaks).not.toHaveProperty('gpuMemoryBytes');
  expect(readFileSync(path.join(folder, 'asked'), 'utf8')).toBe('');
});

test('where it is missing the program runs as ever, and the log says so once, for those who look closer', async () => {
  const bare = path.join(temporaryFolder(), 'bin');
  mkdirSync(bare);
  await begin(bare);
  const [first, second] = [order(['/bin/sleep 0.5'], 1), order(['/bin/sleep 0.5'], 1)];
  const { result, peaks } = await engine.run(first);
  await engine.run(second);
  expect(result.result).toBe('completed');
  expect(peaks).not.toHaveProperty('gpuMemoryBytes');
  const [told] = await logOf(first);
  expect(told).toEqual([
    'DEBUG',
    expect.stringContaining('peaks of graphics processors are not known: spawn nvidia-smi ENOENT'),
  ]);
  expect(await logOf(second)).toEqual([]);
});

test('one that fails is named with what it said', async () => {
  await begin();
  writeFileSync(path.join(folder, 'broken'), '');
  const asking = order(['sleep 0.5'], 1);
  await engine.run(asking);
  expect(await logOf(asking)).toEqual([
    [
      'DEBUG',
      expect.stringContaining(
        "nvidia-smi ended with 9: NVIDIA-SMI has failed because it couldn't communicate",
      ),
    ],
  ]);
});

test('one that hangs holds nobody up and is ended with the last program that has a graphics processor', async () => {
  await begin();
  writeFileSync(path.join(folder, 'hangs'), '');
  const { result } = await engine.run(
    order(['until [ -s "$PLAYED_GPUS/hanging" ]; do sleep 0.05; done'], 1),
  );
  expect(result.result).toBe('completed');
  const pid = Number(readFileSync(path.join(folder, 'hanging'), 'utf8'));
  await expect.poll(() => ['Z', undefined].includes(statOf(pid)?.state)).toBe(true);
});
