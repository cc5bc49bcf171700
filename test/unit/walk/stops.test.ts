// stopWhen, pause, cancel, fail-fast, handlers, prepare nodes, seeds.
import { expect, test } from 'vitest';
import { aPlan, EARLIER, walkOf } from './story.ts';

const cancelled = { result: 'cancelled' } as const;

test('stopWhen stops a running node, which ends cancelled', () => {
  const run = walkOf(aPlan().node('a', { stop: 'event:external.abort' }).node('b'));
  run.walk({ event: 'external', name: 'external.abort' });
  expect(run.node('a')).toMatchObject({ status: 'stopping', reason: 'stop_when' });
  run.walk(run.outcome('a', cancelled)).completes('b');
  expect(run.node('a')).toMatchObject({ status: 'cancelled', reason: 'stop_when' });
  expect(run.run()).toBe('completed');
});

test('stopWhen that is true before the start skips the node; between attempts it ends it', () => {
  const retry = { maxAttempts: 3, on: ['failed'], delay: 10, backoff: 'fixed', maxDelay: 10 };
  const plan = aPlan()
    .pipeline({})
    .node('a')
    .node('b', { needs: ['a'], stop: 'event:a.completed' })
    .node('c', { stop: 'event:a.completed', retry: { ...retry, backoff: 'fixed' } });
  const run = walkOf(plan).fails('c').completes('a');
  expect(run.node('b')).toMatchObject({ status: 'skipped', reason: 'stop_when', attempt: 0 });
  expect(run.node('c')).toMatchObject({ status: 'cancelled', reason: 'stop_when', attempt: 1 });
});

test('an error in stopWhen stops the program and fails the node', () => {
  const run = walkOf(aPlan().node('a').node('b', { stop: '{{ a.nothing }}' })).completes('a');
  expect(run.node('b').status).toBe('stopping');
  run.walk(run.outcome('b', cancelled));
  expect(run.node('b')).toMatchObject({ status: 'failed', reason: 'expression_error', attempt: 1 });
  expect(run.node('b').message).toContain('a.nothing');
});

test('cancel skips what has not started, stops what runs, and ends the run cancelled', () => {
  const run = walkOf(
    aPlan()
      .node('a')
      .node('b', { needs: ['a'] }),
  );
  run.walk({ event: 'wanted', wanted: 'cancel' });
  expect(run.status('a', 'b')).toEqual(['stopping', 'skipped']);
  run.walk({ event: 'wanted', wanted: 'run' });
  run.walk(run.outcome('a', cancelled));
  expect(run.node('a')).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
  expect(run.run()).toBe('cancelled');
});

test('while a run is paused nothing starts, what runs goes on, and retries wait', () => {
  const retry = {
    maxAttempts: 2,
    on: ['failed'],
    delay: 10,
    backoff: 'fixed',
    maxDelay: 10,
  } as const;
  const plan = aPlan()
    .node('a')
    .node('b', { needs: ['a'] })
    .node('c', { retry: { ...retry, on: ['failed'] } });
  const run = walkOf(plan).walk({ event: 'wanted', wanted: 'pause' });
  expect(run.run()).toBe('paused');
  run.completes('a').fails('c').after(1_000);
  expect(run.status('b', 'c')).toEqual(['ready', 'retrying']);
  run.reload().walk({ event: 'wanted', wanted: 'run' });
  expect(run.status('b', 'c')).toEqual(['running', 'running']);
  expect(run.run()).toBe('running');
});

test('a paused run whose last node ends is over', () => {
  const run = walkOf(aPlan().node('a')).walk({ event: 'wanted', wanted: 'pause' });
  expect(run.completes('a').run()).toBe('completed');
});

test('the first failure of a fail-fast group ends what is in it', () => {
  const plan = aPlan()
    .group('g', { failFast: true })
    .group('inner', { in: 'g' })
    .node('a', { group: 'g' })
    .node('b', { group: 'g' })
    .node('c', { group: 'inner', needs: ['b'] })
    .node('d');
  const run = walkOf(plan).fails('a');
  expect(run.told()).toContain('group.failed');
  expect(run.status('b', 'c', 'd')).toEqual(['stopping', 'skipped', 'running']);
  expect(run.node('c').reason).toBe('fail_fast');
  run.walk(run.outcome('b', cancelled)).completes('d');
  expect(run.node('b')).toMatchObject({ status: 'cancelled', reason: 'fail_fast' });
  expect(run.run()).toBe('failed');
});

test('a failure is handled when a node that names it completes', () => {
  const plan = () => aPlan().node('a').node('fix', { start: 'event:a.failed' });
  const good = walkOf(plan()).fails('a').completes('fix');
  expect(good.run()).toBe('completed');
  expect(walkOf(plan()).fails('a').fails('fix').run()).toBe('failed');
});

test('a wildcard, an end, or a failure under ! handles nothing', () => {
  const plan = aPlan()
    .node('a')
    .node('notify', { start: 'event:*.failed' })
    .node('clean', { start: 'event:a.ended' })
    .node('odd', { start: '!!event:a.failed' });
  const run = walkOf(plan).fails('a').completes('notify').completes('clean').completes('odd');
  expect(run.run()).toBe('failed');
});

test('a handler of failed does not handle a timeout', () => {
  const plan = aPlan().node('a').node('fix', { start: 'event:a.failed || event:a.ended' });
  const run = walkOf(plan);
  run.walk(run.outcome('a', { result: 'timed_out', message: 'too long' })).completes('fix');
  expect(run.run()).toBe('failed');
});

test('a handler that completed before the failure handles it all the same', () => {
  const plan = aPlan()
    .node('a')
    .node('b')
    .node('fix', { start: 'event:a.failed || event:b.completed' });
  const run = walkOf(plan).completes('b').completes('fix').fails('a');
  expect(run.run()).toBe('completed');
});

test('fail-fast waits for a handler that may still complete, and does not kill it', () => {
  const plan = () =>
    aPlan()
      .pipeline({ failFast: true })
      .node('a')
      .node('b')
      .node('fix', { start: 'event:a.failed' });
  const good = walkOf(plan()).fails('a');
  expect(good.status('b', 'fix')).toEqual(['running', 'running']);
  expect(good.completes('fix').completes('b').run()).toBe('completed');
  const bad = walkOf(plan()).fails('a').fails('fix');
  expect(bad.status('b')).toEqual(['stopping']);
});

test('a failure that says that others go on makes no group fail fast, also after a reload', () => {
  const failed = { result: 'failed', reason: 'exit', message: 'no', goesOn: true } as const;
  const plan = aPlan()
    .pipeline({ failFast: true })
    .node('a')
    .node('b')
    .node('c', { needs: ['a'] });
  const run = walkOf(plan);
  run.walk(run.outcome('a', failed)).reload();
  expect(run.status('b', 'c')).toEqual(['running', 'skipped']);
  expect(run.completes('b').run()).toBe('failed');
});

test('a node waits for its environment, and fails without an attempt when that failed', () => {
  const plan = () =>
    aPlan()
      .prepare('@uv')
      .node('a', { prepares: ['@uv'] })
      .node('never', { prepares: ['@uv'], start: '{{ pipeline.input.no }}' })
      .node('fix', { start: 'event:a.failed' });
  const run = walkOf(plan(), { inputs: { no: false } });
  expect(run.status('@uv', 'a', 'never')).toEqual(['running', 'pending', 'skipped']);
  expect(run.node('a')).toMatchObject({ prepares: 1, start: 'true' });
  run.completes('@uv');
  expect(run.node('a').status).toBe('running');
  const bad = walkOf(plan(), { inputs: { no: false } }).fails('@uv');
  expect(bad.node('a')).toMatchObject({
    status: 'failed',
    attempt: 0,
    reason: 'environment_failed',
    message: '@uv ended failed: exited with 1',
  });
  expect(bad.completes('fix').run()).toBe('completed');
  const long = walkOf(plan(), { inputs: { no: false } });
  const message = 'no such package\nthe end of a long log';
  long.walk(long.outcome('@uv', { result: 'failed', reason: 'environment_failed', message }));
  expect(long.node('a').message).toBe('@uv ended failed: no such package');
});

test('a failed environment that nobody uses does not fail the run; wildcards do not see it', () => {
  const plan = aPlan().prepare('@uv').node('a').node('notify', { start: 'event:*.failed' });
  const run = walkOf(plan).fails('@uv').completes('a');
  expect(run.node('notify').status).toBe('skipped');
  expect(run.run()).toBe('completed');
});

test('what is still being prepared when every node has ended is stopped before the run ends', () => {
  const run = walkOf(aPlan().prepare('@uv').node('a')).completes('a');
  expect(run.node('@uv').status).toBe('stopping');
  expect(run.run()).toBe('running');
  run.walk(run.outcome('@uv', cancelled));
  expect(run.run()).toBe('completed');
});

test('seeded nodes count as completed, with the results of the earlier run', () => {
  const plan = aPlan()
    .node('a')
    .node('b', { start: 'event:a.completed && {{ a.n > 1 }}' })
    .node('c', { needs: ['b'] });
  const beginning = { seeds: [{ node: 'a', run: EARLIER }] };
  const run = walkOf(plan, { beginning });
  // The story's outputs are what the shell would load from the earlier run.
  expect(run.node('a')).toMatchObject({ status: 'completed', attempt: 0, seeded: EARLIER });
  expect(run.node('b').reason).toBe('expression_error');
  expect(run.commands.filter(({ command }) => command === 'start-node')).toEqual([]);
});

test('a seeded node is taken over whatever its condition says', () => {
  const plan = aPlan()
    .node('a')
    .node('b', { start: 'event:a.failed' })
    .node('c', { needs: ['b'] });
  const beginning = { seeds: [{ node: 'b', run: EARLIER }] };
  const run = walkOf(plan, { beginning }).completes('a');
  expect(run.status('a', 'b', 'c')).toEqual(['completed', 'completed', 'running']);
});
