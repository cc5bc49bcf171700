// When a table that forgets may forget an item, and that nothing which is still needed is among it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunId } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { expiryOf } from '#service/expiry.ts';
import {
  activeKey,
  attemptKey,
  bellKey,
  chunkKey,
  externalKey,
  headKey,
  logKey,
  monthsKey,
  outcomeKey,
  quarantineKey,
  type RunRef,
  startKey,
  summaryKey,
  timeOf,
} from '#service/keys.ts';
import { retryRun } from '#service/retry-run.ts';
import { subRunId } from '#service/sub-run.ts';
import { createIds } from '#shared/ids.ts';
import { TEST_START } from '#support/ports.ts';
import { RunningService } from '#support/running-service.ts';

const DAY = 24 * 3_600_000;
const idAt = (time: number): RunId => createIds({ clock: { now: () => time } }).ulid();
const refAt = (time: number): RunRef => ({ namespace: 'default', run: idAt(time) });
const itemsOf = (ref: RunRef) => [
  startKey(ref),
  bellKey(ref),
  headKey(ref),
  chunkKey(ref, '3'),
  logKey(ref, 7),
  outcomeKey(ref, 'a[3]', 1),
  externalKey(ref, 'k'),
  quarantineKey(ref, 'IN#x'),
  attemptKey(ref, 'a', 1),
  summaryKey(ref),
  activeKey(ref),
];

describe('an item', () => {
  test('of a run goes when all others of that run go, whenever it is written', () => {
    const ref = refAt(TEST_START);
    const sub = { ...ref, run: subRunId(ref, 'a', 1) };
    for (const later of [0, DAY, limits.longestDuration])
      for (const key of [...itemsOf(ref), ...itemsOf(sub)])
        expect(expiryOf(key, TEST_START + later), key.sk).toBe(TEST_START + limits.runKept);
  });

  test('stays longer than any run can take', () => {
    expect(limits.runKept).toBeGreaterThan(limits.longestDuration + 30 * DAY);
  });

  test('of a run whose id was made up goes in its time too, neither at once nor never', () => {
    const now = TEST_START;
    for (const run of ['0'.repeat(26), 'Z'.repeat(26)]) {
      const at = expiryOf(headKey({ namespace: 'default', run }), now) ?? 0;
      expect(at).toBeGreaterThan(now + 30 * DAY);
      expect(at).toBeLessThanOrEqual(now + limits.runKept);
    }
  });

  test('that is written again while it is needed outlives the runs that it leads to; what is registered stays', () => {
    const now = TEST_START;
    for (const pk of [monthsKey('default'), 'NS#default#CACHE#flights', 'NS#default#LEASES'])
      expect(expiryOf({ pk, sk: '2028-01' }, now)).toBe(now + 2 * limits.runKept);
    for (const pk of ['NS#', 'NS#default#PIPELINES', 'NS#default#RUN#short'])
      expect(expiryOf({ pk, sk: idAt(now) }, now)).toBeUndefined();
  });
});

describe('a retry', () => {
  let here: RunningService;
  beforeEach(() => {
    here = new RunningService();
  });
  afterEach(() => here.close());
  const PIPELINE = `
id: p
timeout: 1d
nodes:
  - { id: a, steps: [{ command: "true" }] }
  - { id: b, needs: [a], steps: [{ command: "false" }] }
`;
  const failed = async () => {
    const run = await here.start(PIPELINE);
    await here.complete('a', { rows: 1 });
    await here.fail('b');
    return run;
  };

  test.each([
    ['still kept when the new run must be over', limits.runKept - 2 * DAY, ['b']],
    ['gone before that', limits.runKept - DAY / 2, ['a']],
  ])('takes over what is %s', async (_, later, held) => {
    const run = await failed();
    here.ports.clock.set(timeOf(run.run) + later);
    await retryRun(here.service, run);
    await here.settle();
    expect(here.ports.jobs.held).toEqual(held);
  });
});
