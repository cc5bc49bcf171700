// Places, retries, time.
import { expect, test } from 'vitest';
import { storedItem } from '#aws/table-items.ts';
import { digestOf } from '#core/compile/canonical.ts';
import { fraction, isRetried, retryDelay } from '#core/walk/retry.ts';
import { limits } from '#schemas/limits.ts';
import type { PlanNode, Retry } from '#schemas/plan.ts';
import { aPlan, failure, stored, walkOf } from './story.ts';

const twice: Retry = {
  maxAttempts: 2,
  on: ['failed', 'timed_out', 'interrupted'],
  delay: 1_000,
  backoff: 'fixed',
  maxDelay: 60_000,
};

test('no more nodes of a group run at once than it allows, and they start in plan order', () => {
  const run = walkOf(aPlan().pipeline({ maxParallel: 2 }).node('a').node('b').node('c').node('d'));
  expect(run.status('a', 'b', 'c', 'd')).toEqual(['running', 'running', 'ready', 'ready']);
  run.completes('b');
  expect(run.started()).toEqual(['a#1', 'b#1', 'c#1']);
});

test('a full group is passed over, and the groups round it count too', () => {
  const plan = aPlan()
    .pipeline({ maxParallel: 2 })
    .group('one', { maxParallel: 1 })
    .node('a', { group: 'one' })
    .node('b', { group: 'one' })
    .node('c')
    .node('d');
  const run = walkOf(plan);
  expect(run.started()).toEqual(['a#1', 'c#1']);
  run.completes('c');
  expect(run.started()).toEqual(['a#1', 'c#1', 'd#1']);
  run.completes('a');
  expect(run.started()).toEqual(['a#1', 'c#1', 'd#1', 'b#1']);
});

test('a failed attempt is followed by another after its delay, through the limits again', () => {
  const run = walkOf(aPlan().node('a', { retry: twice }));
  run.fails('a');
  expect(run.node('a')).toMatchObject({ status: 'retrying', attempt: 1, next: run.now + 1_000 });
  expect(run.commands.at(-1)).toEqual({ command: 'wake-at', at: run.now + 1_000 });
  expect(run.after(999).started()).toEqual(['a#1']);
  expect(run.after(1).started()).toEqual(['a#1', 'a#2']);
  run.fails('a', 3);
  expect(run.node('a')).toMatchObject({
    status: 'failed',
    attempt: 2,
    reason: 'exit',
    exitCode: 3,
  });
});

test('a retry whose time has come waits for a place', () => {
  const plan = aPlan().pipeline({ maxParallel: 1 }).node('a', { retry: twice }).node('b');
  const run = walkOf(plan).fails('a');
  expect(run.started()).toEqual(['a#1', 'b#1']);
  run.after(1_000);
  expect(run.node('a')).toMatchObject({ status: 'ready', attempt: 1 });
  run.completes('b');
  expect(run.started()).toEqual(['a#1', 'b#1', 'a#2']);
});

test('an interrupted attempt is made good at once, a bounded number of times, also without retry', () => {
  const run = walkOf(aPlan().node('a'));
  for (let time = 0; time <= limits.interruptions; time++) {
    expect(run.node('a')).toMatchObject({ status: 'running', attempt: time + 1 });
    run.walk(run.outcome('a', { result: 'interrupted', message: 'engine gone' }));
  }
  expect(run.node('a')).toMatchObject({ status: 'failed', reason: 'interrupted' });
});

test('interrupted attempts do not use up the attempts of retry, and retry.on can turn them off', () => {
  const run = walkOf(aPlan().node('a', { retry: twice }));
  run.walk(run.outcome('a', { result: 'interrupted', message: 'gone' })).after(1_000);
  run.fails('a').after(1_000);
  expect(run.node('a')).toMatchObject({ status: 'running', attempt: 3 });
  const off = walkOf(aPlan().node('a', { retry: { ...twice, on: ['failed'] } }));
  off.walk(off.outcome('a', { result: 'interrupted', message: 'gone' }));
  expect(off.node('a')).toMatchObject({ status: 'failed', reason: 'interrupted' });
});

const node = (retry: Retry): PlanNode => ({
  id: 'a',
  group: 0,
  executor: { kind: 'join' },
  retry,
});

test.each([
  [['failed'], failure(7), true],
  [['exit:7'], failure(7), true],
  [['exit:1-6'], failure(7), false],
  [['exit:1-7'], failure(7), true],
  [['timed_out'], failure(7), false],
  [['timed_out'], { result: 'timed_out', message: '' }, true],
  [['failed'], { result: 'failed', reason: 'out_of_memory', message: '' }, false],
  [['out_of_memory'], { result: 'failed', reason: 'out_of_memory', message: '' }, true],
  [['failed'], { result: 'failed', reason: 'malformed_outputs', message: '' }, true],
  [['failed'], { result: 'failed', reason: 'expression_error', message: '' }, false],
] as const)('retry on %j after %j: %s', (on, result, expected) => {
  const retry = { ...twice, on: [...on] };
  if (result.result === 'completed' || result.result === 'cancelled') return;
  expect(isRetried(node(retry), result, { attempt: 1, interruptions: 0 })).toBe(expected);
});

test('delays grow up to their bound, and their jitter is the same for the same attempt', () => {
  const grows: Retry = { ...twice, backoff: 'exponential', delay: 1_000, maxDelay: 3_000 };
  const failed = { result: 'timed_out', message: '' } as const;
  for (let attempt = 1; attempt <= 100; attempt++) {
    const delay = retryDelay(node(grows), failed, attempt, `r/a/${attempt}/retry`);
    expect(delay).toBe(retryDelay(node(grows), failed, attempt, `r/a/${attempt}/retry`));
    expect(delay).toBeLessThanOrEqual(Math.min(3_000, 1_000 * 2 ** (attempt - 1)));
  }
  const spread = Array.from({ length: 1_000 }, (_, at) => fraction(`r/a/${at}/retry`));
  expect(spread.reduce((sum, one) => sum + one, 0) / 1_000).toBeCloseTo(0.5, 1);
  expect(new Set(spread).size).toBeGreaterThan(990);
});

test('a program whose runner is silent beyond its timeout is told to stop, then given up', () => {
  const run = walkOf(aPlan().node('a', { timeout: 5_000, grace: 100 }));
  expect(run.node('a').deadline).toBe(run.now + 5_000 + limits.backstop);
  run.after(5_000 + limits.backstop);
  expect(run.node('a')).toMatchObject({ status: 'stopping', reason: 'timeout' });
  expect(run.commands).toContainEqual({
    command: 'stop-node',
    node: 'a',
    attempt: 1,
    reason: 'timeout',
    grace: 100,
  });
  run.after(100 + limits.backstop);
  expect(run.node('a')).toMatchObject({ status: 'timed_out', reason: 'timeout', attempt: 1 });
  expect(run.run()).toBe('failed');
});

test('completed wins over a stop', () => {
  const run = walkOf(aPlan().node('a')).walk({ event: 'wanted', wanted: 'cancel' });
  expect(run.node('a').status).toBe('stopping');
  run.completes('a');
  expect(run.node('a').status).toBe('completed');
  expect(run.run()).toBe('completed');
});

test('a run over its time stops what runs, skips what has not started, and is timed out', () => {
  const plan = aPlan()
    .node('a')
    .node('b', { needs: ['a'] });
  const run = walkOf(plan, { beginning: { timeout: 60_000 } });
  expect(run.commands).toContainEqual({ command: 'wake-at', at: run.now + 60_000 });
  run.after(60_000);
  expect(run.node('a')).toMatchObject({ status: 'stopping', reason: 'run_timeout' });
  expect(run.node('b')).toMatchObject({ status: 'skipped', reason: 'run_timeout' });
  run.walk(run.outcome('a', { result: 'cancelled' }));
  expect(run.node('a').status).toBe('cancelled');
  expect(run.told().at(-1)).toBe('run.ended timed_out');
});

test('time never runs backwards within a run', () => {
  const run = walkOf(
    aPlan()
      .node('a')
      .node('b', { needs: ['a'] }),
  );
  run.now -= 5_000;
  run.completes('a');
  const times = run.facts.map((fact) => fact.at);
  expect(times).toEqual(times.toSorted((one, other) => one - other));
});

test('a group over its time stops what runs in it, and nothing else', () => {
  const plan = aPlan()
    .group('stage', { timeout: 1_000 })
    .node('a', { group: 'stage' })
    .node('b', { group: 'stage', needs: ['a'] })
    .node('c');
  const run = walkOf(plan).reload().after(1_000);
  expect(run.status('a', 'b', 'c')).toEqual(['stopping', 'skipped', 'running']);
  run.reload().walk(run.outcome('a', { result: 'cancelled' }));
  expect(run.node('a')).toMatchObject({ status: 'timed_out', reason: 'timeout' });
});

test('all external events that a run may be told of fit into its head, whatever keys they have', () => {
  const run = walkOf(aPlan().node('a', { start: 'event:external.go' }));
  const keys = Array.from({ length: limits.externalEvents }, (_, n) => {
    const text = digestOf(n);
    return (text + text).slice(0, limits.idLength);
  });
  run.walk(...keys.map((key) => ({ event: 'external', name: 'external.some', key }) as const));
  const { bytes } = storedItem({ pk: 'p', sk: 'HEAD', v: 1, head: stored(run.state).head });
  expect(bytes).toBeLessThan(limits.itemBytes / 2);
  expect(run.told().filter((name) => name === 'external')).toHaveLength(keys.length);
});

test('a long key is known again, and so is one that an earlier version remembered', () => {
  const run = walkOf(aPlan().node('a', { start: 'event:external.go' }));
  const event = { event: 'external', name: 'external.some', key: 'k'.repeat(100) } as const;
  const { head } = run.state;
  run.state = { ...run.state, head: { ...head, keys: ['o'.repeat(100)] } };
  run.walk(event, event, { ...event, key: 'o'.repeat(100) });
  expect(run.told().filter((name) => name === 'external')).toHaveLength(1);
});
