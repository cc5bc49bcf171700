// Times, sizes and values as they are shown.
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Json } from '#schemas/values.ts';
import { columnsOf, fitting } from './width.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `0.3 s`, `42 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`. */
export function spell(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 9_950) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < MINUTE - 500) return `${Math.round(ms / SECOND)} s`;
  const seconds = Math.round(ms / SECOND);
  if (ms < HOUR)
    return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.floor((ms % HOUR) / MINUTE)} min`;
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
}

/** The time of day, here. */
export function clock(at: string | number): string {
  const when = new Date(at);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
}

/** The day and the time of day, here. */
export function dayAndClock(at: number): string {
  const when = new Date(at);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())} ${clock(at)}`;
}

export function spellBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const scaled = bytes / 1024 ** step;
  return `${step === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[step] ?? ''}`;
}

/** One line, without what would move the cursor, in at most so many columns. */
export function shorten(text: string, width: number): string {
  const line = plain(text);
  return columnsOf(line) <= width ? line : `${fitting(line, Math.max(0, width - 1))}…`;
}

/** Without control characters but tabs: what a program printed must not steer the terminal. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/[^\P{Cc}\t]/gu, ' ');
}

/** The same of a text that may have several lines. */
export function plainLines(text: string): string {
  return text.split('\n').map(plain).join('\n');
}

/** A value in a few characters; a file as the path one can open. */
export function showValue(
  value: Json,
  place: { dataDir: string; cwd: string },
  width = 60,
): string {
  const file = filePath(value, place);
  if (file !== undefined) return plain(file);
  if (typeof value === 'string') return shorten(value, width);
  const reference = member(value, '$ref');
  const size = reference === undefined ? undefined : member(reference, 'size');
  if (reference !== undefined && typeof size === 'number') {
    const count = member(reference, 'count');
    const what = typeof count === 'number' ? `a list of ${count}` : 'a value';
    return `${what}, ${spellBytes(size)}`;
  }
  return shorten(JSON.stringify(value), width);
}

/** The path of a file value on this machine, relative where that is shorter. */
export function filePath(value: Json, place: { dataDir: string; cwd: string }): string | undefined {
  const file = member(value, '$file');
  if (file === undefined) return undefined;
  const given = member(file, 'path');
  const key = member(file, 'key');
  if (typeof given === 'string') return nearer(given, place.cwd);
  // On a server: what the store calls it is all there is to say.
  if (typeof key === 'string' && place.dataDir === '') return key;
  if (typeof key === 'string') return nearer(path.join(place.dataDir, 'objects', key), place.cwd);
  return undefined;
}

function nearer(absolute: string, cwd: string): string {
  const relative = path.relative(cwd, absolute);
  return relative.length > 0 && relative.length < absolute.length ? relative : absolute;
}

function member(value: Json, name: string): Json | undefined {
  if (value === null || typeof value !== 'object' || isList(value)) return undefined;
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
