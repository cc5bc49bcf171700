import { expect, test } from 'vitest';
import { Seats } from '#runner/seats.ts';

function aWork(): { work: () => Promise<string>; end: () => void; begun: () => boolean } {
  const { promise, resolve } = Promise.withResolvers<string>();
  let begun = false;
  return {
    work: () => {
      begun = true;
      return promise;
    },
    end: () => resolve('done'),
    begun: () => begun,
  };
}

/** Lets everything go on that waits for nothing. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('no more than its number work at once, those that wait are told, and who came first is next', async () => {
  const seats = new Seats(2);
  const works = Array.from({ length: 5 }, aWork);
  const waiting: number[] = [];
  const all = works.map(({ work }, at) => seats.with(work, { waits: () => waiting.push(at) }));
  const begun = () => works.map((one) => one.begun());
  await settled();
  expect(begun()).toEqual([true, true, false, false, false]);
  expect(waiting).toEqual([2, 3, 4]);
  works[1]?.end();
  await settled();
  expect(begun()).toEqual([true, true, true, false, false]);
  for (const { end } of works) end();
  expect(await Promise.all(all)).toEqual(works.map(() => 'done'));
});

test('a work that fails gives its seat on, and one that is stopped while it waits takes none', async () => {
  const seats = new Seats(1);
  const first = aWork();
  const stop = new AbortController();
  const running = seats.with(first.work);
  const stopped = seats.with(async () => 'never', { signal: stop.signal });
  const failing = seats.with(async () => {
    throw new TypeError('broken');
  });
  const last = seats.with(async () => 'last');
  stop.abort();
  await expect(stopped).rejects.toThrow(/abort/);
  first.end();
  await expect(failing).rejects.toThrow('broken');
  expect(await Promise.all([running, last])).toEqual(['done', 'last']);
  await expect(seats.with(async () => 'never', { signal: stop.signal })).resolves.toBe('never');
});
