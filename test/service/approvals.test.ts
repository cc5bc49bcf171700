// Approvals in the service: decided by people, by deadlines, by both at once.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cancelRun, pauseRun } from '#service/command-run.ts';
import { decideApproval } from '#service/decide-approval.ts';
import { explainNode } from '#service/explain-node.ts';
import { listRuns } from '#service/find-run.ts';
import type { RunRef } from '#service/keys.ts';
import { retryRun } from '#service/retry-run.ts';
import { RunningService } from '#support/running-service.ts';

let here: RunningService;
beforeEach(() => {
  here = new RunningService();
});
afterEach(() => here.close());

const HOUR = 3_600_000;
const PIPELINE = `
id: gated
inputs: { least: { type: number, default: 0.9 } }
nodes:
  - id: clean
    steps: [{ command: "true" }]
  - id: review
    needs: [clean]
    approval:
      message: "quality {{ clean.quality }}, wanted {{ pipeline.input.least }}"
      deadline: 2h
  - id: publish
    startWhen: event:review.approved
    inputs: { by: "{{ review.by }}" }
    steps: [{ command: "echo {{ by }}" }]
  - id: tell
    startWhen: event:review.rejected
    steps: [{ command: "true" }]
`;

async function waiting(): Promise<RunRef> {
  const run = await here.start(PIPELINE, { inputs: { least: 0.9 } });
  await here.complete('clean', { quality: 0.7 });
  return run;
}

async function decide(
  run: RunRef,
  approve: boolean,
  more: { by?: string; comment?: string; node?: string } = {},
): Promise<void> {
  const { node = 'review', by = 'ana', comment } = more;
  const said = comment === undefined ? {} : { comment };
  await decideApproval(here.service, run, node, { approve, by, ...said });
  await here.settle();
}

test('an approval that waits says what is asked, of whom, since when and until when', async () => {
  const run = await waiting();
  expect((await here.report(run)).nodes['review']).toMatchObject({
    status: 'queued',
    reason: 'approval',
    message: 'quality 0.7, wanted 0.9',
    startedAt: '2028-01-01T00:00:00.000Z',
    waitsFor:
      'somebody to approve or reject it before 2028-01-01T02:00:00.000Z: quality 0.7, wanted 0.9',
  });
  const queued = (await here.events(run)).find(({ event }) => event === 'review.queued');
  expect(queued?.payload).toEqual({
    reason: 'approval',
    message: 'quality 0.7, wanted 0.9',
    deadline: '2028-01-01T02:00:00.000Z',
  });
  expect((await explainNode(here.service, run, 'review')).answer).toContain(
    'It waits for somebody to approve or reject it',
  );
  expect((await listRuns(here.service, 'default'))[0]).toMatchObject({ approvals: ['review'] });
});

test('who approves, when and why is kept, and known to those that follow', async () => {
  const run = await waiting();
  await decide(run, true, { comment: 'good enough' });
  const { review } = (await here.report(run)).nodes;
  expect(review).toMatchObject({
    status: 'completed',
    outputs: { by: 'ana', comment: 'good enough' },
    decision: {
      decision: 'approved',
      by: 'ana',
      at: here.ports.clock.now(),
      comment: 'good enough',
    },
  });
  expect(here.ports.jobs.held).toEqual(['publish']);
  expect((await explainNode(here.service, run, 'publish')).start).toMatchObject({ truth: 'true' });
});

test('a rejection fails the node with its reason, and whoever handles it handles it', async () => {
  const run = await waiting();
  await decide(run, false, { comment: 'wrong month' });
  await here.complete('tell');
  expect(await here.report(run)).toMatchObject({
    status: 'completed',
    nodes: {
      review: {
        status: 'failed',
        reason: 'rejected',
        message: 'ana rejected it: wrong month',
        decision: { decision: 'rejected', by: 'ana' },
      },
      publish: { status: 'skipped' },
    },
  });
});

test('the second to decide is told who was first, before and after the run took it in', async () => {
  const run = await waiting();
  await decideApproval(here.service, run, 'review', { approve: true, by: 'ana' });
  const late = decideApproval(here.service, run, 'review', { approve: false, by: 'bob' });
  await expect(late).rejects.toMatchObject({
    code: 'wrong_state',
    message: `"review" of run ${run.run} was approved before, by ana at 2028-01-01T00:00:00.000Z`,
  });
  await here.settle();
  await expect(decide(run, false, { by: 'bob' })).rejects.toMatchObject({
    message: expect.stringContaining('was approved before, by ana'),
  });
});

test('who asks again because no answer came is answered as before', async () => {
  const run = await waiting();
  const again = (): Promise<void> =>
    decideApproval(here.service, run, 'review', { approve: true, by: 'ana' });
  await again();
  await again();
  await here.settle();
  await again();
  expect((await here.report(run)).nodes['review']).toMatchObject({ status: 'completed' });
});

test('of two who decide at once one wins, and the other is told', async () => {
  const run = await waiting();
  const both = await Promise.allSettled([
    decideApproval(here.service, run, 'review', { approve: true, by: 'ana' }),
    decideApproval(here.service, run, 'review', { approve: false, by: 'bob' }),
  ]);
  await here.settle();
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const first = both[0]?.status === 'fulfilled' ? 'ana' : 'bob';
  expect((await here.report(run)).nodes['review']?.decision?.by).toBe(first);
});

test('nobody decides: at the deadline it is rejected, and a decision comes too late', async () => {
  const run = await waiting();
  await here.advanceTime(2 * HOUR);
  const { review } = (await here.report(run)).nodes;
  expect(review).toMatchObject({
    status: 'failed',
    reason: 'rejected',
    message: 'nobody decided before 2028-01-01T02:00:00.000Z',
  });
  expect(review).not.toHaveProperty('decision');
  await expect(decide(run, true)).rejects.toMatchObject({ code: 'wrong_state' });
});

test('a decision made before its deadline stands, although the walk sees both at once', async () => {
  const run = await waiting();
  await decideApproval(here.service, run, 'review', { approve: true, by: 'ana' });
  await here.advanceTime(3 * HOUR);
  expect((await here.report(run)).nodes['review']).toMatchObject({ status: 'completed' });
});

test('a decision that slips in while the walk ends it by the deadline stands', async () => {
  const run = await waiting();
  here.ports.clock.advance(2 * HOUR);
  // The walk has read the inbox and the state, and has not saved yet.
  const { transact } = here.ports.table;
  let slipped = false;
  here.ports.table.transact = async (writes) => {
    if (!slipped) {
      slipped = true;
      await decideApproval(here.service, run, 'review', { approve: true, by: 'ana' });
    }
    return transact.call(here.ports.table, writes);
  };
  await here.settle();
  await here.settle();
  expect(slipped).toBe(true);
  expect((await here.report(run)).nodes['review']).toMatchObject({
    status: 'completed',
    decision: { decision: 'approved', by: 'ana' },
  });
});

test('cancel ends a waiting approval; who decides then is told that it is over', async () => {
  const run = await waiting();
  await cancelRun(here.service, run);
  await here.settle();
  expect((await here.report(run)).nodes['review']).toMatchObject({ status: 'cancelled' });
  await expect(decide(run, true)).rejects.toMatchObject({
    message: expect.stringContaining('it ended without a decision'),
  });
});

test('in a paused run a decision may be made; what follows waits', async () => {
  const run = await waiting();
  await pauseRun(here.service, run);
  await decide(run, true);
  const { nodes } = await here.report(run);
  expect(nodes['review']?.status).toBe('completed');
  expect(nodes['publish']?.status).toBe('queued');
});

test('what is no approval, or waits for nobody, cannot be decided', async () => {
  const run = await here.start(PIPELINE, { inputs: { least: 0.9 } });
  await expect(decide(run, true, { node: 'clean' })).rejects.toMatchObject({ code: 'wrong_state' });
  await expect(decide(run, true)).rejects.toMatchObject({
    message: expect.stringContaining('is pending: it waits for no decision'),
  });
  await expect(decide(run, true, { node: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' });
});

test('where users are named only they may decide; a role is for whoever lets people in', async () => {
  const named = (who: string): string =>
    `id: p\nnodes: [{ id: review, approval: { approvers: [${who}] } }]\n`;
  const run = await here.start(named('ada, eve'));
  await expect(decide(run, true)).rejects.toMatchObject({
    code: 'not_permitted',
    message: '"review" may be decided by ada or eve; ana is not among them',
  });
  await decide(run, true, { by: 'eve' });
  await decide(await here.start(named('role:editor, ada')), true);
});

test('instances are decided one by one', async () => {
  const run = await here.start(
    'id: p\nnodes: [{ id: review, forEach: [a, b], approval: { message: "{{ item }}?" } }]\n',
  );
  expect((await here.report(run)).nodes['review']?.instances?.[1]).toMatchObject({
    status: 'queued',
    message: 'b?',
  });
  await expect(decide(run, true)).rejects.toMatchObject({
    message: expect.stringContaining('"review" has 2 instances'),
  });
  await decide(run, true, { node: 'review[1]' });
  await decide(run, true, { node: 'review[0]', by: 'eve' });
  expect((await here.report(run)).nodes['review']).toMatchObject({
    status: 'completed',
    outputs: { items: [{ by: 'eve' }, { by: 'ana' }] },
    instances: [{ decision: { by: 'eve' } }, { decision: { by: 'ana' } }],
  });
});

test('a retry asks again what was rejected, and keeps what was approved', async () => {
  const run = await waiting();
  await decide(run, false);
  await here.fail('tell');
  const again = await retryRun(here.service, run);
  await here.settle();
  expect((await here.report(again)).nodes['review']).toMatchObject({ status: 'queued' });
  await decide(again, true);
  await here.fail('publish');
  const third = await retryRun(here.service, again);
  await here.settle();
  expect((await here.report(third)).nodes['review']).toMatchObject({
    status: 'completed',
    seededFrom: again.run,
  });
});

test('an instance that does not exist is told from one that waits for nobody', async () => {
  const run = await here.start(
    'id: p\nnodes: [{ id: review, forEach: [a, b], approval: true }, { id: one, approval: true }]\n',
  );
  await expect(decide(run, true, { node: 'review[2]' })).rejects.toMatchObject({
    code: 'not_found',
    message: 'there is no "review[2]": the node has 2 instances, [0] to [1]',
  });
  await expect(decide(run, true, { node: 'one[0]' })).rejects.toMatchObject({
    message: 'there is no "one[0]": the node has no instances',
  });
});

test('explain answers of one instance of an approval as of a node', async () => {
  const run = await here.start(
    'id: p\nnodes: [{ id: review, forEach: [a, b], approval: { message: "{{ item }}?" } }]\n',
  );
  await decide(run, true, { node: 'review[0]', by: 'eve' });
  const explain = (node: string) => explainNode(here.service, run, node);
  expect(await explain('review[0]')).toMatchObject({
    node: 'review[0]',
    status: 'completed',
    answer: 'It was approved by eve at 2028-01-01T00:00:00.000Z.',
  });
  expect(await explain('review[1]')).toMatchObject({
    status: 'queued',
    answer: 'It waits for somebody to approve or reject it: b?.',
  });
  await expect(explain('review[2]')).rejects.toMatchObject({ code: 'not_found' });
});

test('what waits because the run is paused says so in a whole sentence', async () => {
  const run = await waiting();
  await pauseRun(here.service, run);
  await decide(run, true);
  expect((await explainNode(here.service, run, 'publish')).answer).toBe(
    'It waits for the paused run to be resumed.',
  );
});

test('a decision that the run has not taken in yet is shown, and nobody is asked any more', async () => {
  const run = await waiting();
  await decideApproval(here.service, run, 'review', { approve: true, by: 'ana' });
  expect((await here.report(run)).nodes['review']).toMatchObject({
    status: 'queued',
    waitsFor: 'the run to go on: approved by ana',
    decision: { by: 'ana' },
  });
  expect((await here.report(run)).nodes['review']?.reason).toBeUndefined();
});
