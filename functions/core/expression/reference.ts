// The slow, obvious judge of whole conditions: DESIGN's four truths, word for word. It is the oracle of the walker's gates
// and the source of `explain`. It looks at every part every time, and keeps nothing.
import type { Explanation } from '#schemas/report.ts';
import type { Json } from '#schemas/values.ts';
import { asTruth, evaluate, type Verdict } from './evaluate.ts';
import { printCondition } from './print.ts';
import { references } from './references.ts';
import type { Condition, Expr, Variables } from './types.ts';

/** What has happened so far: events by their pattern, and the values of variables. */
export interface World {
  /** Of a pattern: true once it happened, never once nothing can bring it about any more, not yet until then. */
  event(pattern: string): {
    readonly truth: 'true' | 'never' | 'not_yet';
    readonly because?: string;
  };
  readonly variables: Variables;
}

/** The truth of a condition, with the reason of a never or an error. */
export function judge(condition: Condition, world: World): Verdict {
  switch (condition.kind) {
    case 'event':
      return judgeEvent(condition.pattern, world);
    case 'term':
      return because(asTruth(evaluate(condition.expr, world.variables)), condition);
    case 'constant':
      return condition.value
        ? { truth: 'true' }
        : { truth: 'never', because: 'the condition is false' };
    case 'not':
      return judgeNot(condition.part, judge(condition.part, world));
    case 'and':
      return judgeAll(condition.parts.map((part) => judge(part, world)));
    case 'or':
      return judgeAny(condition.parts.map((part) => judge(part, world)));
  }
}

function judgeEvent(pattern: string, world: World): Verdict {
  const { truth, because: reason } = world.event(pattern);
  return truth === 'never'
    ? { truth, because: reason ?? `event:${pattern} can no longer come` }
    : { truth };
}

/** A term's reason says which term it is. */
function because(verdict: Verdict, condition: Condition): Verdict {
  return verdict.because === undefined
    ? verdict
    : { truth: verdict.truth, because: `${printCondition(condition)}: ${verdict.because}` };
}

/** True and never change places; not yet and error stay. */
function judgeNot(part: Condition, verdict: Verdict): Verdict {
  switch (verdict.truth) {
    case 'true':
      return { truth: 'never', because: `${printCondition(part)} is true` };
    case 'never':
      return { truth: 'true' };
    case 'not_yet':
    case 'error':
      return verdict;
  }
}

/** Any never: never. Else any not yet: not yet. Else any error: error. Else true. */
function judgeAll(parts: readonly Verdict[]): Verdict {
  return (
    parts.find(({ truth }) => truth === 'never') ??
    parts.find(({ truth }) => truth === 'not_yet') ??
    parts.find(({ truth }) => truth === 'error') ?? { truth: 'true' }
  );
}

const REASONS = 3;

/** The dual: any true: true. Else any not yet: not yet. Else any error: error. Else never. */
function judgeAny(parts: readonly Verdict[]): Verdict {
  const found =
    parts.find(({ truth }) => truth === 'true') ??
    parts.find(({ truth }) => truth === 'not_yet') ??
    parts.find(({ truth }) => truth === 'error');
  if (found !== undefined) {
    return found;
  }
  const reasons = [...new Set(parts.flatMap((part) => part.because ?? []))];
  const more = reasons.length > REASONS ? `; and ${reasons.length - REASONS} more` : '';
  return { truth: 'never', because: reasons.slice(0, REASONS).join('; ') + more };
}

/** The condition as a tree with the truth of every part, and the values of the variables that its terms name. */
export function explainCondition(condition: Condition, world: World): Explanation {
  const { truth, because: reason } = judge(condition, world);
  const parts = partsOf(condition).map((part) => explainCondition(part, world));
  return {
    text: printCondition(condition),
    kind: condition.kind === 'constant' ? 'term' : condition.kind,
    truth,
    ...(reason === undefined ? {} : { because: reason }),
    ...(condition.kind === 'term' ? { values: valuesOf(condition.expr, world.variables) } : {}),
    ...(parts.length === 0 ? {} : { parts }),
  };
}

function partsOf(condition: Condition): readonly Condition[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return condition.parts;
    case 'not':
      return [condition.part];
    case 'event':
    case 'term':
    case 'constant':
      return [];
  }
}

/** What is known of the variables an expression names. Those that are not known yet are left out, and secrets are not shown. */
export function valuesOf(expr: Expr, variables: Variables): Record<string, Json> {
  const named = references(expr);
  const found: [string, Json][] = [];
  const look = (text: string, variable: Expr) => {
    const result = evaluate(variable, variables);
    if (result.is === 'value') {
      found.push([text, result.value]);
    }
  };
  for (const { name, at } of named.inputs) {
    look(`pipeline.input.${name}`, { kind: 'input', at, name });
  }
  for (const { node, name, at } of named.outputs) {
    look(`${node}.${name}`, { kind: 'output', at, node, name });
  }
  for (const { name, at } of named.system) {
    look(`system.${name}`, { kind: 'system', at, name });
  }
  for (const { name, at } of named.locals) {
    look(name, { kind: 'local', at, name });
  }
  for (const { name, at } of named.payloads) {
    const event: Expr = { kind: 'literal', at, value: name };
    look(`payload('${name}')`, { kind: 'call', at, name: 'payload', args: [event] });
  }
  return Object.fromEntries(found);
}
