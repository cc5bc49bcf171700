// The patterns of `event:`: NODE.EVENT, where * stands for any letters. What people write instead is put right.
import { message } from '#core/messages.ts';
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
    const said = message('expression_syntax', 'event_quotes');
    fail(source, { at, said, fix: { to, by: `event:${quoted}` } });
  }
  if (written !== 'event:') {
    const said = message('expression_syntax', 'event_spaces', { pattern });
    fail(source, { at, said, fix: { to: end, by: `event:${pattern}` } });
  }
  if (next === '[') {
    fail(source, { at, said: message('expression_syntax', 'event_instance', { pattern }) });
  }
  if (pattern.includes('-')) {
    const by = pattern.replaceAll('-', '_');
    const said = message('expression_syntax', 'event_hyphen', { pattern, id: by });
    fail(source, { at, said, fix: { to: end, by: `event:${by}` } });
  }
  if (!pattern.includes('.')) {
    const said = message('expression_syntax', 'event_node', { pattern });
    fail(source, { at, said, fix: { to: end, by: `event:${pattern}.completed` } });
  }
  if (!/^[\p{L}_*][\p{L}\p{M}\p{Nd}_*]*(?:\.[\p{L}_*][\p{L}\p{M}\p{Nd}_*]*)+$/u.test(pattern)) {
    fail(source, { at, said: message('expression_syntax', 'event_form', { pattern }) });
  }
}
