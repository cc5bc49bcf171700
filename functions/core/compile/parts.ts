// Parts that nodes and steps share: retries, resources, variables.

import { message, nearHint } from '#core/messages.ts';
import { nodesLimits, nodesResources, nodesRetry } from '#schemas/dialect-nodes.ts';
import { limits } from '#schemas/limits.ts';
import { type Resources, type Retry, retryClass } from '#schemas/plan.ts';
import { type Findings, subjectOf } from './findings.ts';
import { nearest, shown } from './nearest.ts';
import {
  anyMapping,
  boolean,
  duration,
  entriesOf,
  list,
  type MapPlace,
  mapping,
  number,
  required,
  size,
  text,
  word,
  writtenText,
} from './read.ts';
import { member, type Place } from './tree.ts';

/** The members of `nodes`: one or more, and no more than are allowed. */
export function nodePlaces(findings: Findings, map: MapPlace): readonly Place[] {
  const place = required(findings, map, 'nodes', 'a list of nodes');
  const places = list(findings, place);
  if (places?.length === 0) {
    findings.error(message('empty_value', 'nodes'), place);
  }
  if (places === undefined || places.length <= limits.planNodes) return places ?? [];
  const filling = { count: places.length, most: limits.planNodes };
  findings.error(message('too_many', 'nodes', filling), place);
  return [];
}

const RETRY_KEYS = Object.keys(nodesRetry.shape);
const RESOURCE_KEYS = Object.keys(nodesResources.shape);
const LIMIT_KEYS = Object.keys(nodesLimits.shape);
const RETRY_CLASSES = ['failed', 'timed_out', 'interrupted', 'out_of_memory'];
const ATTEMPTS = { from: 1, to: limits.retryAttempts, whole: true };

const RETRY_DEFAULTS: Omit<Retry, 'maxAttempts'> = {
  on: ['failed', 'timed_out', 'interrupted'],
  delay: limits.retryDelay,
  backoff: 'exponential',
  maxDelay: limits.retryMaxDelay,
};

/** `retry: 3` or `{ maxAttempts, on, delay, backoff, maxDelay }`. */
export function retry(findings: Findings, place: Place | undefined): Retry | undefined {
  if (place === undefined) return undefined;
  if (place.tree.kind === 'scalar') {
    const maxAttempts = number(findings, place, ATTEMPTS);
    return maxAttempts === undefined ? undefined : { maxAttempts, ...RETRY_DEFAULTS };
  }
  const map = mapping(findings, place, RETRY_KEYS);
  if (map === undefined) return undefined;
  const wanted = 'a number of attempts, the first included';
  const maxAttempts = number(findings, required(findings, map, 'maxAttempts', wanted), ATTEMPTS);
  const on = list(findings, member(map, 'on'))?.flatMap((item) => retriedClass(findings, item));
  const delay = duration(findings, member(map, 'delay')) ?? RETRY_DEFAULTS.delay;
  const maxDelay =
    duration(findings, member(map, 'maxDelay')) ?? Math.max(delay, RETRY_DEFAULTS.maxDelay);
  const backoff = word(findings, member(map, 'backoff'), ['fixed', 'exponential'] as const);
  if (maxAttempts === undefined) return undefined;
  return {
    maxAttempts,
    on: on ?? RETRY_DEFAULTS.on,
    delay,
    backoff: backoff ?? RETRY_DEFAULTS.backoff,
    maxDelay,
  };
}

function retriedClass(findings: Findings, place: Place): readonly string[] {
  const value = text(findings, place);
  if (value === undefined) return [];
  const exit = /^exit:(\d{1,3})(?:-(\d{1,3}))?$/.exec(value);
  const [from, to] = [Number(exit?.[1]), Number(exit?.[2] ?? exit?.[1])];
  const fits = exit === null || (from <= to && to <= 255);
  if (retryClass.safeParse(value).success && fits) return [value];
  const near = nearest(value, RETRY_CLASSES);
  const said = message('wrong_value', 'retry_class', {
    subject: subjectOf(place),
    came: shown(value),
    known: RETRY_CLASSES.join(', '),
    hint: nearHint(near),
  });
  findings.error(said, place, { suggestion: near });
  return [];
}

/** What a node asks for, and what it may use at most. */
export function resources(findings: Findings, place: Place | undefined): Resources | undefined {
  const map = mapping(findings, place, RESOURCE_KEYS);
  if (map === undefined) return undefined;
  const spot = boolean(findings, member(map, 'spot'));
  const asked = { ...amounts(findings, map), ...(spot === undefined ? {} : { spot }) };
  const bounds = mapping(findings, member(map, 'limits'), LIMIT_KEYS);
  if (bounds === undefined) return asked;
  const most = amounts(findings, bounds);
  for (const key of ['cpu', 'memory', 'gpu'] as const) {
    const [want, bound] = [asked[key], most[key]];
    if (want === undefined || bound === undefined || bound >= want) continue;
    const said = message('wrong_value', 'limits', { subject: subjectOf(bounds), resource: key });
    findings.error(said, bounds, { key });
  }
  return { ...asked, limits: most };
}

function amounts(findings: Findings, map: Place): { cpu?: number; memory?: number; gpu?: number } {
  const cpu = number(findings, member(map, 'cpu'), { from: 0, above: true });
  const memory = size(findings, member(map, 'memory'));
  const gpu = number(findings, member(map, 'gpu'), { from: 0, whole: true });
  const place = member(map, 'memory');
  if (memory === 0 && place !== undefined) {
    findings.error(message('wrong_value', 'zero', { subject: subjectOf(place) }), place);
  }
  return {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined || memory === 0 ? {} : { memory }),
    ...(gpu === undefined ? {} : { gpu }),
  };
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Environment variables. */
export function variables(
  findings: Findings,
  place: Place | undefined,
): Record<string, string> | undefined {
  const map = anyMapping(findings, place);
  if (map === undefined) return undefined;
  const env: Record<string, string> = {};
  for (const entry of entriesOf(map)) {
    const name = `${entry.key}`;
    const value = writtenText(findings, entry);
    if (variableName(findings, map, name) && value !== undefined) env[name] = value;
    if (value?.includes('\0') === true) {
      findings.error(message('unsafe_value', 'nul', { subject: subjectOf(entry) }), entry);
    }
  }
  return env;
}

function variableName(findings: Findings, map: Place, name: string): boolean {
  const reserved = name.startsWith('MILLRACE_');
  if (VARIABLE.test(name) && !reserved) return true;
  const filling = { subject: subjectOf(map), name: shown(name) };
  const said = reserved
    ? message('reserved_id', 'variable', filling)
    : message('bad_id', 'variable', filling);
  findings.error(said, map, { key: name });
  return false;
}

/** A whole number; the higher, the sooner. */
export function priorityOf(findings: Findings, place: Place | undefined): number | undefined {
  const most = Number.MAX_SAFE_INTEGER;
  return number(findings, place, { from: -most, to: most, whole: true });
}
