// What an advance does when one transaction does not hold what it decided.
import { afterEach, expect, test } from 'vitest';
import { cancelRun } from '#service/command-run.ts';
import { RunningService } from '#support/running-service.ts';

let here: RunningService | undefined;
afterEach(() => here?.close());

const WIDE = 1_000;
const step = 'steps: [{ command: "true" }]';
const FAN = [
  'id: fan',
  'nodes:',
  `  - { id: first, ${step} }`,
  ...Array.from({ length: WIDE }, (_, n) => `  - { id: n${n}, needs: [first], ${step} }`),
].join('\n');

test('what does not go into one transaction is walked in smaller parts, and nothing is left out', async () => {
  // The whole fan would change its sixteen chunks at once.
  here = new RunningService({
    bounds: { transactItems: 14, advanceOutcomes: 40, advanceStarts: WIDE },
  });
  const run = await here.start(FAN);
  await here.complete('first');
  expect(here.ports.jobs.held).toHaveLength(WIDE);
  expect(new Set(here.ports.jobs.orders.map(({ name }) => name.address)).size).toBe(WIDE + 1);

  await cancelRun(here.service, run);
  await here.settle();
  const report = await here.report(run);
  expect(report.status).toBe('cancelled');
  const statuses = Object.values(report.nodes).map(({ status }) => status);
  expect(statuses.filter((status) => status === 'cancelled')).toHaveLength(WIDE);
});
