import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from '#core/compile/units.ts';

test('durations are read and printed', () => {
  expect(parseDuration('1h30m')).toEqual({ ok: true, value: 5_400_000 });
  expect(parseDuration('250ms')).toEqual({ ok: true, value: 250 });
  expect(parseDuration('1.5h')).toEqual({ ok: true, value: 5_400_000 });
  expect(parseDuration('7d')).toEqual({ ok: true, value: 604_800_000 });
  for (const text of ['', '90', '-1s', '1m2h', '1s1s', 's', '1 h', '1e3s']) {
    expect(parseDuration(text).ok, text).toBe(false);
  }
  expect(formatDuration(5_400_000)).toBe('1h30m');
  expect(formatDuration(0)).toBe('0s');
});

test('what is printed as a duration is read as the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 366 * 86_400_000 }), (milliseconds) => {
      expect(parseDuration(formatDuration(milliseconds))).toEqual({
        ok: true,
        value: milliseconds,
      });
    }),
  );
});

test('sizes are read and printed', () => {
  expect(parseSize('8GiB')).toEqual({ ok: true, value: 8 * 1024 ** 3 });
  expect(parseSize('1.5GB')).toEqual({ ok: true, value: 1_500_000_000 });
  for (const text of ['8', '8G', '8gib', '', '-1MB', '9999999999GiB'])
    expect(parseSize(text).ok, text).toBe(false);
  expect(formatSize(8 * 1024 ** 3)).toBe('8GiB');
  expect(formatSize(1.5 * 1024 ** 3)).toBe('1.5GiB');
  expect(formatSize(500_000_000)).toBe('500MB');
  expect(formatSize(12)).toBe('12B');
  expect(formatSize(Math.round(0.3 * 1024 ** 3))).toBe('307.2MiB');
  expect(formatSize(Math.round(2.2 * 1024 ** 3))).toBe('2.2GiB');
});
