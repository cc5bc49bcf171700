import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { alarmAt } from '#runner/alarm.ts';

let now = 1_000;
beforeEach(() => {
  now = 1_000;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.spyOn(Date, 'now').mockImplementation(() => now);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('a timer that rings early is no alarm yet; the alarm rings once it is time', () => {
  let rung = 0;
  alarmAt(1_010, () => {
    rung += 1;
  });
  now = 1_009;
  vi.advanceTimersByTime(10);
  expect(rung).toBe(0);
  now = 1_010;
  vi.advanceTimersByTime(1);
  expect(rung).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('an alarm that is taken back rings no more, also after it was set anew', () => {
  let rung = 0;
  const cancel = alarmAt(1_010, () => {
    rung += 1;
  });
  vi.advanceTimersByTime(10);
  cancel();
  now = 2_000;
  vi.advanceTimersByTime(1_000);
  expect(rung).toBe(0);
});
