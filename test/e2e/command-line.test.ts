// The command line as a user meets it: signals, several commands at once, and what each says. Whole processes, the real engine.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeExplanation, runReport } from '#schemas/report.ts';
import { jsonLines, Place } from '#support/millrace.ts';

// `held` runs until a file called `go` stands beside the pipeline.
const HELD = `
id: held
inputs: { least: { type: number, default: 3 } }
nodes:
  - id: held
    steps: [{ command: 'echo waiting; until test -e "$MILLRACE_PIPELINE_DIR/go"; do sleep 0.05; done; echo rows=5 >> "$MILLRACE_OUTPUTS"' }]
  - id: publish
    startWhen: event:held.completed && {{ held.rows >= pipeline.input.least }}
    steps: [{ command: 'echo x > "$MILLRACE_ARTIFACTS/out.txt"; echo f=@out.txt >> "$MILLRACE_OUTPUTS"' }]
`;
const EXTERNAL = `
id: external
nodes:
  - id: told
    startWhen: event:external.go
    steps: [{ command: "test {{ payload('external.go').by }} = ana" }]
`;

let place: Place;

beforeEach(() => {
  place = new Place({ 'pipeline.yaml': HELD, 'external.yaml': EXTERNAL });
});

afterEach(() => {
  go();
  place.remove();
});

function go(): void {
  if (existsSync(place.folder)) writeFileSync(join(place.folder, 'go'), '');
}

async function held(...args: readonly string[]) {
  const running = place.start('run', ...args, '--json');
  const line = await running.line((text) => text.includes('"held.started"'));
  return { running, run: /"run":"(\w+)"/.exec(line)?.[1] ?? '' };
}

test('SIGINT cancels gracefully: the run ends cancelled, exit 1', async () => {
  const { running } = await held();
  running.child.kill('SIGINT');
  const { code, stdout, stderr } = await running.ended;
  expect(code).toBe(1);
  expect(jsonLines(stdout).report.status).toBe('cancelled');
  expect(stderr).toContain('cancelling; once more ends it at once');
});

test.each(['SIGTERM', 'SIGHUP'] as const)(
  '%s parks: exit 4, and resume goes on where it was',
  async (signal) => {
    const { running, run } = await held();
    running.child.kill(signal);
    const parked = await running.ended;
    expect(parked.code).toBe(4);
    expect(parked.stderr).toContain(`millrace resume ${run}`);
    go();
    const resumed = await place.run('resume', run.slice(0, 20), '--json');
    expect(resumed.code).toBe(0);
    const { report, events } = jsonLines(resumed.stdout);
    expect(report.nodes['held']).toMatchObject({ status: 'completed', attempts: 1 });
    expect(events.map(({ event }) => event)).not.toContain('held.started');
    expect(await place.run('resume', run)).toMatchObject({ code: 0 });
  },
);

test('beside a run other commands are clients of its engine', async () => {
  const { running, run } = await held('-i', 'least=9');
  expect((await place.run('runs')).stdout).toContain(run);
  const report = runReport.parse(JSON.parse((await place.run('show', 'latest', '--json')).stdout));
  expect(report).toMatchObject({
    status: 'running',
    nodes: { held: { status: 'running' }, publish: { status: 'pending' } },
  });
  // A line is shown once no earlier one can come any more.
  await expect
    .poll(async () => (await place.run('logs', 'latest', 'held')).stdout, { timeout: 10_000 })
    .toMatch(/^\S+ INFO held\S* stdout \| waiting\n$/);
  expect((await place.run('pause', 'latest')).code).toBe(0);
  expect(runReport.parse(JSON.parse((await place.run('show', run, '--json')).stdout)).status).toBe(
    'paused',
  );
  const resumed = place.start('resume', 'latest', '--json');
  await resumed.line((text) => text.includes('pipeline.resumed'));
  go();
  expect((await resumed.ended).code).toBe(0);
  expect((await running.ended).code).toBe(0);
  const told = await place.run('explain', 'latest', 'publish', '--json');
  const explained = nodeExplanation.parse(JSON.parse(told.stdout));
  expect(explained).toMatchObject({ status: 'skipped', start: { truth: 'never' } });
  expect(explained.answer).toContain('held.rows >= pipeline.input.least');
});

test('a second run beside the first goes on by itself when the first one ends', async () => {
  const first = await held();
  const second = await held();
  first.running.child.kill('SIGINT');
  expect((await first.running.ended).code).toBe(1);
  go();
  const { code, stdout } = await second.running.ended;
  expect(code).toBe(0);
  const { events, report } = jsonLines(stdout);
  expect(report).toMatchObject({ run: second.run, status: 'completed' });
  const names = events.map(({ event }) => event);
  expect(new Set(names).size).toBe(names.length);
});

test('following events and logs outlasts the engine, and ends with the run', async () => {
  const { running, run } = await held();
  const events = place.start('events', run, '-f', '--json');
  const logs = place.start('logs', run, '-f');
  await events.line((text) => text.includes('held.started'));
  await logs.line((text) => / held\S* stdout \| waiting$/.test(text));
  running.child.kill('SIGKILL');
  await running.ended;
  go();
  expect((await place.run('resume', run)).code).toBe(0);
  const followed = await events.ended;
  expect(followed.code).toBe(0);
  const names = followed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).event);
  expect(names.at(-1)).toBe('pipeline.completed');
  expect(names.filter((name) => name === 'held.started')).toHaveLength(1);
  expect((await logs.ended).code).toBe(0);
});

test('a run that nobody watches any more is cancelled at once', async () => {
  const { running, run } = await held();
  running.child.kill('SIGKILL');
  await running.ended;
  expect(await place.run('cancel', run)).toMatchObject({ code: 0, stdout: `${run} cancelled\n` });
  const report = runReport.parse(JSON.parse((await place.run('show', run, '--json')).stdout));
  expect(report.status).toBe('cancelled');
});

test('emit reaches a run that waits, and one that is parked', async () => {
  const running = place.start('run', 'external.yaml', '--json');
  await running.line((text) => text.includes('pipeline.started'));
  running.child.kill('SIGTERM');
  await running.ended;
  expect(await place.run('emit', 'latest', 'external.go', 'by=ana', '--key', 'k')).toMatchObject({
    code: 0,
  });
  expect(await place.run('emit', 'latest', 'external.go', 'by=eve', '--key', 'k')).toMatchObject({
    code: 0,
  });
  expect((await place.run('resume', 'latest')).code).toBe(0);
});

test('in a pipe the end of a run tells where its files lie, as paths that can be opened', async () => {
  go();
  const { code, stdout } = await place.run('run');
  expect(code).toBe(0);
  const file = /publish\.f +(\S+)/.exec(stdout)?.[1] ?? '';
  expect(existsSync(join(place.folder, file))).toBe(true);
});

test('a reader that goes away does not end the run', async () => {
  const { running, run } = await held();
  running.child.stdout?.destroy();
  go();
  expect(await running.ended).toMatchObject({ code: 0 });
  expect(runReport.parse(JSON.parse((await place.run('show', run, '--json')).stdout)).status).toBe(
    'completed',
  );
});

test('where nothing ever ran there is nothing to show, and nothing is made', async () => {
  expect(await place.run('runs')).toMatchObject({ code: 0, stdout: '' });
  expect(await place.run('show', 'latest')).toMatchObject({ code: 2 });
  expect(await place.run('cancel', 'latest')).toMatchObject({ code: 2 });
  expect(existsSync(join(place.folder, '.millrace'))).toBe(false);
});
