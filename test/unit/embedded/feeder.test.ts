// Orders that wait in the engine, and runners that come and go.
import { expect, test } from 'vitest';
import { createAttemptBook } from '#embedded/attempt-book.ts';
import { createFeeder } from '#embedded/feeder.ts';
import type { RunnerLink } from '#embedded/runner-link.ts';
import { limits } from '#schemas/limits.ts';
import { anOrder } from '../../runner/orders.ts';

/** A connection that only remembers what was sent. */
function aLink(): RunnerLink & { readonly addresses: string[] } {
  const addresses: string[] = [];
  return {
    addresses,
    hello: { frame: 'hello', v: 1, pid: 1, job: 'job', holding: [] },
    listen: () => undefined,
    heard: () => undefined,
    send: () => Promise.resolve(),
    sendText: async (text) => {
      for (const [, address = ''] of text.matchAll(/"address":"(\w+)"/g)) addresses.push(address);
    },
    closed: new Promise(() => undefined),
    end: () => undefined,
    destroy: () => undefined,
  };
}

test('a report that is taken in after its runner has gone hands that one nothing: all that waits goes to the next', async () => {
  const book = createAttemptBook();
  const problems: unknown[] = [];
  const feeder = createFeeder(book, (error) => problems.push(error));
  const orders = Array.from({ length: limits.runnerWindow * 2 }, () => anOrder(['true']));
  const [dead, next] = [aLink(), aLink()];
  feeder.renew(dead);
  await feeder.add(dead, orders);
  expect(dead.addresses).toHaveLength(limits.runnerWindow);
  feeder.renew(undefined);
  feeder.taken(
    dead,
    orders.slice(0, limits.runnerWindow).map(({ name }) => name),
  );
  expect(dead.addresses).toHaveLength(limits.runnerWindow);
  expect(feeder.waiting).toBe(limits.runnerWindow);
  feeder.renew(next);
  expect(next.addresses).toEqual(orders.slice(limits.runnerWindow).map(({ name }) => name.address));
  expect(problems).toEqual([]);
});

test('what comes for a runner that has gone waits for the next', async () => {
  const feeder = createFeeder(createAttemptBook(), () => undefined);
  const [dead, next] = [aLink(), aLink()];
  feeder.renew(dead);
  feeder.renew(undefined);
  const order = anOrder(['true']);
  await feeder.add(dead, [order]);
  expect(dead.addresses).toEqual([]);
  feeder.renew(next);
  expect(next.addresses).toEqual([order.name.address]);
});
