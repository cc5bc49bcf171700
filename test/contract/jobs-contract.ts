// What everything that does the work of nodes must do, whatever machine it does it on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Transient } from '#errors/families.ts';
import type { Jobs } from '#ports/jobs.ts';
import { limits } from '#schemas/limits.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import type { MemoryDesk } from '#support/memory-desk.ts';
import { anOrder } from '../runner/orders.ts';

export interface OpenedJobs {
  readonly jobs: Jobs;
  readonly desk: MemoryDesk;
  /** Where programs may leave traces for the test to read. */
  readonly folder: string;
  close(): Promise<void>;
}

/** Judges jobs; `open` answers fresh ones that tell the desk. `many`: where each is a process of its own, fewer at once will do. */
export function jobsContract(
  name: string,
  open: () => Promise<OpenedJobs>,
  { many = 200 }: { readonly many?: number } = {},
): void {
  describe(`jobs: ${name}`, () => {
    let opened: OpenedJobs;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(async () => {
      await opened.close();
    });
    const trace = (text: string) => `echo ${text} >> ${join(opened.folder, 'trace')}`;
    const traces = () => readFileSync(join(opened.folder, 'trace'), 'utf8').trim().split('\n');
    const submit = async (...orders: readonly WorkOrder[]) => {
      await opened.jobs.start(opened.desk.offer(...orders));
    };

    test('work that is started is claimed, done, and reported with its outputs', async () => {
      const order = anOrder([`${trace('done')}; echo answer=42 >> "$MILLRACE_OUTPUTS"`]);
      await submit(order);
      const [report] = await opened.desk.reported(order);
      expect(report?.result).toEqual({ result: 'completed', outputs: { answer: 42 } });
      expect(traces()).toEqual(['done']);
    });

    test('started twice it is done once', async () => {
      const order = anOrder([trace('once')]);
      await Promise.all([submit(order), submit(order)]);
      await opened.desk.reported(order);
      await submit(order);
      const after = anOrder([trace('after')]);
      await submit(after);
      await opened.desk.reported(after);
      expect(traces()).toEqual(['once', 'after']);
    });

    test('what the desk does not grant is not done', async () => {
      const fenced = anOrder([trace('fenced')]);
      const granted = anOrder([trace('granted')]);
      opened.desk.fence(fenced.name);
      await submit(fenced, granted);
      await opened.desk.reported(granted);
      expect(traces()).toEqual(['granted']);
      expect(opened.desk.attempt(fenced.name)?.status).toBe('fenced');
    });

    test('many at once are each done once', async () => {
      const orders = Array.from({ length: many }, (_, n) => anOrder([trace(`n${n}`)]));
      await submit(...orders);
      const reports = await opened.desk.reported(...orders);
      expect(reports.every(({ result }) => result.result === 'completed')).toBe(true);
      expect(new Set(traces()).size).toBe(many);
      expect(traces()).toHaveLength(many);
    });

    test('a failure is reported with its exit code', async () => {
      const order = anOrder(['exit 7']);
      await submit(order);
      const [report] = await opened.desk.reported(order);
      expect(report?.result).toMatchObject({ result: 'failed', reason: 'exit', exitCode: 7 });
    });

    test('work is known as long as it is not reported, and what was never started is not', async () => {
      const order = anOrder(['sleep 60']);
      const other = anOrder(['true']);
      await submit(order);
      await opened.desk.until(() => opened.desk.attempt(order.name)?.status === 'claimed');
      expect(await opened.jobs.adopt([order.name, other.name])).toEqual([order.name]);
      await opened.jobs.stop([{ name: order.name, grace: 1_000, message: 'enough' }]);
      await opened.desk.reported(order);
      // Known may last a moment longer than the report, never the other way round.
      await submit(other);
      await opened.desk.reported(other);
      await expect.poll(() => opened.jobs.adopt([order.name]), { timeout: 20_000 }).toEqual([]);
    });

    test('stopped work ends cancelled, with the reason it was given', async () => {
      const order = anOrder(['sleep 60']);
      await submit(order);
      await opened.desk.until(() => opened.desk.attempt(order.name)?.status === 'claimed');
      const stop = { name: order.name, grace: 5_000, message: 'someone cancelled' };
      await opened.jobs.stop([stop, stop]);
      const [report] = await opened.desk.reported(order);
      expect(report?.result).toEqual({ result: 'cancelled', message: 'someone cancelled' });
    });

    test('a program may wait for room for longer than its walk would wait for its end', () => {
      for (const kind of ['steps', 'prepare'] as const)
        expect(opened.jobs.waits?.(kind)).toBeGreaterThan(limits.longestDuration / 60);
    });

    test('stopping what is not known does nothing', async () => {
      const { name } = anOrder(['true']);
      await opened.jobs.stop([{ name, grace: 0, message: 'unknown' }]);
    });

    test('a desk that cannot take a report is told again until it can', async () => {
      opened.desk.reportErrors.push(
        new Transient('no_space', 'the disk is full', { afterMs: 1 }),
        new Transient('busy', 'somebody writes', { afterMs: 1 }),
      );
      const order = anOrder(['echo kept=true >> "$MILLRACE_OUTPUTS"']);
      await submit(order);
      const [report] = await opened.desk.reported(order);
      expect(report?.result).toEqual({ result: 'completed', outputs: { kept: true } });
    });

    test('a secret is asked for when the program is started, and a missing one is said', async () => {
      opened.desk.secretValues.set('TOKEN', 'hunter22');
      const told = anOrder([{ command: '[ "$T" = hunter22 ]', env: { T: '{{ secret.TOKEN }}' } }], {
        secrets: ['TOKEN'],
      });
      const untold = anOrder([{ command: 'true', env: { T: '{{ secret.NONE }}' } }], {
        secrets: ['NONE'],
      });
      await submit(told, untold);
      const [first, second] = await opened.desk.reported(told, untold);
      expect(first?.result).toMatchObject({ result: 'completed' });
      expect(second?.result).toMatchObject({ result: 'failed', reason: 'secret_missing' });
    });
  });
}
