// kill -9 at any moment, and going on where it was.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { crashRound } from '#support/crash-harness.ts';
import { jsonLines, Place } from '#support/millrace.ts';

/** Two of each kind, but one with 2,000 programs. */
const SEEDS = [4_100, 4_101, 4_102, 4_103, 4_104, 4_105, 4_106, 4_108, 4_109, 4_110, 4_111];

const SLOW = `id: slow
nodes:
  - id: first
    steps: [{ command: 'echo first >> "$MILLRACE_PIPELINE_DIR/effects"; echo x=1 >> "$MILLRACE_OUTPUTS"' }]
  - id: second
    needs: [first]
    steps: [{ command: 'echo second >> "$MILLRACE_PIPELINE_DIR/effects"; sleep 2; echo y=2 >> "$MILLRACE_OUTPUTS"' }]
  - id: third
    needs: [second]
    steps: [{ command: 'echo third {{ second.y }} >> "$MILLRACE_PIPELINE_DIR/effects"' }]
`;

test('kill -9 of the engine does not stop the work under way, and resume takes its result in', async () => {
  const here = new Place({ 'pipeline.yaml': SLOW });
  const running = here.start('run', '--json');
  await running.line((line) => line.includes('"second.started"'));
  await expect
    .poll(() => readFileSync(join(here.folder, 'effects'), 'utf8'), { timeout: 10_000 })
    .toContain('second');
  running.child.kill('SIGKILL');
  await running.ended;

  const resumed = await here.run('resume', 'latest', '--json');

  expect(resumed.code).toBe(0);
  const { report } = jsonLines(resumed.stdout);
  expect(report.status).toBe('completed');
  expect(report.nodes['second']).toMatchObject({ attempts: 1, outputs: { y: 2 } });
  expect(readFileSync(join(here.folder, 'effects'), 'utf8')).toBe('first\nsecond\nthird 2\n');
  here.remove();
});

test('SIGTERM parks a run with exit code 4, and resume goes on', async () => {
  const here = new Place({ 'pipeline.yaml': SLOW });
  const running = here.start('run', '--json');
  await running.line((line) => line.includes('"second.started"'));
  running.child.kill('SIGTERM');
  expect((await running.ended).code).toBe(4);

  const resumed = await here.run('resume', 'latest', '--json');

  expect(resumed.code).toBe(0);
  expect(jsonLines(resumed.stdout).report.nodes['third']?.status).toBe('completed');
  here.remove();
});

test('SIGINT cancels: what ran is cancelled, what waited is skipped, exit code 1', async () => {
  const here = new Place({ 'pipeline.yaml': SLOW });
  const running = here.start('run', '--json');
  await running.line((line) => line.includes('"second.started"'));
  running.child.kill('SIGINT');
  const ended = await running.ended;

  expect(ended.code).toBe(1);
  const { report } = jsonLines(ended.stdout);
  expect(report.status).toBe('cancelled');
  expect(report.nodes['second']?.status).toBe('cancelled');
  expect(report.nodes['third']).toMatchObject({ status: 'skipped', reason: 'cancelled' });
  here.remove();
});

test('resume of a run that has ended says how it ended, with its exit code', async () => {
  const here = new Place({
    'pipeline.yaml': 'id: one\nnodes:\n  - id: a\n    steps: [{ command: "exit 3" }]\n',
  });
  expect((await here.run('run', '--json')).code).toBe(1);

  const resumed = await here.run('resume', 'latest', '--json');

  expect(resumed.code).toBe(1);
  expect(resumed.stderr).toContain('is failed already');
  expect(jsonLines(resumed.stdout).report.nodes['a']).toMatchObject({ exitCode: 3 });
  here.remove();
});

test.each(SEEDS)(
  'after SIGKILLs at random moments (seed %i) a run completes with every effect once',
  async (seed) => {
    const round = await crashRound(seed);
    expect(round.faults, `${round.kind}, kills: ${round.kills.join(', ')}`).toEqual([]);
  },
  180_000,
);
