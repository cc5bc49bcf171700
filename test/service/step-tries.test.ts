// The number that a line of a log bears is the number that the report counts: tries of the operator over all attempts of its node.
import { expect, test } from 'vitest';
import { FORMAT } from '#schemas/ids.ts';
import type { AttemptItem, AttemptReport } from '#schemas/run.ts';
import { triesOf } from '#service/step-tries.ts';

const attempt = (number: number, report?: Omit<AttemptReport, 'endedAt'>): AttemptItem => ({
  v: FORMAT,
  address: 'node',
  attempt: number,
  status: report === undefined ? 'claimed' : 'reported',
  ...(report === undefined ? {} : { report: { ...report, endedAt: 2 } }),
});
const failed = { result: { result: 'failed', reason: 'exit', message: 'exited' } } as const;
const tried = (attempts?: number) =>
  ({
    id: 'a',
    status: 'failed',
    startedAt: 1,
    ...(attempts === undefined ? {} : { attempts }),
  }) as const;

test('tries of all attempts of the node add up, and what never started is none', () => {
  const steps = [tried(3), { id: 'b', status: 'skipped' } as const];
  const all = [attempt(1, { ...failed, steps }), attempt(2, { ...failed, steps: [tried()] })];
  expect(triesOf('a', all)).toBe(4);
  expect(triesOf('b', all)).toBe(0);
});

test('an attempt that was lost counts once, one that failed before any step or still runs not at all', () => {
  const lost = attempt(1, { result: { result: 'interrupted', message: 'the runner is gone' } });
  expect(triesOf('a', [lost, attempt(2, { ...failed, steps: [tried(2)] })])).toBe(3);
  expect(triesOf('a', [attempt(1, failed), attempt(2)])).toBe(0);
});
