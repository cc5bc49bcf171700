// Work that waits for a machine: its own time does not run meanwhile.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { limits } from '#schemas/limits.ts';
import { RunningService } from '#support/running-service.ts';

const MINUTE = 60_000;
const WAITS = 60 * MINUTE;

let here: RunningService;
beforeEach(() => {
  here = new RunningService();
  Object.assign(here.ports.jobs, {
    waits: (kind: string) => (kind === 'function' ? 0 : WAITS),
  });
});
afterEach(() => here.close());

const STEPS = `id: p
nodes:
  - { id: alone, timeout: 1m, retry: 1, steps: [{ command: "true" }] }
  - { id: each, forEach: [1, 2], timeout: 1m, retry: 1, steps: [{ command: "true" }] }`;
const statusOf = async (run: Parameters<typeof here.report>[0], id: string) =>
  (await here.report(run)).nodes[id]?.status;

test('a node is not timed out while its job may still wait, and is afterwards', async () => {
  const run = await here.start(STEPS);
  await here.advanceTime(WAITS + MINUTE + limits.backstop - 1);
  expect(here.ports.jobs.stops).toEqual([]);
  await here.complete('each[0]');
  await here.advanceTime(1);
  expect(here.ports.jobs.stops.map(({ name }) => name.address)).toEqual(['alone', 'each[1]']);
  await here.advanceTime(limits.stopGrace + limits.backstop);
  expect(await statusOf(run, 'alone')).toBe('timed_out');
  expect(await statusOf(run, 'each')).toBe('failed');
});

test('what begins at once is timed out as before', async () => {
  const run = await here.start(`id: p
nodes:
  - { id: alone, timeout: 1m, retry: 1, function: { name: score } }`);
  await here.advanceTime(MINUTE + limits.backstop);
  await here.advanceTime(limits.stopGrace + limits.backstop);
  expect(await statusOf(run, 'alone')).toBe('timed_out');
});
