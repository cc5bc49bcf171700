// Durations and sizes as people write them: `90s`, `1h30m`, `8GiB`.
import { type Message, message } from '#core/messages.ts';
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
  | { readonly ok: false; readonly said: Message<'bad_duration' | 'bad_size'> };

/** As patterns, for JSON Schema. */
export const DURATION_PATTERN = '^(?:\\d+(?:\\.\\d+)?(?:ms|[smhd]))+$';
export const SIZE_PATTERN = '^\\d+(?:\\.\\d+)? ?(?:[KMG]i?B)$';

const BARE = /^\s*[-+]?\d+(?:\.\d+)?\s*$/;

/** Milliseconds of `90s`, `1h30m`, `250ms`. A bare number is refused: nobody could tell its unit. */
export function parseDuration(text: string): Parsed {
  if (BARE.test(text)) return no(message('bad_duration', 'no_unit', { came: text.trim() }));
  if (!new RegExp(DURATION_PATTERN).test(text)) {
    return no(message('bad_duration', 'form', { came: text }));
  }
  let total = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    const factor = DURATIONS.find(([name]) => name === unit)?.[1] ?? 1;
    if (factor >= smallest) return no(message('bad_duration', 'order', { came: text }));
    smallest = factor;
    total += Number(amount) * factor;
  }
  if (total > limits.longestDuration) {
    const most = formatDuration(limits.longestDuration);
    return no(message('bad_duration', 'long', { came: text, most }));
  }
  return { ok: true, value: Math.round(total) };
}

/** Bytes of `8GiB`, `500MB`. A bare number is refused. */
export function parseSize(text: string): Parsed {
  if (BARE.test(text)) return no(message('bad_size', 'no_unit', { came: text.trim() }));
  const match = /^(\d+(?:\.\d+)?) ?([KMG]i?B)$/.exec(text);
  const factor = SIZES.find(([name]) => name === match?.[2])?.[1];
  if (match === null || factor === undefined) {
    return no(message('bad_size', 'form', { came: text }));
  }
  const bytes = Math.round(Number(match[1]) * factor);
  if (!Number.isSafeInteger(bytes)) return no(message('bad_size', 'large', { came: text }));
  return { ok: true, value: bytes };
}

function no(said: Message<'bad_duration' | 'bad_size'>): Parsed {
  return { ok: false, said };
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
    // Whole bytes say every size exactly, and large ones to nobody.
    if (factor === 1 && bytes >= 1_000) break;
    if (count >= 1 && Number.isInteger(count * steps)) {
      return `${count}${unit}`;
    }
  }
  const [unit, factor] = SIZES.slice(0, 3).find(([, size]) => bytes >= size) ?? ['B', 1];
  return `${Math.round((bytes / factor) * 100) / 100}${unit}`;
}
