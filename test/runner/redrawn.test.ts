// Lines that programs draw anew: what of a progress bar comes into the log, and when.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LogStream } from '#runner/log-writer.ts';
import { Mask } from '#runner/mask.ts';
import { limits } from '#schemas/limits.ts';

let lines: string[];
let stream: LogStream;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  lines = [];
  const log = {
    broken: undefined,
    say: () => {},
    write: (_: string, __: string, more: readonly string[]) => void lines.push(...more),
  };
  stream = new LogStream(log, { step: 's', stream: 'stderr', mask: new Mask([]) });
});
afterEach(() => vi.useRealTimers());

const say = (text: string): void => stream.push(Buffer.from(text));
const later = (milliseconds: number): void => void vi.advanceTimersByTime(milliseconds);

test('of a bar that is drawn within one moment its last state is a line, without those before it', () => {
  say('begin\n\r 10%\r 50%\r100%\nend\n');
  expect(lines).toEqual(['begin', '100%', 'end']);
});

test('while it is drawn its newest state is shown once in a while, and what was shown comes no second time', () => {
  say('\r 0%');
  for (let percent = 1; percent <= 40; percent += 1) {
    later(limits.redrawInterval / 10);
    say(`\r${percent}%`);
  }
  expect(lines).toEqual([' 0%', '10%', '20%', '30%']);
  later(limits.redrawInterval);
  say('\r');
  say('\nend\n');
  expect(lines).toEqual([' 0%', '10%', '20%', '30%', '40%', 'end']);
});

test('a state that was wiped, and one that no line end follows, is the last one all the same', () => {
  say('50%\r100%\r    \r\n');
  expect(lines).toEqual(['100%']);
  say('half');
  say('\rwhole');
  stream.end();
  expect(lines).toEqual(['100%', 'half', 'whole']);
});

test('lines that end as on Windows are lines, also where the two signs come apart', () => {
  for (const part of ['one\r', '\ntwo\r\n', '\r\n', 'three\r\n']) say(part);
  expect(lines).toEqual(['one', 'two', '', 'three']);
});

test('what is too long to be a bar is cut like any line, and nothing of it is lost', () => {
  const long = 'x'.repeat(limits.logLineLength);
  say(`begin\r${long}`);
  say('y\n');
  expect(lines).toEqual(['begin', long, 'y']);
});
