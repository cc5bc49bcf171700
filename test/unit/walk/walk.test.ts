// What a walk decides, told as stories.
import { expect, test } from 'vitest';
import { aPlan, walkOf } from './story.ts';

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
});

test('a term is decided by the outputs of the node it names', () => {
  const plan = aPlan()
    .node('clean')
    .node('publish', { start: 'event:clean.completed && {{ clean.quality >= 0.9 }}' })
    .node('report', { start: 'event:clean.completed && {{ clean.quality < 0.9 }}' });
  const run = walkOf(plan).completes('clean', { quality: 0.5 });
  expect(run.status('publish', 'report')).toEqual(['skipped', 'running']);
});
