// Approvals and cached nodes as people use them: from another terminal, without an engine, too late.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { jsonLines, Place } from '#support/millrace.ts';
import { aRepository } from '../runner/sources.ts';

const PIPELINE = `
id: gated
nodes:
  - id: clean
    cache: true
    steps: [{ command: 'echo quality=0.7 > "$MILLRACE_OUTPUTS"' }]
  - id: review
    needs: [clean]
    approval: { message: "quality {{ clean.quality }}: go on?" }
  - id: publish
    startWhen: event:review.approved
    steps: [{ command: 'echo "for {{ review.by }}: {{ review.comment }}"' }]
`;

const places: Place[] = [];
afterEach(() => {
  for (const place of places.splice(0)) place.remove();
});

function here(pipeline = PIPELINE): Place {
  const place = new Place({ 'pipeline.yaml': pipeline });
  places.push(place);
  return place;
}

test('another terminal approves; the foreground goes on, and the log has the comment as one word', async () => {
  const place = here();
  const run = place.start('run', '--json');
  const queued = JSON.parse(await run.line((line) => line.includes('"review.queued"')));
  expect(queued.payload).toMatchObject({ reason: 'approval', message: 'quality 0.7: go on?' });
  const shown = await place.run('show', 'latest');
  expect(shown.stdout).toContain(`millrace approve ${queued.run} review`);
  expect((await place.run('runs')).stdout).toContain('waits for review');
  const done = await place.run('approve', 'latest', '--by', 'ada', '--comment', "it's $HOME");
  expect(done).toMatchObject({ code: 0 });
  expect(done.stdout).toContain(`review of run ${queued.run} approved by ada`);
  const ended = await run.ended;
  expect(ended.code).toBe(0);
  expect(jsonLines(ended.stdout).report.nodes['review']?.decision).toMatchObject({ by: 'ada' });
  expect((await place.run('logs', 'latest', 'publish')).stdout).toContain("for ada: it's $HOME");
  const late = await place.run('reject', 'latest', 'review');
  expect(late).toMatchObject({ code: 2 });
  expect(late.stderr).toMatch(/was approved before, by ada at 20\d\d-/);
});

test('a parked run is decided without an engine, and goes on when it is resumed', async () => {
  const place = here();
  const run = place.start('run', '--json');
  await run.line((line) => line.includes('"review.queued"'));
  run.child.kill('SIGTERM');
  expect((await run.ended).code).toBe(4);
  const done = await place.run('approve', 'latest');
  expect(done).toMatchObject({ code: 0 });
  expect(done.stderr).toMatch(/no engine is at work; `millrace resume .*` goes on/);
  const resumed = await place.run('resume', 'latest', '--json');
  expect(resumed.code).toBe(0);
  expect(jsonLines(resumed.stdout).report.nodes['publish']).toMatchObject({ status: 'completed' });
});

test('an engine that is killed while somebody is waited for loses nothing', async () => {
  const place = here();
  const run = place.start('run', '--json');
  await run.line((line) => line.includes('"review.queued"'));
  run.child.kill('SIGKILL');
  await run.ended;
  expect((await place.run('show', 'latest')).stdout).toContain('quality 0.7: go on?');
  expect(await place.run('reject', 'latest', '--comment', 'no')).toMatchObject({ code: 0 });
  const ended = await place.run('resume', 'latest', '--json');
  expect(ended.code).toBe(1);
  expect(jsonLines(ended.stdout).report.nodes['review']).toMatchObject({
    status: 'failed',
    reason: 'rejected',
  });
});

test('where several wait, one must say which; where none does, that is said', async () => {
  const place = here(`
id: two
nodes:
  - id: each
    forEach: [a, b]
    approval: { message: "{{ item }}?" }
`);
  const run = place.start('run', '--json');
  await run.line((line) => line.includes('"each[1].queued"'));
  const which = await place.run('approve', 'latest');
  expect(which).toMatchObject({ code: 2 });
  expect(which.stderr).toContain('wait: each[0] (a?), each[1] (b?); say which');
  await place.run('approve', 'latest', 'each[0]');
  await place.run('approve', 'latest');
  expect((await run.ended).code).toBe(0);
  const none = await place.run('approve', 'latest');
  expect(none).toMatchObject({ code: 2 });
  expect(none.stderr).toContain('nothing in it waits for a decision');
});

test('a deadline decides where nobody comes', async () => {
  const place = here(`
id: late
nodes:
  - id: review
    approval: { deadline: 200ms, onDeadline: approve }
  - id: after
    needs: [review]
`);
  const ended = await place.run('run', '--json');
  expect(ended.code).toBe(0);
  expect(jsonLines(ended.stdout).report.nodes['review']?.outputs).toEqual({
    by: null,
    comment: null,
  });
});

test('a cached node whose operator is another folder of the same commit is worked anew', async () => {
  const place = here();
  aRepository(join(place.folder, 'ops'), { 'a/go.sh': 'echo a', 'b/go.sh': 'echo b' });
  const reused = async (folder: string): Promise<boolean> => {
    const step = `{ command: sh go.sh, operator: { path: ./ops/${folder} } }`;
    const text = `id: moved\nnodes: [{ id: a, cache: true, steps: [${step}] }]\n`;
    writeFileSync(join(place.folder, 'pipeline.yaml'), text);
    const { report } = jsonLines((await place.run('run', '--json')).stdout);
    expect(report.status).toBe('completed');
    return report.nodes['a']?.reusedFrom !== undefined;
  };
  expect([await reused('a'), await reused('a'), await reused('b')]).toEqual([false, true, false]);
});

test('a cached node is worked once; --no-cache works it again; explain says from where', async () => {
  const place = here(`
id: once
nodes:
  - id: slow
    cache: true
    steps: [{ command: 'echo "ran" >> "$MILLRACE_PIPELINE_DIR/times"; echo n=1 > "$MILLRACE_OUTPUTS"' }]
`);
  const first = jsonLines((await place.run('run', '--json')).stdout).report;
  const second = jsonLines((await place.run('run', '--json')).stdout).report;
  expect(second.nodes['slow']).toMatchObject({
    status: 'completed',
    outputs: { n: 1 },
    reusedFrom: { run: first.run },
  });
  expect((await place.run('show', 'latest')).stdout).toContain(`reused from run ${first.run}`);
  expect((await place.run('explain', 'latest', 'slow')).stdout).toContain(
    `taken over from slow of run ${first.run}`,
  );
  const anew = jsonLines((await place.run('run', '--no-cache', '--json')).stdout).report;
  expect(anew.nodes['slow']).not.toHaveProperty('reusedFrom');
});
