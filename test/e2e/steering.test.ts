// Steering a run from a second terminal, and what a second process sees of it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { nodeExplanation, runReport } from '#schemas/report.ts';
import { jsonLines, Place, type Running } from '#support/millrace.ts';

const places: Place[] = [];
function placeOf(pipeline: string): Place {
  const made = new Place({ 'pipeline.yaml': pipeline });
  places.push(made);
  return made;
}
afterEach(() => {
  for (const made of places.splice(0)) {
    go(made);
    made.remove();
  }
});

const go = (place: Place, name = 'go'): void => {
  if (existsSync(place.folder)) writeFileSync(join(place.folder, name), '');
};
const effects = (place: Place): string[] =>
  readFileSync(join(place.folder, 'effects'), 'utf8').trim().split('\n');

const EFFECT = 'echo "$MILLRACE_NODE $MILLRACE_ATTEMPT" >> "$MILLRACE_PIPELINE_DIR/effects"';
const HOLD = (name: string): string =>
  `until test -e "$MILLRACE_PIPELINE_DIR/${name}"; do sleep 0.05; done`;
const node = (id: string, command: string, more = ''): string =>
  `  - id: ${id}\n${more === '' ? '' : `    ${more}\n`}    steps: [{ command: ${JSON.stringify(command)} }]\n`;

async function started(place: Place, event: string): Promise<{ running: Running; run: string }> {
  const running = place.start('run', 'pipeline.yaml', '--json');
  const line = await running.line((text) => text.includes(`"${event}"`));
  return { running, run: JSON.parse(line).run };
}

test('retry --from runs a node and what stands behind it again, and takes over the rest', async () => {
  const place = placeOf(
    `id: again\nnodes:\n${node('a', `${EFFECT}; echo x=5 >> "$MILLRACE_OUTPUTS"`)}${node('b', EFFECT, 'needs: [a]')}${node('c', EFFECT, 'needs: [b]')}${node('side', EFFECT, 'needs: [a]')}`,
  );
  const first = jsonLines((await place.run('run', 'pipeline.yaml', '--json')).stdout).report;
  const retried = await place.run('retry', first.run, '--from', 'b', '--json');
  expect(retried.code, retried.stderr).toBe(0);
  const { report } = jsonLines((await place.run('show', 'latest', '--json')).stdout);
  expect(report).toMatchObject({ status: 'completed', retryOf: first.run });
  expect(report.run).not.toBe(first.run);
  expect(report.nodes['a']).toMatchObject({ seededFrom: first.run, outputs: { x: 5 } });
  expect(report.nodes['side']).toMatchObject({ status: 'completed', seededFrom: first.run });
  expect(report.nodes['b']).not.toHaveProperty('seededFrom');
  expect(effects(place).sort()).toEqual(['a 1', 'b 1', 'b 1', 'c 1', 'c 1', 'side 1']);
  const before = jsonLines((await place.run('show', first.run, '--json')).stdout).report;
  expect({ ...before, at: '' }).toEqual({ ...first, at: '' });
  expect((await place.run('retry', first.run, '--from', 'nobody')).code).toBe(2);
});

test('of two nodes that run when SIGTERM comes, resume takes in the one that ended meanwhile and waits for the other', async () => {
  const place = placeOf(
    `id: two\nnodes:\n${node('quick', `${EFFECT}; ${HOLD('quick')}; echo q=1 >> "$MILLRACE_OUTPUTS"`)}${node('slow', `${EFFECT}; ${HOLD('slow')}; echo s=2 >> "$MILLRACE_OUTPUTS"`)}${node('last', 'echo sum={{ quick.q + slow.s }} >> "$MILLRACE_OUTPUTS"', 'needs: [quick, slow]')}`,
  );
  const { running, run } = await started(place, 'slow.started');
  await expect
    .poll(() => existsSync(join(place.folder, 'effects')) && effects(place).length)
    .toBe(2);
  running.child.kill('SIGTERM');
  expect((await running.ended).code).toBe(4);
  go(place, 'quick');
  await expect.poll(() => place.programs.length, { timeout: 10_000 }).toBeLessThanOrEqual(2);
  const parked = jsonLines((await place.run('show', run, '--json')).stdout).report;
  expect(parked.status).toBe('running');
  const resumed = place.start('resume', run, '--json');
  await resumed.line((text) => text.includes('"quick.completed"'));
  go(place, 'slow');
  const ended = await resumed.ended;
  expect(ended.code, ended.stderr).toBe(0);
  const { report, events } = jsonLines(ended.stdout);
  expect(report.nodes['last']?.outputs).toEqual({ sum: 3 });
  expect(report.nodes['quick']?.attempts).toBe(1);
  expect(events.map(({ event }) => event).filter((name) => /started$/.test(name))).toEqual([
    'last.started',
  ]);
  expect(effects(place).sort()).toEqual(['quick 1', 'slow 1']);
});

test('emit wakes a node that waits, which says so meanwhile; the same key twice is one event', async () => {
  const place = placeOf(
    `id: told\ntimeout: 1m\nnodes:\n${node('first', 'true')}${node('waits', `${EFFECT}; test {{ payload('external.go').by }} = ana`, 'startWhen: event:first.completed && event:external.go')}${node('end', 'true', 'startWhen: event:external.end')}`,
  );
  const { running, run } = await started(place, 'first.completed');
  const why = nodeExplanation.parse(
    JSON.parse((await place.run('explain', run, 'waits', '--json')).stdout),
  );
  expect(why).toMatchObject({ status: 'pending', start: { truth: 'not_yet' } });
  expect(why.answer).toContain('external.go');
  expect((await place.run('emit', run, 'external.stop')).code).toBe(0);
  expect((await place.run('emit', run, 'pipeline.completed')).code).toBe(2);
  for (const by of ['ana', 'eve'])
    expect((await place.run('emit', run, 'external.go', `by=${by}`, '--key', 'k')).code).toBe(0);
  expect((await place.run('emit', run, 'external.end')).code).toBe(0);
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  const { events } = jsonLines(stdout);
  expect(events.filter(({ event }) => event === 'external.go')).toMatchObject([
    { payload: { key: 'k', payload: { by: 'ana' } } },
  ]);
  expect(effects(place)).toEqual(['waits 1']);
  expect((await place.run('emit', run, 'external.go')).code).toBe(2);
});

test('while a run is paused from another terminal, what runs goes on and nothing starts', async () => {
  const place = placeOf(
    `id: paused\nnodes:\n${node('held', HOLD('go'))}${node('next', EFFECT, 'needs: [held]')}`,
  );
  const { running, run } = await started(place, 'held.started');
  expect((await place.run('pause', 'latest')).code).toBe(0);
  go(place);
  await running.line((text) => text.includes('"held.completed"'));
  const paused = jsonLines((await place.run('show', run, '--json')).stdout).report;
  expect(paused).toMatchObject({ status: 'paused', nodes: { held: { status: 'completed' } } });
  expect(existsSync(join(place.folder, 'effects'))).toBe(false);
  expect((await place.run('explain', run, 'next')).stdout).toMatch(/paused/);
  const resumed = await place.run('resume', run, '--json');
  expect(resumed.code).toBe(0);
  expect((await running.ended).code).toBe(0);
  expect(effects(place)).toEqual(['next 1']);
});

test('a paused run stays paused beyond its engine', async () => {
  const place = placeOf(
    `id: paused\nnodes:\n${node('held', HOLD('go'))}${node('next', EFFECT, 'needs: [held]')}`,
  );
  const { running, run } = await started(place, 'held.started');
  expect((await place.run('pause', run)).code).toBe(0);
  running.child.kill('SIGKILL');
  await running.ended;
  expect(jsonLines((await place.run('show', run, '--json')).stdout).report.status).toBe('paused');
  go(place);
  expect((await place.run('resume', run)).code).toBe(0);
  expect(effects(place)).toEqual(['next 1']);
});

test('what a second process follows is the same stream, line by line, and logs come as they are printed', async () => {
  const place = placeOf(
    `id: seen\nnodes:\n${node('talks', `echo one; ${HOLD('more')}; echo two >&2; ${HOLD('go')}; printf three; echo n=1 >> "$MILLRACE_OUTPUTS"`)}${node('next', 'echo four', 'needs: [talks]')}`,
  );
  const { running, run } = await started(place, 'talks.started');
  const events = place.start('events', run, '-f', '--json');
  const logs = place.start('logs', run, '-f');
  const json = place.start('logs', run, 'talks', '-f', '--json');
  await logs.line((text) => text.endsWith(' stdout | one'));
  go(place, 'more');
  await logs.line((text) => text.endsWith(' stderr | two'));
  await json.line((text) => text.includes('"two"'));
  go(place);
  const [own, followed, told, lines] = await Promise.all([
    running.ended,
    events.ended,
    logs.ended,
    json.ended,
  ]);
  expect([own.code, followed.code, told.code, lines.code]).toEqual([0, 0, 0, 0]);
  const ownLines = own.stdout.trim().split('\n');
  expect(runReport.parse(JSON.parse(ownLines.pop() ?? '')).status).toBe('completed');
  expect(followed.stdout.trim().split('\n')).toEqual(ownLines);
  expect((await place.run('events', run, '--json')).stdout.trim().split('\n')).toEqual(ownLines);
  expect(
    told.stdout
      .trim()
      .split('\n')
      .map((line) => line.replace(/^\S+ /, '').replace(/\/\S+#/, '#')),
  ).toEqual([
    'INFO talks#1 stdout | one',
    'INFO talks#1 stderr | two',
    'INFO talks#1 stdout | three',
    'INFO next#1 stdout | four',
  ]);
  const parsed = lines.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(parsed.map(({ node: at, stream, text }) => `${at} ${stream} ${text}`)).toEqual([
    'talks stdout one',
    'talks stderr two',
    'talks stdout three',
  ]);
});

test('a second run beside the first is its client and prints a stream of its own, report included', async () => {
  const place = placeOf(
    `id: both\ninputs: { n: { type: number } }\nnodes:\n${node('held', HOLD('go'))}${node('next', 'echo n={{ pipeline.input.n }} >> "$MILLRACE_OUTPUTS"', 'needs: [held]')}`,
  );
  const runs = [1, 2].map((n) => place.start('run', 'pipeline.yaml', '--json', '-i', `n=${n}`));
  await Promise.all(runs.map((each) => each.line((text) => text.includes('"held.started"'))));
  go(place);
  const ended = await Promise.all(runs.map((each) => each.ended));
  const told = ended.map(({ stdout }) => jsonLines(stdout));
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  expect(told.map(({ report }) => report.nodes['next']?.outputs)).toEqual([{ n: 1 }, { n: 2 }]);
  for (const { events, report } of told) {
    expect(new Set(events.map(({ run }) => run))).toEqual(new Set([report.run]));
    expect(events.map(({ event }) => event)).toEqual([
      'pipeline.started',
      'held.started',
      'held.completed',
      'next.started',
      'next.completed',
      'pipeline.completed',
    ]);
  }
});

test('cancel from another terminal ends programs that ignore TERM after their grace, or at once with --force', async () => {
  const stubborn = `trap '' TERM; echo ready; while :; do sleep 0.05; done`;
  const place = placeOf(
    `id: stubborn\nnodes:\n${node('stubborn', stubborn, 'grace: 5m')}${node('next', 'true', 'needs: [stubborn]')}`,
  );
  const { running, run } = await started(place, 'stubborn.started');
  const logs = place.start('logs', run, '-f');
  await logs.line((text) => text.endsWith('ready'));
  expect((await place.run('cancel', run)).code).toBe(0);
  expect(
    jsonLines((await place.run('show', run, '--json')).stdout).report.nodes['stubborn']?.status,
  ).toBe('running');
  expect((await place.run('cancel', run, '--force')).code).toBe(0);
  // Its grace is longer than this test may take.
  const { code, stdout } = await running.ended;
  expect(code).toBe(1);
  expect(jsonLines(stdout).report).toMatchObject({
    status: 'cancelled',
    nodes: { stubborn: { status: 'cancelled' }, next: { status: 'skipped', reason: 'cancelled' } },
  });
  expect(place.programs).toEqual([]);
});

test('a second SIGINT ends at once what the first one only asked to end', async () => {
  const place = placeOf(
    `id: stubborn\nnodes:\n${node('stubborn', `trap '' TERM; while :; do sleep 0.05; done`, 'grace: 5m')}`,
  );
  const { running } = await started(place, 'stubborn.started');
  running.child.kill('SIGINT');
  await running.line((text) => text.includes('"stubborn.stopping"'));
  running.child.kill('SIGINT');
  // Its grace is longer than this test may take.
  const { code, stdout } = await running.ended;
  expect(code).toBe(1);
  expect(jsonLines(stdout).report.status).toBe('cancelled');
  expect(place.programs).toEqual([]);
});

test('a grace period longer than the usual one is kept', async () => {
  const place = placeOf(
    `id: patient\nnodes:\n${node('patient', `trap 'sleep 11; touch "$MILLRACE_PIPELINE_DIR/tidied"; exit 0' TERM; echo ready; while :; do sleep 0.05; done`, 'grace: 1m')}`,
  );
  const { running, run } = await started(place, 'patient.started');
  const logs = place.start('logs', run, '-f');
  await logs.line((text) => text.endsWith('ready'));
  expect((await place.run('cancel', run)).code).toBe(0);
  expect((await running.ended).code).toBe(1);
  expect(existsSync(join(place.folder, 'tidied'))).toBe(true);
});
