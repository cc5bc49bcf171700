// Runs inside runs, on embedded ports: inputs go down, outputs come up, and what is asked of the parent is asked of the child.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cancelRun, pauseRun, resumeRun } from '#service/command-run.ts';
import { findRun, listRuns } from '#service/find-run.ts';
import type { RunRef } from '#service/keys.ts';
import { retryRun } from '#service/retry-run.ts';
import { RunningService } from '#support/running-service.ts';
import { requestOf, type Texts } from '#support/sub-pipelines.ts';

let here: RunningService;
beforeEach(() => {
  here = new RunningService();
});
afterEach(() => here.close());

const step = 'steps: [{ command: "true" }]';
const CHILD = `id: child
inputs: { path: { type: string }, top: { type: number, default: 3 } }
outputs: { rows: "{{ load.rows }}", where: "{{ pipeline.input.path }}", extra: "{{ maybe.x }}" }
nodes:
  - { id: load, ${step} }
  - { id: maybe, startWhen: "event:load.failed", ${step} }
`;
const PARENT = `id: parent
nodes:
  - { id: extract, ${step} }
  - id: publish
    needs: [extract]
    pipeline: { file: ./child.yaml, inputs: { path: "{{ extract.path }}" } }
  - { id: after, startWhen: "event:publish.completed && {{ publish.rows > 1 }}", ${step} }
`;
const TEXTS: Texts = { 'main.yaml': PARENT, 'child.yaml': CHILD };

/** A parent whose child runs. */
async function started(texts: Texts = TEXTS): Promise<{ parent: RunRef; child: RunRef }> {
  const parent = await here.startPlans(requestOf(texts));
  await here.complete('extract', { path: 'a.csv' });
  return { parent, child: await childOf(parent, 'publish') };
}

async function childOf(parent: RunRef, node: string): Promise<RunRef> {
  const run = (await here.report(parent)).nodes[node]?.subRun;
  if (run === undefined) throw new TypeError(`${node} has no sub-run`);
  return { ...parent, run };
}

test('inputs go down, outputs come up, and each knows the other', async () => {
  const { parent, child } = await started();
  expect(await here.report(child)).toMatchObject({
    status: 'running',
    inputs: { path: 'a.csv', top: 3 },
    parent: { run: parent.run, node: 'publish' },
  });

  await here.complete('load', { rows: 5 });
  await here.complete('after');

  const outputs = { rows: 5, where: 'a.csv', extra: null };
  expect(await here.report(child)).toMatchObject({ status: 'completed', outputs });
  expect(await here.report(parent)).toMatchObject({
    status: 'completed',
    nodes: { publish: { status: 'completed', outputs, attempts: 1, subRun: child.run } },
  });
});
