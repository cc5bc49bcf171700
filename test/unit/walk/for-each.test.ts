// forEach nodes: a list gives instances, which live one by one and end the node together.
import { expect, test } from 'vitest';
import { aPlan, failure, type Story, walkOf } from './story.ts';

const cancelled = { result: 'cancelled' } as const;
const done = { result: 'completed', outputs: {} } as const;

const all = (run: Story, id: string): readonly string[] => {
  const node = run.node(id);
  return Array.from({ length: node.count ?? 0 }, (_, index) => node.instance(index).status);
};

test('instances start in a range, and the node completes when all have', () => {
  const run = walkOf(
    aPlan()
      .node('a', { forEach: ['x', 'y', 'z'] })
      .node('b', { needs: ['a'] }),
  );
  expect(run.started()).toEqual(['a[0..2]#1']);
  run.completes('a[1]').completes('a[0]');
  expect(run.node('a')).toMatchObject({ status: 'running', counts: { completed: 2, running: 1 } });
  run.completes('a[2]');
  expect(run.status('a', 'b')).toEqual(['completed', 'running']);
  expect(run.told().slice(0, 4)).toEqual([
    'run.started',
    'a.expanded',
    'a.started',
    'a[0..2].started',
  ]);
});

test('an empty list completes the node at once', () => {
  const run = walkOf(aPlan().node('a', { forEach: [] }));
  expect(run.told()).toEqual([
    'run.started',
    'a.expanded',
    'a.started',
    'a.completed',
    'run.ended completed',
  ]);
});

test.each([['{{ a.text }}'], ['{{ a.object }}'], ['{{ a.nothing }}'], ['{{ a.number }}']])(
  'forEach over %s is an expression error: no attempt, no started',
  (forEach) => {
    const run = walkOf(
      aPlan()
        .node('a')
        .node('b', { needs: ['a'], forEach }),
    );
    run.completes('a', { text: 'abc', object: { x: 1 }, number: 3 });
    expect(run.node('b')).toMatchObject({
      status: 'failed',
      reason: 'expression_error',
      attempt: 0,
    });
    expect(run.told()).not.toContain('b.started');
  },
);

test('a list from an output gives instances; more than the limit are refused', () => {
  const plan = () =>
    aPlan()
      .node('a')
      .node('b', { needs: ['a'], forEach: '{{ a.regions }}' });
  const run = walkOf(plan()).completes('a', { regions: ['n', 's'] });
  expect(run.started().at(-1)).toBe('b[0..1]#1');
  const many = walkOf(plan());
  many.completes('a', { regions: Array.from({ length: 50_001 }, (_, index) => index) });
  expect(many.node('b').message).toContain('50001');
});

test('no more instances run at once than the node and its group allow', () => {
  const plan = aPlan()
    .pipeline({ maxParallel: 3 })
    .node('other')
    .node('a', { forEach: [1, 2, 3, 4, 5], maxParallel: 4 });
  const run = walkOf(plan);
  expect(run.started()).toEqual(['other#1', 'a[0..1]#1']);
  run.completes('other').completes('a[0]');
  expect(run.started().slice(2)).toEqual(['a[2..2]#1', 'a[3..3]#1']);
});

test('instances are tried again one by one', () => {
  const retry = {
    maxAttempts: 2,
    on: ['failed'],
    delay: 5,
    backoff: 'fixed',
    maxDelay: 5,
  } as const;
  const plan = aPlan().node('a', { forEach: [1, 2], retry: { ...retry, on: ['failed'] } });
  const run = walkOf(plan).fails('a[1]');
  expect(run.node('a').instance(1)).toMatchObject({ status: 'retrying', attempt: 1 });
  expect(run.reload().after(5).started().at(-1)).toBe('a[1..1]#2');
  run.completes('a[0]').completes('a[1]');
  expect(run.node('a')).toMatchObject({ status: 'completed', attempt: 2 });
});

test('the node fails when one instance does, after the others have ended, and names the first', () => {
  const run = walkOf(aPlan().node('a', { forEach: [1, 2, 3] }))
    .fails('a[2]')
    .fails('a[1]', 4);
  expect(run.node('a').status).toBe('running');
  run.completes('a[0]');
  expect(run.node('a')).toMatchObject({ status: 'failed', reason: 'instance_failed' });
  expect(run.node('a').message).toBe('a[1] failed: exited with 4 (and 1 more)');
});

test('in a fail-fast group the rest is stopped and skipped when one instance fails', () => {
  const plan = aPlan()
    .pipeline({ failFast: true })
    .node('a', { forEach: [1, 2, 3, 4], maxParallel: 2 });
  const run = walkOf(plan).fails('a[0]');
  expect(all(run, 'a')).toEqual(['failed', 'stopping', 'skipped', 'skipped']);
  run.reload().walk(run.outcome('a[1]', cancelled));
  expect(run.node('a')).toMatchObject({ status: 'failed', reason: 'instance_failed' });
  expect(run.node('a').instance(1)).toMatchObject({ status: 'cancelled', reason: 'fail_fast' });
});

test('stopping a forEach node stops its instances; what completes meanwhile has completed', () => {
  const run = walkOf(aPlan().node('a', { forEach: [1, 2], stop: 'event:external.stop' }));
  run.walk({ event: 'external', name: 'external.stop' });
  expect(run.commands.at(-2)).toMatchObject({
    command: 'stop-node',
    instances: [0, 1],
    attempt: 1,
  });
  run.completes('a[0]').walk(run.outcome('a[1]', cancelled));
  expect(run.node('a')).toMatchObject({ status: 'cancelled', reason: 'stop_when' });
  const wins = walkOf(aPlan().node('a', { forEach: [1], stop: 'event:external.stop' }));
  wins.walk({ event: 'external', name: 'external.stop' }).completes('a[0]');
  expect(wins.node('a').status).toBe('completed');
});

test('an instance whose template cannot be evaluated fails alone', () => {
  const plan = aPlan().node('a', { forEach: [1, 'two', 3], env: { N: '{{ item + 1 }}' } });
  const run = walkOf(plan);
  expect(run.started()).toEqual(['a[0..0]#1', 'a[2..2]#1']);
  expect(run.node('a').instance(1)).toMatchObject({ status: 'failed', reason: 'expression_error' });
  run.completes('a[0]').completes('a[2]');
  expect(run.node('a')).toMatchObject({ status: 'failed', reason: 'instance_failed' });
});

test('an outcome of the node itself, or beyond its instances, changes nothing', () => {
  const run = walkOf(aPlan().node('a', { forEach: [1] }));
  const facts = run.facts.length;
  run.walk({ event: 'outcome', node: 'a', attempt: 1, result: done });
  run.walk({ event: 'outcome', node: 'a', instance: 7, attempt: 1, result: done });
  run.walk({ event: 'outcome', node: 'a', instance: 0, attempt: 2, result: failure() });
  expect(run.facts.length).toBe(facts);
});
