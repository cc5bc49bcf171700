// What a walk decides, told as stories.
import { expect, test } from 'vitest';
import { aPlan, failure, walkOf } from './story.ts';

test('a node starts when what it needs has completed, and the run ends with the last one', () => {
  const run = walkOf(
    aPlan()
      .node('extract')
      .node('load', { needs: ['extract'] }),
  );
  expect(run.started()).toEqual(['extract#1']);
  run.completes('extract');
  expect(run.started()).toEqual(['extract#1', 'load#1']);
  run.completes('load');
  expect(run.told()).toEqual([
    'run.started',
    'extract.started',
    'extract.completed',
    'load.started',
    'load.completed',
    'run.ended completed',
  ]);
  expect(run.commands.at(-1)).toEqual({ command: 'finish-run', status: 'completed' });
});

test('a run without nodes completes at once', () => {
  expect(walkOf(aPlan()).told()).toEqual(['run.started', 'run.ended completed']);
});

test('a node waiting for an event that can no longer come is skipped at once, with the reason', () => {
  const run = walkOf(aPlan().node('extract').node('load', { start: 'event:extract.completed' }));
  run.fails('extract');
  expect(run.told()).toEqual([
    'run.started',
    'extract.started',
    'extract.failed',
    'load.skipped',
    'run.ended failed',
  ]);
  expect(run.node('load')).toMatchObject({
    reason: 'condition_never',
    message: '"extract" ended failed',
  });
  expect(run.facts.at(-1)).toMatchObject({
    reason: 'node_failed',
    message: '"extract" failed: exited with 1',
  });
});

test.each([
  ['{{ len(a.l) == 2 && a.n == 1 }}', '{{ len(a.l) == 2 && a.n == 1 }} is false'],
  ['{{ !(a.n == 0) }}', '{{ !(a.n == 0) }} is false'],
  ['!{{ a.n == 0 || a.n == 1 }}', '{{ a.n == 0 || a.n == 1 }} is true'],
  ['{{ a.n == 0 }} && !{{ a.n < 1 }}', '{{ a.n < 1 }} is true'],
])(
  'of a condition that became impossible the part is told that made it so: %s',
  (start, message) => {
    const run = walkOf(
      aPlan()
        .node('a')
        .node('b', { start: `event:a.completed && ${start}` }),
    );
    run.completes('a', { n: 0, l: [1, 2] });
    expect(run.node('b')).toMatchObject({ reason: 'condition_never', message });
  },
);

test('a node without an executor completes when it starts', () => {
  const run = walkOf(
    aPlan()
      .node('a')
      .node('all', { needs: ['a'], join: true }),
  ).completes('a');
  expect(run.told().slice(-3)).toEqual(['all.started', 'all.completed', 'run.ended completed']);
  expect(run.started()).toEqual(['a#1']);
});

test('an outcome of another attempt, or of what has ended, changes nothing', () => {
  const run = walkOf(
    aPlan()
      .node('a')
      .node('b', { needs: ['a'] }),
  );
  const before = run.state;
  run.walk(run.outcome('a', { result: 'completed', outputs: {} }, 2));
  run.walk(run.outcome('b', { result: 'completed', outputs: {} }, 1));
  expect(run.facts.length).toBe(3);
  expect(run.state.head).toEqual(before.head);
  run.completes('a').walk(run.outcome('a', failure(), 1));
  expect(run.status('a', 'b')).toEqual(['completed', 'running']);
});

test('outcomes of one batch are taken in plan order', () => {
  const run = walkOf(aPlan().node('a').node('b').node('c'));
  run.walk(run.outcome('c', failure()), run.outcome('a', failure()), run.outcome('b', failure()));
  expect(run.told().slice(4, 7)).toEqual(['a.failed', 'b.failed', 'c.failed']);
});

test('a term is decided by the outputs of the node it names', () => {
  const plan = aPlan()
    .node('clean')
    .node('publish', { start: 'event:clean.completed && {{ clean.quality >= 0.9 }}' })
    .node('report', { start: 'event:clean.completed && {{ clean.quality < 0.9 }}' });
  const run = walkOf(plan).completes('clean', { quality: 0.5 });
  expect(run.status('publish', 'report')).toEqual(['skipped', 'running']);
  const ended = run.facts.find((fact) => fact.fact === 'ended' && fact.node === 'clean');
  expect(ended).toMatchObject({
    verdicts: [
      { node: 'publish', term: 0, truth: 'never' },
      { node: 'report', term: 0, truth: 'true' },
    ],
  });
});

test('a term over two nodes is decided when the second ends, with the outputs of both', () => {
  const plan = aPlan().node('a').node('b').node('c', { start: '{{ a.n + b.n == 3 }}' });
  const run = walkOf(plan).completes('a', { n: 1 });
  expect(run.node('c').status).toBe('pending');
  expect(run.completes('b', { n: 2 }).node('c').status).toBe('running');
});

test('outputs that are not at hand are asked for, and until then nothing is decided', () => {
  const plan = aPlan().node('a').node('b').node('c', { start: '{{ a.n + b.n == 3 }}' });
  const run = walkOf(plan).completes('a', { n: 1 });
  run.unloaded.add('a');
  const before = run.state;
  const outcome = run.outcome('b', { result: 'completed', outputs: { n: 2 } });
  const result = run.step([outcome]);
  expect(result).toMatchObject({ missing: [{ node: 'a' }], facts: [], commands: [], changed: [] });
  expect(result.state).toBe(before);
  run.unloaded.clear();
  expect(run.walk(outcome).node('c').status).toBe('running');
});

test('a variable that is missing although its node completed fails the node, and says which term', () => {
  const plan = aPlan().node('a').node('b', { start: 'event:a.completed && {{ a.rows > 0 }}' });
  const run = walkOf(plan).completes('a', { row: 1 });
  expect(run.node('b')).toMatchObject({ status: 'failed', attempt: 0, reason: 'expression_error' });
  expect(run.node('b').message).toContain('a.rows');
  expect(run.told()).not.toContain('b.started');
});

test('never wins over an error, and true over an error on the other side of ||', () => {
  const plan = aPlan()
    .node('a')
    .node('x', { start: 'event:a.failed && {{ a.missing }}' })
    .node('y', { start: 'event:a.completed || {{ a.missing }}' });
  expect(walkOf(plan).completes('a').status('x', 'y')).toEqual(['skipped', 'running']);
});

test('a condition over inputs alone is decided when the run starts', () => {
  const plan = aPlan()
    .node('a', { start: '{{ pipeline.input.full }}' })
    .node('b', { start: '!{{ pipeline.input.full }}' });
  const run = walkOf(plan, { inputs: { full: true } });
  expect(run.status('a', 'b')).toEqual(['running', 'skipped']);
});

test('started and retrying are events before the end, and never after it without them', () => {
  const plan = aPlan()
    .node('a', {
      retry: { maxAttempts: 2, on: ['failed'], delay: 10, backoff: 'fixed', maxDelay: 10 },
    })
    .node('s', { start: 'event:a.started' })
    .node('r', { start: 'event:a.retrying' })
    .node('b')
    .node('q', { start: 'event:b.retrying' });
  const run = walkOf(plan);
  expect(run.status('s', 'r', 'q')).toEqual(['running', 'pending', 'pending']);
  run.fails('a');
  expect(run.status('a', 'r')).toEqual(['retrying', 'running']);
  run.completes('b');
  expect(run.node('q').status).toBe('skipped');
});

test('notify on any failure and publish on none work beside each other', () => {
  const plan = () =>
    aPlan()
      .node('a')
      .node('b')
      .node('notify', { start: 'event:*.failed' })
      .node('publish', { start: '!event:*.failed' });
  const good = walkOf(plan()).completes('a').completes('b');
  // Publishing may still fail, and then somebody wants to know.
  expect(good.status('notify', 'publish')).toEqual(['pending', 'running']);
  expect(good.completes('publish').node('notify')).toMatchObject({
    status: 'skipped',
    message: 'event:*.failed can no longer happen',
  });
  const bad = walkOf(plan()).fails('a');
  expect(bad.status('notify', 'publish')).toEqual(['running', 'skipped']);
  expect(bad.node('publish').message).toBe('event:*.failed has happened');
});

test('a wildcard matches neither the node itself nor what waits for it', () => {
  const plan = aPlan()
    .node('a')
    .node('watch', { start: 'event:*.ended' })
    .node('after', { needs: ['watch'] });
  const run = walkOf(plan).completes('a').completes('watch').completes('after');
  expect(run.run()).toBe('completed');
});

test('skipWhen is asked when the node would start', () => {
  const plan = aPlan()
    .node('a')
    .node('b', { needs: ['a'], skip: '{{ a.rows == 0 }}' })
    .node('c', { needs: ['a'], skip: 'event:a.failed' });
  const run = walkOf(plan).completes('a', { rows: 0 });
  expect(run.node('b')).toMatchObject({ status: 'skipped', reason: 'skip_when', attempt: 0 });
  expect(run.node('c').status).toBe('running');
});

test('a template that cannot be evaluated fails the node before an attempt', () => {
  const plan = aPlan()
    .node('a')
    .node('b', { needs: ['a'], env: { N: '{{ a.rows + 1 }}' } })
    .node('c', { needs: ['a'], inputs: { path: '{{ a.path }}' }, env: { P: 'x {{ path }}' } })
    .node('d', { needs: ['a'], env: { KEY: '{{ secret.TOKEN }}' } });
  const run = walkOf(plan).completes('a', { rows: 'many', path: 'p' });
  expect(run.node('b')).toMatchObject({ status: 'failed', reason: 'expression_error', attempt: 0 });
  expect(run.node('b').message).toContain('env.N');
  expect(run.status('c', 'd')).toEqual(['running', 'running']);
});

test('an external event counts once by its key, and is true from then on', () => {
  const plan = aPlan().node('a', { start: 'event:external.go' }).node('b', { join: true });
  const run = walkOf(plan);
  expect(run.node('a').status).toBe('pending');
  run.walk({ event: 'external', name: 'external.other', key: 'k1' });
  expect(run.node('a').status).toBe('pending');
  run.walk({ event: 'external', name: 'external.go', key: 'k1' });
  expect(run.node('a').status).toBe('pending');
  run.walk({ event: 'external', name: 'external.go', key: 'k2' });
  expect(run.node('a').status).toBe('running');
});

test('what an external event carried decides terms; its first occurrence counts', () => {
  const plan = aPlan().node('a', {
    start: "event:external.go && {{ payload('external.go').size > 3 }}",
  });
  const run = walkOf(plan);
  run.walk({ event: 'external', name: 'external.go', payload: { size: 5 } });
  expect(run.node('a').status).toBe('running');
  run.walk({ event: 'external', name: 'external.go', payload: { size: 1 } });
  expect(run.state.head.externals).toEqual({ 'external.go': { size: 5 } });
});

test('a pattern that is asked for both ways stands for different nodes', () => {
  const plan = aPlan()
    .node('a0', { start: 'event:*0.ended' })
    .node('b', { start: 'event:*3.skipped' })
    .node('c', { start: 'event:*.timed_out || {{ d0.n < 3 }}' })
    .node('e3', { start: 'event:c.completed' })
    .node('d0', { start: '!event:*.timed_out' });
  const run = walkOf(plan);
  expect(run.status('a0', 'b', 'd0')).toEqual(['pending', 'skipped', 'running']);
  run.completes('d0', { n: 1 }).completes('a0').completes('c').completes('e3');
  expect(run.run()).toBe('completed');
});
