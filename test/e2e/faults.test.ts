// Programs that behave badly, as a user meets them: each run ends in a clear state with a clear message, nothing hangs, nothing stays behind.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { NodeReport } from '#schemas/report.ts';
import { type Ended, jsonLines, Place } from '#support/millrace.ts';

const places: Place[] = [];
function placeOf(pipeline: string, files: Readonly<Record<string, string>> = {}): Place {
  const made = new Place({ 'pipeline.yaml': pipeline, ...files });
  places.push(made);
  return made;
}
afterEach(() => {
  for (const made of places.splice(0)) made.remove();
});

interface Fault {
  readonly command: string;
  /** Further lines of the node. */
  readonly also?: string;
  readonly wanted: Partial<NodeReport>;
  readonly message?: RegExp;
}

const oneNode = ({ command, also = '' }: Pick<Fault, 'command' | 'also'>): string =>
  `id: fault\nnodes:\n  - id: bad\n    steps: [{ command: ${JSON.stringify(command)} }]\n${also
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('')}  - id: after\n    startWhen: event:bad.ended\n`;

async function faulty(fault: Fault): Promise<{ ended: Ended; node: NodeReport; place: Place }> {
  const place = placeOf(oneNode(fault));
  const ended = await place.run('run', 'pipeline.yaml', '--json');
  const { report } = jsonLines(ended.stdout);
  const node = report.nodes['bad'];
  if (node === undefined) throw new TypeError(ended.stdout);
  expect(report.nodes['after']?.status).toBe('completed');
  expect(ended.stderr).toBe('');
  expect(ended.code).toBe(fault.wanted.status === 'completed' ? 0 : 1);
  expect(node).toMatchObject(fault.wanted);
  if (fault.message !== undefined) expect(node.message).toMatch(fault.message);
  return { ended, node, place };
}

describe('a program that', () => {
  test('ignores TERM is killed after its grace and counts as timed out', async () => {
    const { node, place } = await faulty({
      command: "trap '' TERM; sleep 300 & while :; do sleep 0.05; done",
      also: 'timeout: 300ms\ngrace: 1s',
      wanted: { status: 'timed_out', reason: 'timeout', attempts: 1 },
      message: /300 ms|0\.3 s/,
    });
    const took = Date.parse(node.endedAt ?? '') - Date.parse(node.startedAt ?? '');
    expect(took).toBeGreaterThan(1_200);
    expect(took).toBeLessThan(5_000);
    expect(place.programs).toEqual([]);
  });

  test('prints 100 MB completes; its log is bounded and keeps the first and the last line', async () => {
    const { place } = await faulty({
      command:
        'echo first; head -c 100000000 /dev/zero | tr "\\0" x | fold -w 999; echo; echo last',
      wanted: { status: 'completed' },
    });
    const { stdout } = await place.run('logs', 'latest', 'bad');
    expect(stdout).toMatch(/^\S+ INFO bad\S* stdout \| first\n/);
    expect(stdout).toMatch(/last\n$/);
    expect(stdout.length).toBeGreaterThan(10_000_000);
    expect(stdout.length).toBeLessThan(250_000_000);
  });

  test('prints invalid UTF-8 has it replaced, and the rest of the line kept', async () => {
    const { place } = await faulty({
      command: "printf 'a\\377b\\n'; printf 'x=\\377\\n' >&2",
      wanted: { status: 'completed' },
    });
    const { stdout } = await place.run('logs', 'latest', 'bad');
    expect(stdout).toContain('a\uFFFDb');
  });

  test.each([
    ['no equals sign', 'a line without =', /line 2 .*no equals sign/],
    ['{"a": 1', 'half a JSON object', /line 2/],
    ['f=@../../../../etc/passwd', 'a file outside of its folder', /outside MILLRACE_ARTIFACTS/],
    ['f=@nothing', 'a file that is not there', /nothing.* does not exist/],
    ['constructor=1', 'a forbidden name', /constructor/],
  ])('writes the output %j fails (%s), and the place is told', async (line, _why, message) => {
    await faulty({
      command: `printf 'ok=1\\n%s\\n' '${line}' >> "$MILLRACE_OUTPUTS"`,
      wanted: { status: 'failed', reason: 'malformed_outputs', outputs: {} },
      message,
    });
  });

  test('writes outputs that are not UTF-8 fails', async () => {
    await faulty({
      command: `printf 'ok=\\377\\n' >> "$MILLRACE_OUTPUTS"`,
      wanted: { status: 'failed', reason: 'malformed_outputs' },
      message: /UTF-8/,
    });
  });

  test('is ended by a signal that nobody of us sent says which', async () => {
    await faulty({
      command: 'kill -SEGV $$',
      wanted: { status: 'failed', reason: 'signal' },
      message: /SIGSEGV/,
    });
  });

  test('leaves children behind, in its group and out of it: they are gone after the node', async () => {
    const { place } = await faulty({
      command: 'sleep 300 & setsid sleep 301 > /dev/null 2>&1 & sleep 0.2; exit 0',
      wanted: { status: 'completed' },
    });
    await expect.poll(() => place.programs, { timeout: 10_000 }).toEqual([]);
  });

  test('forks without end is bounded and ended, and the machine goes on', async () => {
    const { place } = await faulty({
      command: 'bomb() { bomb | bomb & }; bomb; sleep 2; exit 7',
      also: 'timeout: 20s\nresources: { limits: { memory: 512MiB } }',
      wanted: { status: 'failed' },
    });
    await expect.poll(() => place.programs, { timeout: 10_000 }).toEqual([]);
  });

  test('takes 2 GiB under a limit of 1 GiB ends out_of_memory, with its peak in the message', async () => {
    const { node } = await faulty({
      command: 'python3 -I -S -c "x = bytearray(2 << 30); print(len(x))"',
      also: 'resources: { limits: { memory: 1GiB } }',
      wanted: { status: 'failed', reason: 'out_of_memory' },
      message: /used (1|1\.\d|2) GiB.*limit is 1 GiB/,
    });
    expect(node.peaks?.memoryBytes).toBeGreaterThan(0);
  });

  test('cannot be found is said with the code of the shell', async () => {
    const { node } = await faulty({
      command: 'no-such-program --at-all',
      wanted: { status: 'failed', reason: 'exit', exitCode: 127 },
    });
    expect(node.message).toMatch(/no-such-program/);
  });

  test('closes its outputs and goes on is waited for', async () => {
    await faulty({
      command: 'exec > /dev/null 2>&1; sleep 0.3; echo done=1 >> "$MILLRACE_OUTPUTS"',
      wanted: { status: 'completed', outputs: { done: 1 } },
    });
  });

  test('removes its workspace and its own answers still ends clearly', async () => {
    await faulty({
      command: 'rm -rf "$PWD" "$MILLRACE_ARTIFACTS"; exit 0',
      wanted: { status: 'completed', outputs: {} },
    });
  });

  test('makes its outputs a folder, a pipe or a link to elsewhere does not hang the run', async () => {
    for (const making of ['mkdir "$F"', 'mkfifo "$F"', 'ln -s /dev/zero "$F"']) {
      const place = placeOf(
        oneNode({ command: `F=$MILLRACE_OUTPUTS; ${making}`, also: 'timeout: 20s' }),
      );
      const ended = await place.run('run', 'pipeline.yaml', '--json');
      expect([0, 1], making).toContain(ended.code);
      expect(jsonLines(ended.stdout).report.nodes['bad']?.status, making).not.toBe('timed_out');
    }
  });
});

describe('resources', () => {
  test.each([
    ['memory: 4000GiB', /memory/i],
    ['cpu: 4000', /4000/],
    ['gpu: 64', /gpu/i],
  ])('that never fit (%s) are refused before the run', async (asked, message) => {
    const place = placeOf(
      oneNode({
        command: 'echo x > "$MILLRACE_PIPELINE_DIR/ran"',
        also: `resources: { ${asked} }`,
      }),
    );
    const ended = await place.run('run', 'pipeline.yaml', '--json');
    expect(ended.code).toBe(2);
    const { problems } = JSON.parse(ended.stdout.trim().split('\n').at(-1) ?? '');
    expect(problems).toMatchObject([{ code: 'does_not_fit', severity: 'error' }]);
    expect(problems[0].message).toMatch(message);
    expect((await place.run('runs')).stdout).toBe('');
  });

  test('of two nodes that do not fit together: one waits, which is shown, and runs after the other', async () => {
    const command =
      'echo "$MILLRACE_NODE in" >> "$MILLRACE_PIPELINE_DIR/order"; until test -e "$MILLRACE_PIPELINE_DIR/go"; do sleep 0.05; done; echo "$MILLRACE_NODE out" >> "$MILLRACE_PIPELINE_DIR/order"';
    const cpu = availableParallelism();
    const node = (id: string): string =>
      `  - id: ${id}\n    resources: { cpu: ${cpu} }\n    steps: [{ command: ${JSON.stringify(command)} }]\n`;
    const place = placeOf(`id: two\nnodes:\n${node('left')}${node('right')}`);
    const running = place.start('run', 'pipeline.yaml', '--json');
    const queued = JSON.parse(await running.line((line) => line.includes('.queued"')));
    expect(queued).toMatchObject({
      event: `${queued.node}.queued`,
      payload: { reason: 'resources' },
    });
    const shown = jsonLines((await place.run('show', 'latest', '--json')).stdout).report;
    expect(shown.nodes[queued.node]).toMatchObject({ status: 'queued' });
    expect(shown.nodes[queued.node]?.waitsFor).toMatch(/cpu|core/i);
    writeFileSync(join(place.folder, 'go'), '');
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(jsonLines(stdout).report.status).toBe('completed');
    const order = readFileSync(join(place.folder, 'order'), 'utf8').trim().split('\n');
    const first = queued.node === 'left' ? 'right' : 'left';
    expect(order).toEqual([
      `${first} in`,
      `${first} out`,
      `${queued.node} in`,
      `${queued.node} out`,
    ]);
  });
});
