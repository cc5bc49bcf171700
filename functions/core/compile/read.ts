// Readers of single values: each says what is wrong with what it finds and answers undefined then.
import { hint, message, nearHint } from '#core/messages.ts';
import type { Json } from '#schemas/values.ts';
import { type Findings, subjectOf } from './findings.ts';
import { listed, nearest, shown } from './nearest.ts';
import {
  isNothing,
  items,
  kindOf,
  type MapTree,
  member,
  type Place,
  type ScalarTree,
  type Tree,
} from './tree.ts';
import { parseDuration, parseSize } from './units.ts';

/** Whether a value was misread by YAML, or is absent: then there is nothing to say of it. */
function silent(place: Place | undefined): place is undefined {
  return place === undefined || (place.tree.kind === 'scalar' && place.tree.broken === true);
}

/** Says that a value is of the wrong kind. */
export function wrongType(
  findings: Findings,
  place: Place,
  wanted: string,
  suggestion?: string,
): void {
  const { tree } = place;
  const isText = tree.kind === 'scalar' && typeof tree.value === 'string' && tree.value !== '';
  const came = isText && tree.pieces === undefined ? `the text ${written(tree)}` : kindOf(tree);
  const filling = { subject: subjectOf(place), came, wanted };
  findings.error(message('wrong_type', 'value', filling), place, { expected: wanted, suggestion });
}

export function wrongValue(findings: Findings, place: Place, wanted: string): undefined {
  const filling = { subject: subjectOf(place), came: written(place.tree), wanted };
  findings.error(message('wrong_value', 'value', filling), place, { expected: wanted });
}

/** A value as it is shown in messages. */
export function written(tree: Tree): string {
  if (tree.kind !== 'scalar') return kindOf(tree);
  if (tree.pieces !== undefined) return HIDDEN;
  return typeof tree.value === 'string' ? `"${shown(tree.value)}"` : `${tree.value}`;
}

/** What is shown in the place of a decoded value. */
const HIDDEN = '***';

/** A text of a place, short enough for a message; a decoded one is not shown. */
export function shownAt(place: Place, text: string): string {
  return place.tree.kind === 'scalar' && place.tree.pieces !== undefined ? HIDDEN : shown(text);
}

/** A place that holds a mapping. */
export type MapPlace = Place & { readonly tree: MapTree };

export function isMap(place: Place): place is MapPlace {
  return place.tree.kind === 'map';
}

/** A mapping with these keys and no others. An unknown key is an error, or a warning where upstream ignores it. */
export function mapping(
  findings: Findings,
  place: Place | undefined,
  known: readonly string[],
  unknown: 'error' | 'warn' = 'error',
): MapPlace | undefined {
  const map = anyMapping(findings, place);
  if (map === undefined) return undefined;
  for (const key of map.tree.entries.keys()) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const said = message('unknown_key', 'key', {
      subject: subjectOf(map),
      key: shown(key),
      hint: nearHint(near, () => hint('known', { known: listed(known, 12) })),
    });
    findings[unknown](said, map, {
      key,
      expected: near === undefined ? listed(known, 30) : undefined,
      suggestion: near,
    });
  }
  return map;
}

/** A mapping whose keys the user chooses. */
export function anyMapping(findings: Findings, place: Place | undefined): MapPlace | undefined {
  if (silent(place)) return undefined;
  if (isMap(place)) return place;
  wrongType(findings, place, 'a mapping');
  return undefined;
}

/** Values of a mapping whose keys the user chooses. */
export function entriesOf(place: MapPlace): readonly Place[] {
  return [...place.tree.entries.keys()].flatMap((key) => member(place, key) ?? []);
}

/** A value that is there and not null, which the dialect `operators` takes for absent. */
export function present(map: Place, key: string): Place | undefined {
  const place = member(map, key);
  return place === undefined || isNothing(place.tree) ? undefined : place;
}

export function list(findings: Findings, place: Place | undefined): readonly Place[] | undefined {
  if (silent(place)) return undefined;
  const { tree } = place;
  if (tree.kind === 'list') return items(place);
  const isText = tree.kind === 'scalar' && typeof tree.value === 'string';
  const words = isText && tree.pieces === undefined ? tree.value.match(/[^\s,]+/g) : null;
  const quoted = words?.map((each) => JSON.stringify(each)).join(', ');
  wrongType(findings, place, 'a list', quoted && `[${quoted}]`);
  return undefined;
}

function scalar(
  findings: Findings,
  place: Place | undefined,
  wanted: string,
): (Place & { readonly tree: ScalarTree }) | undefined {
  if (silent(place)) return undefined;
  if (isScalar(place) && place.tree.value !== null) return place;
  wrongType(findings, place, wanted);
  return undefined;
}

function isScalar(place: Place): place is Place & { readonly tree: ScalarTree } {
  return place.tree.kind === 'scalar';
}

/** A text; a number or a truth is refused, because YAML may have changed it. */
export function text(findings: Findings, place: Place | undefined): string | undefined {
  const found = scalar(findings, place, 'a text');
  if (found === undefined) return undefined;
  const { value } = found.tree;
  if (typeof value !== 'string') {
    wrongType(findings, found, 'a text', `"${source(findings, found.tree)}"`);
    return undefined;
  }
  if (value.trim() !== '') return value;
  findings.error(message('empty_value', 'text', { subject: subjectOf(found) }), found);
  return undefined;
}

/** A text, or a number or truth as it is written: `TOP: 10` is the text `10`, `1.10` stays `1.10`. May be empty. */
export function writtenText(findings: Findings, place: Place | undefined): string | undefined {
  const found = scalar(findings, place, 'a text, a number, true or false');
  if (found === undefined) return undefined;
  return typeof found.tree.value === 'string' ? found.tree.value : source(findings, found.tree);
}

function source(findings: Findings, tree: ScalarTree): string {
  return tree.raw ?? findings.source.slice(tree.at, tree.end);
}

export function boolean(findings: Findings, place: Place | undefined): boolean | undefined {
  if (silent(place)) return undefined;
  if (place.tree.kind === 'scalar' && typeof place.tree.value === 'boolean')
    return place.tree.value;
  wrongType(findings, place, 'true or false');
  return undefined;
}

/** What a number must be. Both bounds are allowed values. */
export interface NumberRule {
  readonly from: number;
  readonly to?: number;
  readonly whole?: boolean;
  /** In place of `from`: greater than it. */
  readonly above?: boolean;
  /** What is counted, where the key does not tell. */
  readonly unit?: 'seconds' | 'GiB';
}

export function number(
  findings: Findings,
  place: Place | undefined,
  rule: NumberRule,
): number | undefined {
  if (silent(place)) return undefined;
  const value = place.tree.kind === 'scalar' ? place.tree.value : undefined;
  const kind = rule.whole === true ? 'a whole number' : 'a number';
  const low = rule.above === true ? ` greater than ${rule.from}` : ` of at least ${rule.from}`;
  const high = rule.to === undefined ? '' : `, at most ${rule.to}`;
  // What any number that can be counted with meets nobody need be told.
  const bounds = `${rule.from === Number.MIN_SAFE_INTEGER ? '' : low}${rule.to === Number.MAX_SAFE_INTEGER ? '' : high}`;
  const wanted = `${kind}${bounds}${rule.unit === undefined ? '' : `, in ${rule.unit}`}`;
  if (typeof value !== 'number') {
    wrongType(findings, place, wanted, counted(value, rule));
    return undefined;
  }
  const fits =
    (rule.above === true ? value > rule.from : value >= rule.from) &&
    value <= (rule.to ?? Number.MAX_SAFE_INTEGER) &&
    (rule.whole !== true || Number.isInteger(value));
  return fits ? value : wrongValue(findings, place, wanted);
}

/** `30m` in seconds, `8GB` and `512M` in GiB. */
function counted(value: unknown, { unit }: NumberRule): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (unit === 'seconds') {
    const parsed = parseDuration(value.replaceAll(' ', ''));
    return parsed.ok ? `${parsed.value / 1_000}` : undefined;
  }
  const [, amount, letter = ''] = /^(\d+(?:\.\d+)?) ?([GM])i?B?$/i.exec(value) ?? [];
  if (unit !== 'GiB' || amount === undefined) return undefined;
  return `${letter.toUpperCase() === 'G' ? Number(amount) : Number(amount) / 1024}`;
}

/** Milliseconds. */
export function duration(findings: Findings, place: Place | undefined): number | undefined {
  return unit(findings, place, 'bad_duration');
}

/** Bytes. */
export function size(findings: Findings, place: Place | undefined): number | undefined {
  return unit(findings, place, 'bad_size');
}

function unit(
  findings: Findings,
  place: Place | undefined,
  code: 'bad_duration' | 'bad_size',
): number | undefined {
  const wanted = code === 'bad_duration' ? 'a duration such as 90s or 2h' : 'a size such as 8GiB';
  const found = scalar(findings, place, wanted);
  if (found === undefined) return undefined;
  const word = source(findings, found.tree);
  const value = typeof found.tree.value === 'string' ? found.tree.value.trim() : word;
  const parsed = code === 'bad_duration' ? parseDuration(value) : parseSize(value);
  if (parsed.ok) return parsed.value;
  const bare = typeof found.tree.value === 'number';
  findings.error(parsed.said.about(subjectOf(found)), found, {
    expected: wanted,
    suggestion: bare ? `${word}${code === 'bad_duration' ? 's' : 'GiB'}` : undefined,
  });
  return undefined;
}

/** One of a few words. */
export function word<T extends string>(
  findings: Findings,
  place: Place | undefined,
  words: readonly T[],
): T | undefined {
  const value = text(findings, place);
  if (value === undefined || place === undefined) return undefined;
  const found = words.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const near = nearest(value, words);
  const known = words.join(', ');
  const came = shownAt(place, value);
  const filling = { subject: subjectOf(place), came, known, hint: nearHint(near) };
  findings.error(message('wrong_value', 'word', filling), place, {
    expected: known,
    suggestion: near,
  });
  return undefined;
}

/** Any value as JSON. Its depth was bounded when it was read. */
export function toJson(tree: Tree): Json {
  if (tree.kind === 'scalar') return tree.value;
  if (tree.kind === 'list') return tree.items.map(toJson);
  return Object.fromEntries([...tree.entries].map(([key, entry]) => [key, toJson(entry.value)]));
}

/** A key that must be there; says so when it is not. */
export function required(
  findings: Findings,
  place: MapPlace,
  key: string,
  wanted: string,
): Place | undefined {
  const found = member(place, key);
  if (found !== undefined) return found;
  const said = message('missing_key', 'key', { subject: subjectOf(place), key, wanted });
  findings.error(said, place, { expected: wanted, key });
  return undefined;
}
