// A process's share of a rate, with a clock that the test moves.
import { expect, test } from 'vitest';
import { createPace } from '#aws/submit-pace.ts';

function paced(rate: number) {
  let now = 0;
  const pauses: number[] = [];
  const pace = createPace({
    ...{ rate, now: () => now },
    pause: async (milliseconds) => {
      pauses.push(Math.round(milliseconds));
    },
  });
  const at = (time: number): void => {
    now = time;
  };
  return { pace, pauses, at };
}

test('turns follow one another no closer than the rate allows', async () => {
  const { pace, pauses } = paced(20);
  await Promise.all([pace(), pace(), pace(), pace()]);
  expect(pauses).toEqual([50, 100, 150]);
});

test('after a rest the next turn is at once, and no more are saved up', async () => {
  const { pace, pauses, at } = paced(20);
  await pace();
  at(10_000);
  await Promise.all([pace(), pace()]);
  expect(pauses).toEqual([50]);
});
