// Durations and sizes as people write them: `90s`, `1h30m`, `8GiB`.
import { limits } from '#schemas/limits.ts';

const DURATIONS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

const SIZES: readonly (readonly [string, number])[] = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['GB', 1_000_000_000],
  ['MB', 1_000_000],
  ['KB', 1_000],
  ['B', 1],
];

export type Parsed =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly why: string };

/** As patterns, for JSON Schema. */
export const DURATION_PATTERN = '^(?:\\d+(?:\\.\\d+)?(?:ms|[smhd]))+$';
export const SIZE_PATTERN = '^\\d+(?:\\.\\d+)? ?(?:[KMG]i?B)$';

const BARE = /^\s*[-+]?\d+(?:\.\d+)?\s*$/;

/** Milliseconds of `90s`, `1h30m`, `250ms`. A bare number is refused: nobody could tell its unit. */
export function parseDuration(text: string): Parsed {
  if (BARE.test(text))
    return no(`"${text.trim()}" has no unit; say "${text.trim()}s", for seconds`);
  const wanted = 'wanted a duration such as 90s, 15m or 1h30m';
  if (!new RegExp(DURATION_PATTERN).test(text)) return no(`"${text}" is no duration; ${wanted}`);
  let total = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    const factor = DURATIONS.find(([name]) => name === unit)?.[1] ?? 1;
    if (factor >= smallest) return no(`"${text}" is no duration: units go from large to small`);
    smallest = factor;
    total += Number(amount) * factor;
  }
  if (total > limits.longestDuration) {
    return no(`"${text}" is longer than ${formatDuration(limits.longestDuration)}`);
  }
  return { ok: true, value: Math.round(total) };
}

/** Bytes of `8GiB`, `500MB`. A bare number is refused. */
export function parseSize(text: string): Parsed {
  if (BARE.test(text)) return no(`"${text.trim()}" has no unit; say "${text.trim()}GiB", for one`);
  const match = /^(\d+(?:\.\d+)?) ?([KMG]i?B)$/.exec(text);
  const factor = SIZES.find(([name]) => name === match?.[2])?.[1];
  if (match === null || factor === undefined) {
    return no(`"${text}" is no size; wanted one such as 512MiB, 8GiB or 20GB`);
  }
  const bytes = Math.round(Number(match[1]) * factor);
  if (!Number.isSafeInteger(bytes)) return no(`"${text}" is larger than any machine`);
  return { ok: true, value: bytes };
}

function no(why: string): Parsed {
  return { ok: false, why };
}

/** `1h30m` of 5,400,000 milliseconds. Parses back to the same number. */
export function formatDuration(milliseconds: number): string {
  let rest = Math.round(milliseconds);
  if (rest <= 0) return '0s';
  let text = '';
  for (const [unit, factor] of DURATIONS) {
    const count = Math.floor(rest / factor);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * factor;
  }
  return text;
}

/** `8GiB`, `1.5GiB`, `500MB`: the largest unit that says it exactly in at most two decimals, else about, in binary units. */
export function formatSize(bytes: number): string {
  for (const [unit, factor] of SIZES) {
    const count = bytes / factor;
    const steps = unit.includes('i') && count < 1024 ? 4 : 1;
    if (count >= 1 && Number.isInteger(count * steps)) {
      return `${count}${unit}`;
    }
  }
  const [unit, factor] = SIZES.slice(0, 3).find(([, size]) => bytes >= size) ?? ['B', 1];
  return `${Math.round((bytes / factor) * 100) / 100}${unit}`;
}
