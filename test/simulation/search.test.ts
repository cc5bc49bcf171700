// Small runs in every order that departs from the plain one by a few preemptions and faults: the model's plans against the real code.
import { describe, expect, test } from 'vitest';
import {
  type FaultName,
  MODEL_FAULTS,
  PLANS,
  type PlanName,
  searchOrders,
} from './service-search.ts';

const CASES: readonly (readonly [PlanName, FaultName, number])[] = [
  ['one', 'none', 2],
  ['one', 't1', 2],
  ['one', 'c1', 1],
  ['one', 'r1', 1],
  ['one', 'd1', 1],
  ['one', 'x1', 2],
  ['one', 'l1', 1],
  ['one', 't1r1', 2],
  ['one', 't1x1', 2],
  ['chain', 't1c1', 1],
  ['chain', 'x1', 1],
  ['retry', 't1r1', 1],
  ['retry', 'd1', 1],
  ['join', 't1', 1],
  ['par', 'r1', 1],
  ['one', 'w1', 1],
  ['one', 'h1', 1],
  ['chain', 'w1', 1],
];
const MOST = 1_000;

describe('no order of a small run goes wrong (H1 to H6)', () => {
  test.each(CASES)('plan %s, faults %s, %i departures', async (plan, faults, departures) => {
    const search = { sketch: PLANS[plan], faults: MODEL_FAULTS[faults], departures, most: MOST };
    const { orders } = await searchOrders(search);
    expect(orders).toBeGreaterThan(20);
  });
});
