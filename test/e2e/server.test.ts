// The command line for a server, as a user has it: whole processes, and an engine elsewhere behind HTTP.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Place } from '#support/millrace.ts';
import { type ServedEngine, serveEngine } from '#support/served-engine.ts';

const PIPELINE = `
id: demo
inputs: { year: { type: number, default: 2013 } }
nodes:
  - id: clean
    steps: [{ command: "echo cleaning {{ pipeline.input.year }}; echo rows=3 >> $MILLRACE_OUTPUTS" }]
  - id: review
    needs: [clean]
    approval: { message: "{{ clean.rows }} rows" }
  - id: publish
    startWhen: event:review.approved
    steps: [{ command: "echo published" }]
`;
const SLOW = 'id: slow\nnodes: [{ id: a, steps: [{ command: "echo begun; sleep 60" }] }]\n';

let served: ServedEngine;
let place: Place;

beforeAll(async () => {
  served = await serveEngine('Operator/ana');
});
afterAll(() => served.close());
beforeEach(() => {
  place = new Place(
    {
      'pipeline.yaml': PIPELINE,
      'slow.yaml': SLOW,
      'quick.yaml': 'id: quick\nnodes: [{ id: a, steps: [{ command: "echo hello" }] }]\n',
      'wrong.yaml': 'id: x\nnodes: [{ id: a, steps: [{ comand: x }] }]\n',
      'local.yaml':
        'id: x\nnodes: [{ id: a, steps: [{ operator: { path: ./tree }, environment: host, command: ./x }] }]\n',
      'closed.yaml':
        'id: x\nnodes: [{ id: a, steps: [{ operator: { git: "https://me:open-sesame@127.0.0.1:9/a.git", tag: v1 }, environment: host, command: ./x }] }]\n',
    },
    { MILLRACE_SERVER: served.url },
  );
});
afterEach(() => place.remove());

test('a run on a server is followed, looked at and decided from here; nothing of it lies here', async () => {
  const detached = await place.run('run', '-i', 'year=2014', '--detach');
  expect(detached).toMatchObject({ code: 0, stderr: expect.any(String) });
  const run = detached.stdout.trim();
  const following = place.start('logs', run, '-f');
  await following.line((line) => line.includes('cleaning 2014'));

  const shown = await place.run('show', run);
  expect(shown.stdout).toContain('waits for somebody to approve or reject it: 3 rows');
  expect((await place.run('explain', run, 'publish')).stdout).toContain('event:review.approved');
  expect((await place.run('eval', 'clean.rows + 1', '--run', run)).stdout).toBe('4\n');
  expect((await place.run('runs')).stdout).toContain(run);
  const approved = await place.run('approve', run, '--by', 'somebody-else', '--json');
  expect(JSON.parse(approved.stdout)).toMatchObject({ node: 'review', by: 'Operator/ana' });

  const { code, stdout } = await following.ended;
  expect(code).toBe(0);
  expect(stdout).toContain('published');
  const events = await place.run('events', run, '--json');
  expect(events.stdout).toContain('"pipeline.completed"');
  expect(existsSync(path.join(place.folder, '.millrace'))).toBe(false);
});

test('watched in the foreground, a run ends as one here does; with --json it is the same stream', async () => {
  const { code, stdout } = await place.run('run', 'quick.yaml', '--json');
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; status?: string });
  expect(lines.map(({ event }) => event)).toContain('a.completed');
  expect(lines.at(-1)).toMatchObject({ event: 'run.report', status: 'completed' });
});

test('Ctrl-C cancels the run there', async () => {
  const running = place.start('run', 'slow.yaml');
  await running.line((line) => line.includes('a started'));
  running.child.kill('SIGINT');
  expect(await running.ended).toMatchObject({ code: 1 });
  expect((await place.run('runs')).stdout).toContain('cancelled');
});

test('who only stops watching leaves the run to the server, and can come back to it', async () => {
  const running = place.start('run', 'slow.yaml');
  await running.line((line) => line.includes('a started'));
  running.child.kill('SIGTERM');
  const left = await running.ended;
  expect(left).toMatchObject({ code: 4, stderr: expect.stringContaining(served.url) });
  expect((await place.run('pause', 'latest')).code).toBe(0);
  expect((await place.run('cancel', 'latest', '--force')).code).toBe(0);
});

test('what is wrong is told here, before the server hears of it', async () => {
  const before = served.asked.length;
  const wrong = await place.run('run', 'wrong.yaml');
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('wrong.yaml:2:') });
  const local = await place.run('run', 'local.yaml');
  expect(local).toMatchObject({ code: 2, stderr: expect.stringContaining('[stays_here]') });
  const closed = await place.run('run', 'closed.yaml');
  expect(closed).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/passwords of repositories, which do not leave this machine/),
  });
  expect(closed.stderr).not.toContain('sesame');
  expect(served.asked).toHaveLength(before);
  expect((await place.run('validate', 'pipeline.yaml')).code).toBe(0);
  expect(served.asked.slice(before)).toEqual(['POST /v1/default/validation']);
});

test.each([
  { args: ['serve'], said: 'about this machine' },
  { args: ['secret', 'list'], said: 'about this machine' },
  { args: ['runs', '--data-dir', 'x'], said: 'wanted is one of them' },
  { args: ['run', 'quick.yaml', '--allow-env', 'HOME'], said: '--allow-env' },
  { args: ['runs', '--namespace', 'Not/One'], said: 'is no namespace' },
])('$args of a server is refused with a reason', async ({ args, said }) => {
  const { code, stderr } = await place.run(...args, '--server', served.url);
  expect(stderr).toContain(said);
  expect(code).toBe(2);
});

test('a server that is not there is said with its address', async () => {
  const { code, stderr } = await place.run('runs', '--server', 'http://127.0.0.1:9');
  expect(stderr).toContain('http://127.0.0.1:9');
  expect(code).toBe(2);
});
