// Plans of 100,000 nodes: nothing recurses, nothing is unbounded, nothing grows with nodes that are not touched.
import { expect, test, vi } from 'vitest';
import { limits } from '#schemas/limits.ts';
import type { WalkEvent } from '#schemas/run.ts';
import { aPlan, failure, type PlanBuilder, Story } from './story.ts';

const NODES = 100_000;

// No claim about speed: a machine that does other things beside may take its time.
vi.setConfig({ testTimeout: 60_000 });

function large(plan: PlanBuilder, bounds?: { starts: number; changes: number }): Story {
  const story = new Story(plan.build(), bounds ? { bounds } : {});
  story.checked = false;
  return story.walk();
}

/** Completes whatever is started, forty at a time, until the run ends. */
function completeAll(run: Story): Story {
  let taken = 0;
  const waiting: WalkEvent[] = [];
  for (;;) {
    for (; taken < run.commands.length; taken++) {
      const command = run.commands[taken];
      if (command?.command !== 'start-node') continue;
      const { node, attempt } = command;
      waiting.push({
        event: 'outcome',
        node,
        attempt,
        result: { result: 'completed', outputs: {} },
      });
    }
    if (waiting.length === 0) return run;
    run.walk(...waiting.splice(0, limits.advanceOutcomes));
  }
}

test('a chain of 100,000 runs to its end', () => {
  const plan = aPlan().node('n0');
  for (let index = 1; index < NODES; index++) plan.nodeAt(`n${index}`, [index - 1]);
  const run = completeAll(large(plan));
  expect(run.run()).toBe('completed');
  expect(run.started().length).toBe(NODES);
});

test('a join of 100,000 is one counter', () => {
  const plan = aPlan();
  for (let index = 0; index < NODES; index++) plan.nodeAt(`n${index}`);
  plan.nodeAt(
    'all',
    Array.from({ length: NODES }, (_, index) => index),
  );
  const run = completeAll(large(plan));
  expect(run.run()).toBe('completed');
  expect(run.started().at(-1)).toBe('all#1');
});

test('a failure is passed on to a chain of 100,000 within the bounds of each walk', () => {
  const plan = aPlan().node('n0');
  for (let index = 1; index < NODES; index++) plan.nodeAt(`n${index}`, [index - 1]);
  const run = large(plan, { starts: 500, changes: 2_000 });
  const before = run.walks;
  run.step([run.outcome('n0', failure())]);
  expect(run.last?.more).toBe(true);
  expect(run.last?.facts.length).toBeLessThan(3_000);
  // What is left survives in what is stored.
  run.reload().walk();
  expect(run.run()).toBe('failed');
  expect(run.node(`n${NODES - 1}`)).toMatchObject({ status: 'skipped', attempt: 0 });
  expect(run.walks - before).toBeGreaterThan(20);
});

test('100,000 that wait for one are told in bounded portions', () => {
  const plan = aPlan().node('n0');
  for (let index = 1; index < NODES; index++) plan.nodeAt(`n${index}`, [0]);
  const run = large(plan);
  run.step([run.outcome('n0', { result: 'completed', outputs: {} })]);
  expect(run.last?.more).toBe(true);
  expect(run.last?.changed.length).toBeLessThan(60);
  run.reload().walk();
  const ready = run.facts.filter((fact) => fact.fact === 'ready').length;
  expect(ready).toBeLessThan(1_000);
  expect(run.node(`n${NODES - 1}`).status).toBe('running');
  expect(completeAll(run).run()).toBe('completed');
});

test('equal wildcards over 1,000 nodes share a hub', () => {
  const plan = aPlan();
  for (let index = 0; index < 1_000; index++) plan.nodeAt(`n${index}`);
  for (let index = 0; index < 1_000; index++) plan.node(`w${index}`, { start: 'event:n*.failed' });
  const run = large(plan);
  expect(run.graph.hubs.length).toBe(1);
  run.walk(run.outcome('n7', failure()));
  expect(run.node('w999').status).toBe('running');
});

test('a cancelled run of 100,000 skips them within the bounds', () => {
  const plan = aPlan().pipeline({ maxParallel: 10 });
  for (let index = 0; index < NODES; index++) plan.nodeAt(`n${index}`);
  const run = large(plan);
  expect(run.started().length).toBe(10);
  run.walk({ event: 'wanted', wanted: 'cancel' });
  expect(run.node('n99999')).toMatchObject({ status: 'skipped', reason: 'cancelled' });
  for (let index = 0; index < 10; index++) {
    run.walk(run.outcome(`n${index}`, { result: 'cancelled' }));
  }
  expect(run.run()).toBe('cancelled');
});

test('a step touches one or two chunks, whatever the size of the plan', () => {
  const plan = aPlan();
  for (let index = 0; index < 10_000; index++) {
    plan.nodeAt(`n${index}`, index < 500 ? [] : [index - 500]);
  }
  const run = large(plan);
  run.step([run.outcome('n3', { result: 'completed', outputs: {} })]);
  expect(run.last?.changed).toEqual(['n0', 'n7']);
});

test('a forEach of 50,000 starts, ends and is stopped in ranges', () => {
  const forEach = Array.from({ length: limits.instances }, (_, index) => index);
  const stop = 'event:external.stop';
  const run = large(aPlan().node('a', { forEach, maxParallel: 1_000, stop }));
  expect(run.started()).toEqual(['a[0..499]#1', 'a[500..999]#1']);
  run.walk(
    ...Array.from({ length: 40 }, (_, index) =>
      run.outcome(`a[${index}]`, { result: 'completed', outputs: {} }),
    ),
  );
  expect(run.started().at(-1)).toBe('a[1000..1039]#1');
  run.walk({ event: 'external', name: 'external.stop' });
  const stops = run.commands.filter(({ command }) => command === 'stop-node');
  expect(stops.length).toBeLessThan(5);
  expect(run.node('a').instance(49_999).status).toBe('skipped');
  for (let index = 40; index < 1_040; index++) {
    run.step([run.outcome(`a[${index}]`, { result: 'cancelled' })]);
  }
  expect(run.walk().node('a')).toMatchObject({ status: 'cancelled', reason: 'stop_when' });
});
