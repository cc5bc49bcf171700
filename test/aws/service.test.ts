// The service on the DynamoDB table, with bells and inbox on it as well: what a run does, and what that asks of the table.
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { limits } from '#schemas/limits.ts';
import { cancelRun, pauseRun, resumeRun } from '#service/command-run.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import { readReport } from '#service/read-run.ts';
import { dynamodbLocal, ministack } from '#support/aws/clients.ts';
import { CloudRun } from '#support/aws/cloud-run.ts';
import { type FreshTable, freshTable } from '#support/aws/tables.ts';
import { TEST_START } from '#support/ports.ts';

const step = 'steps: [{ command: "true" }]';
const pipeline = (count: number, needs: (n: number) => string) =>
  [
    'id: p\nnodes:',
    ...Array.from({ length: count }, (_, n) => `  - { id: n${n}, ${needs(n)}${step} }`),
  ].join('\n');
const chain = (count: number) => pipeline(count, (n) => (n === 0 ? '' : `needs: [n${n - 1}], `));
const wide = (count: number) => pipeline(count, () => '');
const names = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => `n${from + n}`);

describe.each([
  ['MiniStack', ministack],
  ['DynamoDB Local', dynamodbLocal],
])('a run on %s', (_, endpoint) => {
  describe.skipIf(endpoint === '')('is walked', () => {
    let fresh: FreshTable;
    let here: CloudRun;
    beforeEach(async () => {
      fresh = await freshTable(endpoint);
      here = new CloudRun(fresh);
    });
    afterEach(async () => {
      here.close();
      await fresh.close();
    });
    const report = (run: RunRef) => readReport(here.service, run, new Map());
    const counted = () => ({ calls: here.recorded.calls.length, ...here.recorded.units });

    test('leaving nothing in the table that stays for ever, and nothing that goes while it may be needed', async () => {
      const run = await here.start(chain(3));
      for (const name of names(0, 3)) await here.complete([name], { name });
      const { Items = [] } = await fresh.client.send(new ScanCommand({ TableName: fresh.name }));
      const left = Items.map(({ pk, sk, expires }) => ({
        key: `${pk?.S} ${sk?.S}`,
        at: expires?.N,
      }));
      expect(left.map(({ key }) => key)).toContain(`${runKey(run)} BELL`);
      const wanted = (key: string) =>
        String((TEST_START + (key.includes('#MONTHS ') ? 2 : 1) * limits.runKept) / 1_000);
      // Of namespaces there are few, and runs of theirs are looked for by them.
      expect(left.filter(({ key, at }) => at !== wanted(key))).toEqual([
        { key: 'NS# default', at: undefined },
      ]);
    });

    test('along a chain, with at most thirteen calls and sixteen write units a node', async () => {
      const run = await here.start(chain(5));
      here.recorded.forget();
      for (const name of names(0, 5)) await here.complete([name], { name });
      const { calls, write } = counted();
      expect(calls / 5).toBeLessThanOrEqual(13);
      // Of the two only MiniStack counts a transaction twice, as AWS does.
      expect(write / 5).toBeLessThanOrEqual(16);
      // Besides those of its nodes: the walk's beginning, the first tick, its end.
      expect(here.machine.transitions).toBeLessThanOrEqual(2 * 5 + 4);
      expect(await report(run)).toMatchObject({
        status: 'completed',
        nodes: { n4: { status: 'completed', attempts: 1, outputs: { name: 'n4' } } },
      });
    });

    test('where many nodes start at once: in a few calls, and with at most nine write units a node', async () => {
      const run = await here.start(wide(120));
      expect(here.recorded.calls.length).toBeLessThanOrEqual(15);
      for (let from = 0; from < 120; from += 20) await here.complete(names(from, 20));
      expect(counted().write / 120).toBeLessThanOrEqual(9);
      expect((await report(run)).status).toBe('completed');
      expect(here.ports.jobs.orders).toHaveLength(120);
    });

    test('where outcomes come at twenty a second: many are taken in together, by one tick', async () => {
      const run = await here.start(wide(200));
      const left = names(0, 200);
      let due = 0;
      here.meanwhile = async (milliseconds) => {
        due += (20 * milliseconds) / 1_000;
        const some = left.splice(0, Math.floor(due));
        due -= some.length;
        await here.reportAll(some);
      };
      await here.complete(left.splice(0, 1));
      // Fewer than that are live in the end, and each is waited for by itself.
      while (left.length > 0) await here.complete(left.splice(0, 1));
      expect((await report(run)).status).toBe('completed');
      expect(here.machine.transitions / 200).toBeLessThanOrEqual(0.5);
      expect(counted().write / 200).toBeLessThanOrEqual(11);
    });

    test('for two weeks by an approval that waits, for five cents a month at most', async () => {
      const run = await here.start(
        'id: p\ntimeout: 20d\nnodes:\n  - { id: ask, approval: { approvers: [bob], deadline: 14d } }',
      );
      here.recorded.forget();
      const hours = 4;
      const before = { transitions: here.machine.transitions, calls: here.machine.calls };
      let sweeps = 0;
      for (let minutes = 0; minutes < hours * 60; minutes += 5) {
        await here.pass(5 * 60_000);
        // A tick that sleeps is tried again every hour.
        if (minutes % 60 === 0)
          for (const execution of here.machine.running) await here.machine.timeout(execution);
        await here.settle();
        await here.sweep();
        sweeps += 1;
      }
      const used = {
        transitions: here.machine.transitions - before.transitions,
        // Sent, received and deleted; the function that takes it in; a look at the run.
        messages: here.rung.length,
        calls: here.machine.calls - before.calls + here.rung.length + sweeps,
        ...here.recorded.units,
      };
      expect(here.sleeping).toHaveLength(1);
      expect((await report(run)).status).toBe('running');
      const dollars =
        used.transitions * 25e-6 +
        used.messages * 3 * 0.4e-6 +
        // A fifth of a second with half a gigabyte.
        used.calls * (0.2e-6 + 0.2 * 0.5 * 13.3334e-6) +
        used.write * 0.625e-6 +
        used.read * 0.125e-6;
      expect((dollars / hours) * 24 * 30).toBeLessThanOrEqual(0.05);
    });

    test('to its end when it is cancelled: what nobody claimed is fenced, what runs is stopped', async () => {
      const run = await here.start(wide(120));
      await here.ports.jobs.claim('n0');
      here.recorded.forget();
      await cancelRun(here.service, run);
      await here.settle();
      expect(here.ports.jobs.stops).toHaveLength(120);
      await here.ports.jobs.report('n0', { result: 'cancelled' });
      await here.settle();
      expect(counted().calls).toBeLessThanOrEqual(60);
      const { status, nodes } = await report(run);
      expect(status).toBe('cancelled');
      expect(new Set(Object.values(nodes).map((node) => node.status))).toEqual(
        new Set(['cancelled']),
      );
      // Whoever comes late is refused.
      expect(await here.ports.jobs.claim('n1')).toBe(false);
    });

    test('no further while it is paused, and on when it is resumed', async () => {
      const run = await here.start(chain(2));
      await pauseRun(here.service, run);
      await here.settle();
      await here.complete(['n0']);
      expect(here.ports.jobs.held).toEqual([]);
      await resumeRun(here.service, run);
      await here.settle();
      expect(here.ports.jobs.held).toEqual(['n1']);
      await here.complete(['n1']);
      expect((await report(run)).status).toBe('completed');
    });
  });
});
