// What follows when an operator fails: further attempts, and then another operator, nothing, or the end of the run.
import { hint, message, nearHint } from '#core/messages.ts';
import { ON_FAILURE, operatorsRetry } from '#schemas/dialect-operators.ts';
import { limits } from '#schemas/limits.ts';
import type { Retry } from '#schemas/plan.ts';
import { type Findings, subjectOf } from './findings.ts';
import { listed, nearest } from './nearest.ts';
import { mapping, number, present, required, shownAt, text, word, wrongType } from './read.ts';
import type { Place } from './tree.ts';

const RETRY_KEYS = Object.keys(operatorsRetry.shape);

/** Time-outs are tried again too; the interval is a lower bound. */
export function operatorRetry(findings: Findings, place: Place | undefined): Retry | undefined {
  if (place?.tree.kind === 'scalar' && typeof place.tree.value === 'number') {
    wrongType(findings, place, 'a mapping', `{ max_attempts: ${place.tree.value} }`);
    return undefined;
  }
  const map = mapping(findings, place, RETRY_KEYS, 'warn');
  if (map === undefined) return undefined;
  const attempts = required(
    findings,
    map,
    'max_attempts',
    'a number of attempts, the first included',
  );
  const most = limits.retryAttempts;
  const maxAttempts = number(findings, attempts, { from: 1, to: most, whole: true });
  const longest = limits.longestDuration / 1_000;
  const interval =
    number(findings, present(map, 'interval'), { from: 0, to: longest, unit: 'seconds' }) ?? 1;
  const backoff = word(findings, present(map, 'backoff'), ['fixed', 'exponential'] as const);
  if (maxAttempts === undefined) return undefined;
  const delay = Math.round(interval * 1_000);
  return {
    maxAttempts,
    on: ['failed', 'timed_out', 'interrupted'],
    delay,
    backoff: backoff ?? 'fixed',
    maxDelay: Math.max(delay, limits.retryMaxDelay),
    least: delay,
  };
}

export type OnFailure =
  | { readonly kind: 'stop' | 'continue' }
  | { readonly kind: 'fallback'; readonly name: string; readonly place: Place };

/** `stop`, `continue`, `fallback: ID` as a text or as a mapping. */
export function onFailure(findings: Findings, place: Place | undefined): OnFailure | undefined {
  if (place === undefined) return undefined;
  if (place.tree.kind === 'map') {
    const map = mapping(findings, place, ['fallback']);
    const at = map && required(findings, map, 'fallback', 'the id of an operator');
    const name = text(findings, at);
    return at === undefined || name === undefined
      ? undefined
      : { kind: 'fallback', name, place: at };
  }
  const written = text(findings, place);
  if (written === undefined) return undefined;
  const name = /^fallback: *(\S.*)$/.exec(written)?.[1];
  if (name !== undefined) return { kind: 'fallback', name, place };
  const found = ON_FAILURE.find((each) => each === written);
  if (found !== undefined) return { kind: found };
  const words = [...ON_FAILURE, 'fallback: ID'];
  const near = nearest(written, ON_FAILURE);
  const filling = { subject: subjectOf(place), came: shownAt(place, written) };
  const said = message('wrong_value', 'word', {
    ...filling,
    known: words.join(', '),
    hint: nearHint(near),
  });
  findings.error(said, place, { suggestion: near });
  return undefined;
}

/** An operator as far as failures concern it. */
export interface Failing {
  readonly spelling: string;
  readonly upstream: readonly { readonly name: string }[];
  readonly onFailure: OnFailure | undefined;
}

/** In one node any operator takes the place of another; between nodes where both are all that their nodes run. */
function mayReplace(home: ReadonlyMap<string, string>, operator: string, other: string): boolean {
  return (
    home.get(operator) === home.get(other) || [operator, other].every((each) => isAlone(home, each))
  );
}

/** Whether a node runs nothing else: then what becomes of the node is what becomes of the operator. */
function isAlone(home: ReadonlyMap<string, string>, operator: string): boolean {
  const node = home.get(operator);
  return [...home.values()].filter((each) => each === node).length === 1;
}

/** Whether every fallback is there, in the node of the operator whose place it takes or alone like it, and can take it. */
export function checkFallbacks(
  findings: Findings,
  operators: ReadonlyMap<string, Failing>,
  home: ReadonlyMap<string, string>,
): void {
  for (const { spelling: operator, onFailure: then } of operators.values()) {
    if (then?.kind !== 'fallback') continue;
    const { name, place } = then;
    const subject = subjectOf(place);
    const [node, other] = [home.get(operator), home.get(name)];
    if (!operators.has(name)) {
      const near = nearest(name, operators.keys());
      const ending = nearHint(near, () => hint('has', { known: listed([...operators.keys()]) }));
      const said = message('unknown_operator', 'names', { subject, name, hint: ending });
      findings.error(said, place, { suggestion: near });
    } else if (name === operator) {
      findings.error(message('wrong_value', 'fallback_itself', { subject }), place);
    } else if (node !== undefined && other !== undefined && !mayReplace(home, operator, name)) {
      const filling = { subject, name, other, node, operator };
      findings.error(message('wrong_value', 'fallback_node', filling), place);
    } else if (waitsFor(operators, name, operator)) {
      findings.error(message('wrong_value', 'fallback_waits', { subject, name, operator }), place);
    }
  }
}

/** Whether an operator waits for another, directly or through others, or takes the place of one that does. */
function waitsFor(operators: ReadonlyMap<string, Failing>, from: string, to: string): boolean {
  const seen = new Set([from]);
  for (const name of seen) {
    const { upstream = [], onFailure: then } = operators.get(name) ?? {};
    const next = upstream.map((each) => each.name);
    if (then?.kind === 'fallback') next.push(then.name);
    if (next.includes(to)) return true;
    for (const each of next) seen.add(each);
  }
  return false;
}

/** The condition of a step, by ids of steps; undefined where it starts with the node or has plain needs. */
export function startOf(
  id: string,
  needs: readonly string[],
  fallbacks: ReadonlyMap<string, string>,
): string | undefined {
  const failing = [...fallbacks].filter(([, fallback]) => fallback === id).map(([from]) => from);
  if (failing.length === 0 && needs.every((need) => !fallbacks.has(need))) return undefined;
  const terms = needs.map((need) => {
    const all = placesOf(need, fallbacks).map((each) => `event:${each}.completed`);
    return all.length === 1 ? all.join('') : `(${all.join(' || ')})`;
  });
  if (failing.length > 0) {
    const ends = failing.flatMap((from) => [`event:${from}.failed`, `event:${from}.timed_out`]);
    terms.unshift(`(${ends.join(' || ')})`);
  }
  return terms.join(' && ');
}

/** A step, what takes its place, what takes the place of that. */
export function placesOf(id: string, fallbacks: ReadonlyMap<string, string>): readonly string[] {
  const all = new Set([id]);
  for (const each of all) {
    const next = fallbacks.get(each);
    if (next !== undefined) all.add(next);
  }
  return [...all];
}
