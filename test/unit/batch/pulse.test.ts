// The heartbeat of a job by a clock that the test moves: what it says, and when it knows that it has lost its attempt.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Attempts } from '#batch/attempts.ts';
import { Pulse } from '#batch/pulse.ts';
import { Transient } from '#errors/families.ts';

const heard: string[] = [];
const beats: { counter: number; said?: { progress?: number } }[] = [];
type Answer = { gone: boolean; stop?: string } | Error;
let answer: () => Answer | Promise<Answer>;
let pulse: Pulse;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  heard.length = 0;
  beats.length = 0;
  answer = () => ({ gone: false });
  const attempts = {
    beat: async (beat: (typeof beats)[number]) => {
      beats.push(beat);
      const told = await answer();
      if (told instanceof Error) throw told;
      return told;
    },
  } as unknown as Attempts;
  pulse = new Pulse(
    attempts,
    { heartbeat: 30_000, lease: 180_000, before: 10_000 },
    {
      stopped: (message) => heard.push(`stopped: ${message}`),
      gone: () => heard.push('gone'),
      lost: () => heard.push('lost'),
    },
  );
  pulse.begin(performance.now());
});

afterEach(() => {
  pulse.end();
  vi.useRealTimers();
});

const unreachable = () => new Transient('unavailable', 'nobody there');

test('it beats every so often, and says what there is to say once', async () => {
  pulse.saying(0.5, 'half');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(beats).toMatchObject([{ counter: 1, said: { progress: 0.5 } }, { counter: 2 }]);
  expect(beats[1]).not.toHaveProperty('said');
});

test('what was not heard is said again, sooner', async () => {
  answer = unreachable;
  pulse.saying(0.5, '');
  await vi.advanceTimersByTimeAsync(40_000);
  expect(beats).toMatchObject([{ said: { progress: 0.5 } }, { said: { progress: 0.5 } }]);
});

test('it is lost before its lease is over, counted from the last beat that was answered', async () => {
  await vi.advanceTimersByTimeAsync(60_000);
  answer = unreachable;
  // The last one that was answered was asked at 60 s.
  await vi.advanceTimersByTimeAsync(169_999);
  expect(heard).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(heard).toEqual(['lost']);
});

test('an answer that took long counts from when it was asked for', async () => {
  answer = () => new Promise((resolve) => setTimeout(() => resolve({ gone: false }), 100_000));
  await vi.advanceTimersByTimeAsync(130_000);
  answer = () => new Promise(() => undefined);
  // Asked at 30 s, answered at 130 s: held until 210 s, less what it takes to end.
  await vi.advanceTimersByTimeAsync(69_999);
  expect(heard).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(heard).toEqual(['lost']);
});

test('what it is told it passes on, and one that is gone says nothing more', async () => {
  answer = () => ({ gone: false, stop: 'enough' });
  await vi.advanceTimersByTimeAsync(30_000);
  answer = () => ({ gone: true });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(heard.slice(0, 2)).toEqual(['stopped: enough', 'gone']);
  expect(beats).toHaveLength(2);
});

test('after its end it neither beats nor is lost', async () => {
  pulse.end();
  await vi.advanceTimersByTimeAsync(600_000);
  expect([beats, heard]).toEqual([[], []]);
});
