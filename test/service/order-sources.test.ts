// Commits of operators in work orders: known when the run begins, or found when the operator is prepared.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunningService } from '#support/running-service.ts';

let here: RunningService;
beforeEach(() => {
  here = new RunningService();
});
afterEach(() => here.close());

const GIT = 'https://example.com/clean.git';
const SOURCE = `${GIT}#v1`;
const PIPELINE = `
id: p
nodes:
  - id: extract
    forEach: [1, 2]
    steps: [{ command: "fetch", operator: { git: "${GIT}", tag: v1 } }]
`;
const commit = 'a'.repeat(40);

const sourcesOf = (address: string) =>
  here.ports.jobs.orders.find(({ name }) => name.address === address)?.sources;

test('where nobody looked before the run, steps get the commit that was found when their operator was prepared', async () => {
  await here.start(PIPELINE);
  const done = { result: 'completed', outputs: {} } as const;
  await here.ports.jobs.report('@clean', done, { prepared: { commit } });
  await here.settle();
  expect(sourcesOf('@clean')).toEqual({});
  expect(sourcesOf('extract[0]')).toEqual({ [SOURCE]: { commit } });
  expect(sourcesOf('extract[1]')).toEqual({ [SOURCE]: { commit } });
});

test('the commit that a run began with stays, whatever was found later', async () => {
  const known = { [SOURCE]: { commit: 'b'.repeat(40) } };
  await here.start(PIPELINE, { sources: known });
  const done = { result: 'completed', outputs: {} } as const;
  await here.ports.jobs.report('@clean', done, { prepared: { commit } });
  await here.settle();
  expect(sourcesOf('extract[0]')).toEqual(known);
});

test('an operator of which nothing was found is left to whoever does the work', async () => {
  await here.start(PIPELINE);
  await here.complete('@clean');
  expect(sourcesOf('extract[0]')).toEqual({});
});
