// The grammar of ids, and ids made from other spellings.
import { message, nearHint, part } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import { type Findings, subjectOf } from './findings.ts';
import { shown } from './nearest.ts';
import { text } from './read.ts';
import { FORBIDDEN_KEYS, type Place } from './tree.ts';

/** Letters of any script, digits and `_`, no digit first. */
const ID = /^[\p{L}_][\p{L}\p{M}\p{Nd}_]*$/u;
const PIPELINE_ID = /^[\p{L}_][\p{L}\p{M}\p{Nd}_-]*$/u;

/** Words that mean something else in expressions. */
export const RESERVED: ReadonlySet<string> = new Set([
  'pipeline',
  'system',
  'external',
  'secret',
  'item',
  'index',
  'true',
  'false',
  'null',
  ...FORBIDDEN_KEYS,
]);

/** The id of a node, step or input; undefined when it is none, which is said. */
export function id(findings: Findings, place: Place | undefined): string | undefined {
  const value = text(findings, place);
  if (value === undefined || place === undefined) return undefined;
  if (value.length > limits.idLength)
    return bad(findings, place, part('length', { most: limits.idLength }));
  if (!ID.test(value)) return bad(findings, place, part('letters'), idFrom(value));
  if (!RESERVED.has(value)) return value.normalize('NFC');
  findings.error(message('reserved_id', 'id', { subject: subjectOf(place), came: value }), place, {
    suggestion: `${value}_`,
  });
  return undefined;
}

/** What stands as an id although it is none, so that what names it is not a problem as well. */
export function writtenId(place: Place | undefined): string | undefined {
  if (place?.tree.kind !== 'scalar' || place.tree.value === null) return undefined;
  return `${place.tree.value}`;
}

/** The id of a pipeline, which may have hyphens. */
export function pipelineId(findings: Findings, place: Place | undefined): string | undefined {
  const value = text(findings, place);
  if (value === undefined || place === undefined) return undefined;
  if (value.length > limits.idLength)
    return bad(findings, place, part('length', { most: limits.idLength }));
  if (PIPELINE_ID.test(value)) return value.normalize('NFC');
  return bad(findings, place, part('pipeline_letters'), idFrom(value));
}

function bad(findings: Findings, place: Place, wanted: string, suggestion?: string): undefined {
  const value = place.tree.kind === 'scalar' ? `${place.tree.value}` : '';
  const subject = subjectOf(place);
  const filling = { subject, came: shown(value), wanted, hint: nearHint(suggestion) };
  findings.error(message('bad_id', 'id', filling), place, { expected: wanted, suggestion });
}

/** What is wrong with the name of an output, which is a member in expressions. */
export function outputName(name: string): string | undefined {
  if (name.length > limits.idLength) return part('length', { most: limits.idLength });
  if (ID.test(name) && !FORBIDDEN_KEYS.has(name)) return undefined;
  return part('letters');
}

/** An id near to any spelling: what an id cannot hold becomes `_`. */
export function idFrom(spelling: string): string {
  const letters = spelling
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{M}\p{Nd}_]+/gu, '_')
    .slice(0, limits.idLength - 8);
  const first = /^[\p{L}_]/u.test(letters) ? letters : `_${letters}`;
  return RESERVED.has(first) ? `${first}_` : first;
}

/** An id near to the spelling that is not taken yet; takes it. */
export function freshId(spelling: string, taken: Set<string>): string {
  const base = idFrom(spelling);
  let candidate = base;
  for (let count = 2; taken.has(candidate); count += 1) candidate = `${base}_${count}`;
  taken.add(candidate);
  return candidate;
}
