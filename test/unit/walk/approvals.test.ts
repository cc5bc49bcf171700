// Approvals: nodes that wait for a person.
import { expect, test } from 'vitest';
import type { Executor } from '#schemas/plan.ts';
import type { AttemptResult } from '#schemas/run.ts';
import { aPlan, type Told, walkOf } from './story.ts';

type Approval = Extract<Executor, { kind: 'approval' }>;

const approval = (more: Partial<Approval> = {}): { executor: Executor } => ({
  executor: { kind: 'approval', onDeadline: 'reject', ...more },
});

const yes: AttemptResult = { result: 'completed', outputs: { by: 'ana', comment: null } };
const no: AttemptResult = { result: 'failed', reason: 'rejected', message: 'ana rejected it' };

const gate = (more: Partial<Approval> = {}, told: Told = {}) =>
  walkOf(
    aPlan()
      .node('review', approval(more))
      .node('publish', { start: 'event:review.approved' })
      .node('tell', { start: 'event:review.rejected' }),
    told,
  );

test('an approval starts without a command to anybody, and is started until somebody decides', () => {
  const run = gate();
  expect(run.started()).toEqual([]);
  expect(run.node('review')).toMatchObject({ status: 'running', attempt: 1 });
  expect(run.run()).toBe('running');
});

test('approved is raised with completed, and what waits for rejected is skipped', () => {
  const run = gate();
  run.walk(run.outcome('review', yes));
  expect(run.started()).toEqual(['publish#1']);
  expect(run.status('review', 'tell')).toEqual(['completed', 'skipped']);
});

test('rejected ends it failed, is handled by whoever names it, and is never tried again', () => {
  const run = gate();
  run.walk(run.outcome('review', no));
  expect(run.node('review')).toMatchObject({ status: 'failed', reason: 'rejected' });
  expect(run.status('publish', 'tell')).toEqual(['skipped', 'running']);
  run.completes('tell');
  expect(run.run()).toBe('completed');
});

test('only an approval raises approved: a wildcard passes others over', () => {
  const run = walkOf(
    aPlan().node('work').node('review', approval()).node('after', { start: 'event:*.approved' }),
  ).completes('work');
  expect(run.status('after')).toEqual(['pending']);
  run.walk(run.outcome('review', yes));
  expect(run.status('after')).toEqual(['running']);
});

test('skipWhen may ask whether it was approved', () => {
  const run = walkOf(
    aPlan()
      .node('review', approval())
      .node('after', { needs: ['review'], skip: 'event:review.approved' }),
  );
  run.walk(run.outcome('review', yes));
  expect(run.node('after')).toMatchObject({ status: 'skipped', reason: 'skip_when' });
});

test('at its deadline nobody has decided: rejected, and the message says so', () => {
  const run = gate({ deadline: 5_000 });
  expect(run.node('review').deadline).toBe(1_005_000);
  expect(run.commands).toContainEqual({ command: 'wake-at', at: 1_005_000 });
  run.after(4_999);
  expect(run.status('review')).toEqual(['running']);
  run.after(1);
  expect(run.node('review')).toMatchObject({
    status: 'failed',
    reason: 'rejected',
    message: 'nobody decided before 1970-01-01T00:16:45.000Z',
  });
  expect(run.status('publish', 'tell')).toEqual(['skipped', 'running']);
});

test('onDeadline: approve completes it, by nobody, for those that ask who it was', () => {
  const run = walkOf(
    aPlan()
      .node('review', approval({ deadline: 5_000, onDeadline: 'approve' }))
      .node('publish', { start: 'event:review.approved && {{ review.by == null }}' }),
  );
  run.after(5_000);
  expect(run.status('review', 'publish')).toEqual(['completed', 'running']);
});

test('a decision that arrives with its deadline counts', () => {
  const run = gate({ deadline: 5_000 });
  run.now += 6_000;
  run.walk(run.outcome('review', yes));
  expect(run.status('review')).toEqual(['completed']);
});

test('while the run is paused a decision may be made, and the deadline goes on', () => {
  const run = gate({ deadline: 5_000 });
  run.walk({ event: 'wanted', wanted: 'pause' });
  run.walk(run.outcome('review', yes));
  expect(run.status('review', 'publish')).toEqual(['completed', 'ready']);

  const late = gate({ deadline: 5_000 });
  late.walk({ event: 'wanted', wanted: 'pause' }).after(5_000);
  expect(late.status('review', 'tell')).toEqual(['failed', 'ready']);
});

test('cancel ends a waiting approval at once: there is nothing to wait for', () => {
  const run = gate();
  run.walk({ event: 'wanted', wanted: 'cancel' });
  expect(run.node('review')).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
  expect(run.run()).toBe('cancelled');
});

test('fail-fast and stopWhen end it at once, too', () => {
  const fast = walkOf(
    aPlan().pipeline({ failFast: true }).node('work').node('review', approval()),
  ).fails('work');
  expect(fast.node('review')).toMatchObject({ status: 'cancelled', reason: 'fail_fast' });

  const stopped = walkOf(
    aPlan()
      .node('review', { ...approval(), stop: 'event:external.abort' })
      .node('work'),
  );
  stopped.walk({ event: 'external', name: 'external.abort' });
  expect(stopped.node('review')).toMatchObject({ status: 'cancelled', reason: 'stop_when' });
});

test('the time of a group ends it timed out', () => {
  const run = walkOf(
    aPlan()
      .group('g', { timeout: 1_000 })
      .node('review', { ...approval(), group: 'g' }),
  );
  run.after(1_000);
  expect(run.node('review')).toMatchObject({ status: 'timed_out', reason: 'timeout' });
});

test('each instance of a forEach is decided by itself; one that is rejected rejects the node', () => {
  const run = walkOf(
    aPlan()
      .node('review', { ...approval(), forEach: ['a', 'b'] })
      .node('tell', { start: 'event:review.rejected' }),
  );
  run.walk(run.outcome('review[1]', no));
  expect(run.status('review')).toEqual(['running']);
  run.walk(run.outcome('review[0]', yes));
  expect(run.node('review')).toMatchObject({
    status: 'failed',
    reason: 'rejected',
    message: 'review[1] failed: ana rejected it',
  });
  expect(run.status('tell')).toEqual(['running']);
});

test('instances have the deadline each, and end at once when the run is cancelled', () => {
  const each = { ...approval({ deadline: 100, onDeadline: 'approve' }), forEach: ['a', 'b'] };
  const late = walkOf(aPlan().node('review', each)).after(100);
  expect(late.node('review').status).toBe('completed');

  const run = walkOf(aPlan().node('review', { ...each, maxParallel: 1 }));
  run.walk({ event: 'wanted', wanted: 'cancel' });
  expect(run.node('review')).toMatchObject({ status: 'cancelled' });
  expect(run.run()).toBe('cancelled');
});

test('a message that cannot be evaluated fails the node before anybody is asked', () => {
  const run = walkOf(
    aPlan()
      .node('a')
      .node('review', { ...approval({ message: 'rows: {{ a.rows }}' }), needs: ['a'] }),
  ).completes('a', {});
  expect(run.node('review')).toMatchObject({
    status: 'failed',
    reason: 'expression_error',
    attempt: 0,
  });
  expect(run.node('review').message).toContain('message: ');
});
