// The patterns of `event:`: NODE.EVENT, where * stands for any letters. What people write instead is put right.
import { fail, type Source } from './problem.ts';

export interface EventPlace {
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly pattern: string;
}

/** Fails where the pattern is none, with what is meant. */
export function checkEvent(source: Source, place: EventPlace): void {
  const { at, start, end, pattern } = place;
  const written = source.text.slice(at, start);
  const next = source.text.charAt(end);
  if (next === "'" || next === '"') {
    const quoted = source.text.slice(end + 1).split(next, 1)[0] ?? '';
    const to = end + quoted.length + 2;
    const message = 'the name of an event stands without quotes';
    fail(source, { at, message, fix: { to, by: `event:${quoted}` } });
  }
  if (written !== 'event:') {
    const message = `an event is written without spaces: event:${pattern}`;
    fail(source, { at, message, fix: { to: end, by: `event:${pattern}` } });
  }
  if (next === '[') {
    const message = `event:${pattern}[…]: events cannot name one instance; wait for the whole node: event:${pattern}.completed`;
    fail(source, { at, message });
  }
  if (pattern.includes('-')) {
    const by = pattern.replaceAll('-', '_');
    const message = `event:${pattern}: ids have no hyphen, because it would be a minus; write event:${by}`;
    fail(source, { at, message, fix: { to: end, by: `event:${by}` } });
  }
  if (!pattern.includes('.')) {
    const message = `event:${pattern} names a node but no event of it: event:${pattern}.completed`;
    fail(source, { at, message, fix: { to: end, by: `event:${pattern}.completed` } });
  }
  if (!/^[\p{L}_*][\p{L}\p{M}\p{Nd}_*]*(?:\.[\p{L}_*][\p{L}\p{M}\p{Nd}_*]*)+$/u.test(pattern)) {
    const message = `event:${pattern} is no event; it is written event:NODE.completed, * stands for any letters`;
    fail(source, { at, message });
  }
}
