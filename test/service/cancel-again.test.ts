// Somebody asks for an end at once where only others can end anything: as on AWS, where the API has no jobs.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lacking } from '#handlers/lib/ports.ts';
import { cancelRun } from '#service/command-run.ts';
import { readReport } from '#service/read-run.ts';
import { WalkedRuns } from '#support/walked-runs.ts';

let here: WalkedRuns;
beforeEach(() => {
  here = new WalkedRuns();
});
afterEach(() => here.close());

test('a run that is being cancelled may be cancelled at once by whoever can end no job', async () => {
  const run = await here.start('id: p\nnodes:\n  - { id: a, steps: [{ command: sleep 9 }] }');
  await here.ports.jobs.claim('a');
  const api = { ...here.service, jobs: lacking('jobs') };
  await cancelRun(api, run);
  await here.settle();
  expect(here.ports.jobs.stops).toHaveLength(1);

  await cancelRun(api, run, { force: true });
  await here.settle();

  await here.ports.jobs.report('a', { result: 'cancelled' });
  await here.settle();
  expect((await readReport(here.service, run, new Map())).status).toBe('cancelled');
});
