// Graphics processors are given out by name. No test needs one: what a program sees of them is a variable.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine, RunnerProcess } from './engine.ts';
import { anOrder, type OrderOptions } from './orders.ts';

let runner: RunnerProcess;
let engine: Engine;

beforeAll(async () => {
  runner = new RunnerProcess();
  const machine = { cpu: 8, memory: 8 * 2 ** 30, gpu: 3, gpus: ['0', '2', 'GPU-5'] };
  engine = await Engine.connect(runner, { machine });
});

afterAll(() => runner.remove());

// With one kind of quotes: what is written is JSON.
// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the shell
const SEES = 'printf \'sees="%s"\\n\' "${CUDA_VISIBLE_DEVICES-unset}" >> "$MILLRACE_OUTPUTS"';

const asking = (gpu: number, command = SEES, options: OrderOptions = {}) =>
  anOrder([command], { resources: { gpu }, ...options });

async function seenBy(order: ReturnType<typeof anOrder>): Promise<unknown> {
  const { result } = await engine.run(order);
  return result.result === 'completed' ? result.outputs['sees'] : result;
}

test('a program sees the graphics processors that its node asked for, and one that asked for none sees none', async () => {
  expect(await seenBy(asking(2))).toBe('0,2');
  expect(await seenBy(asking(3))).toBe('0,2,GPU-5');
  expect(await seenBy(asking(0))).toBe('');
  expect(await seenBy(anOrder([SEES]))).toBe('');
});

test('what the pipeline says of the variable itself holds only where nothing was given out', async () => {
  const env = [{ CUDA_VISIBLE_DEVICES: '7' }];
  expect(await seenBy(anOrder([SEES], { env }))).toBe('7');
  expect(await seenBy(asking(1, SEES, { env }))).toBe('0');
});

test('nodes side by side never see the same one, and what was given back is given out again', async () => {
  const held = `${SEES}; while [ ! -e "$MILLRACE_PIPELINE_DIR/$GO" ]; do sleep 0.02; done`;
  const folder = runner.dataDir;
  const order = (gpu: number, go: string) => asking(gpu, held, { folder, env: [{ GO: go }] });
  const [first, second, third] = [order(2, 'one'), order(1, 'two'), order(1, 'three')];
  engine.start(first, second, third);
  const waiting = await engine.wait(
    (frame) => frame.frame === 'notice' && frame.name.address === third.name.address,
  );
  expect(waiting).toMatchObject({
    state: 'queued',
    reason: 'resources',
    lacks: ['gpu'],
    message: 'asks for 1 GPU, free are 0 GPU of 3 GPU',
  });
  await touch('two');
  const outputs = async (one: typeof first) => (await engine.report(one.name)).result;
  expect(await outputs(second)).toMatchObject({ outputs: { sees: 'GPU-5' } });
  await touch('three', 'one');
  expect(await outputs(third)).toMatchObject({ outputs: { sees: 'GPU-5' } });
  expect(await outputs(first)).toMatchObject({ outputs: { sees: '0,2' } });
});

async function touch(...names: readonly string[]): Promise<void> {
  await engine.run(
    anOrder([names.map((name) => `touch "$MILLRACE_PIPELINE_DIR/${name}"`).join(';')], {
      folder: runner.dataDir,
    }),
  );
}

test('tries again inside a node keep what the node was given', async () => {
  const retry = {
    maxAttempts: 2,
    on: ['failed'],
    delay: 10,
    backoff: 'fixed',
    maxDelay: 10,
  } as const;
  const command = `echo "$CUDA_VISIBLE_DEVICES" >> seen; [ $(wc -l < seen) -eq 2 ] && echo "sees=$(sort -u seen | wc -l | tr -d ' ')" >> "$MILLRACE_OUTPUTS"`;
  const order = anOrder([{ command, retry: { ...retry, on: [...retry.on] } }], {
    resources: { gpu: 1 },
  });
  expect(await seenBy(order)).toBe(1);
});

test('a node that asks for more than there is after all says so in its log and gets what there is', async () => {
  expect(await seenBy(asking(4))).toBe('0,2,GPU-5');
});
