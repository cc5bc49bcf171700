// Conditions that are the same in every run, and such as contradict themselves.
import { evaluate } from '#core/expression/evaluate.ts';
import { references } from '#core/expression/references.ts';
import type { Condition, Variables } from '#core/expression/types.ts';
import { END_EVENTS, endOf, splitEvent } from './world.ts';

/** What a condition comes to whatever happens; undefined when that depends. */
export type Constant = 'true' | 'never' | { readonly error: string } | undefined;

const NOTHING: Variables = { input: {}, system: {}, node: () => ({ is: 'not_yet' }) };

export function constantOf(condition: Condition): Constant {
  switch (condition.kind) {
    case 'constant':
      return condition.value ? 'true' : 'never';
    case 'event':
      return undefined;
    case 'term':
      return termConstant(condition);
    case 'not':
      return negated(constantOf(condition.part));
    default:
      return gateConstant(condition);
  }
}

function negated(constant: Constant): Constant {
  if (constant === 'true') return 'never';
  return constant === 'never' ? 'true' : constant;
}

function termConstant(term: Condition & { kind: 'term' }): Constant {
  const { inputs, outputs, system, secrets, locals, payloads } = references(term);
  const named = [inputs, outputs, system, secrets, locals, payloads];
  if (named.some((names) => names.length > 0)) return undefined;
  const result = evaluate(term.expr, NOTHING);
  if (result.is === 'error') return { error: result.message };
  if (result.is !== 'value') return undefined;
  if (typeof result.value === 'boolean') return result.value ? 'true' : 'never';
  return { error: 'it is no true or false' };
}

function gateConstant(gate: Condition & { kind: 'and' | 'or' }): Constant {
  const deciding = gate.kind === 'and' ? 'never' : 'true';
  const parts = gate.parts.map(constantOf);
  if (parts.includes(deciding)) return deciding;
  if (parts.every((part) => part !== undefined)) {
    return parts.find((part) => typeof part === 'object') ?? negated(deciding);
  }
  const keys = new Set(gate.parts.map(keyOf));
  const both = gate.parts.some((part) => part.kind === 'not' && keys.has(keyOf(part.part)));
  return both ? deciding : undefined;
}

/** The same for conditions that are written alike but for blanks and order. */
function keyOf(condition: Condition): string {
  switch (condition.kind) {
    case 'constant':
      return `${condition.value}`;
    case 'event':
      return `event:${condition.pattern}`;
    case 'term':
      return `{{${condition.text}}}`;
    case 'not':
      return `!${keyOf(condition.part)}`;
    default:
      return `(${condition.parts.map(keyOf).sort().join(` ${condition.kind} `)})`;
  }
}

/** Two events of which only one can happen, where both are wanted. */
export function contradiction(condition: Condition): { events: string; at: number } | undefined {
  if (condition.kind === 'or') {
    for (const part of condition.parts) {
      const found = contradiction(part);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (condition.kind !== 'and') return undefined;
  const ends = new Map<string, string>();
  for (const part of condition.parts) {
    if (part.kind !== 'event') {
      const found = contradiction(part);
      if (found !== undefined) return found;
      continue;
    }
    const { source, event } = splitEvent(part.pattern);
    if (!END_EVENTS.has(endOf(event)) || source.includes('*')) continue;
    const other = ends.get(source);
    if (other !== undefined && endOf(other) !== endOf(event)) {
      return { events: `event:${source}.${other} and event:${source}.${event}`, at: part.at };
    }
    ends.set(source, event);
  }
  return undefined;
}
