// Texts with `{{ }}` and JSON values made of them, with their values put in.
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { evaluateWithin } from './evaluate.ts';
import { undecided } from './operators.ts';
import { parseTemplate } from './parse.ts';
import { references } from './references.ts';
import type { Evaluated, Template, Variables } from './types.ts';
import {
  asText,
  type Budget,
  EXHAUSTED,
  error,
  isList,
  isObject,
  spend,
  tooLong,
  value,
} from './values.ts';

/**
 * A template with its values. One `{{ }}` alone keeps the type of its value; in a longer text values stand as text:
 * texts as they are, numbers as JSON prints them, lists and objects as compact JSON, null as `null`, files as their path.
 */
export function renderTemplate(template: Template, variables: Variables): Evaluated {
  return renderWithin(template, variables, { left: limits.expressionOperations });
}

function renderWithin(template: Template, variables: Variables, budget: Budget): Evaluated {
  const [only] = template.parts;
  if (template.parts.length === 1 && only !== undefined) {
    return typeof only === 'string' ? value(only) : evaluatePart(only, variables, budget);
  }
  const texts = template.parts.map((part) => {
    if (typeof part === 'string') {
      return value(part);
    }
    const result = evaluatePart(part, variables, budget);
    return result.is === 'value' ? asText(result.value, variables, budget) : result;
  });
  const open = undecided(texts);
  if (open !== undefined) {
    return open;
  }
  const text = texts.map((part) => (part.is === 'value' ? String(part.value) : '')).join('');
  const most = limits.expressionTextLength + template.text.length;
  return text.length > most ? error(tooLong(text.length)) : value(text);
}

type Part = Exclude<Template['parts'][number], string>;

/** One `{{ }}`. What is made from a secret is told to whoever has to hide it. */
export function evaluatePart(part: Part, variables: Variables, budget: Budget): Evaluated {
  const result = evaluateWithin(part.expr, variables, budget);
  if (variables.derived === undefined || result.is !== 'value') return result;
  // One of two texts that the pipeline names tells little of the secret, and may be a word that logs are full of.
  const told = typeof result.value === 'string' && part.expr.kind !== 'choice' && namesSecret(part);
  if (told) variables.derived(result.value);
  return result;
}

/** Whether a `{{ }}` is made with a secret. */
export function namesSecret(part: Part): boolean {
  return references(part.expr).secrets.length > 0;
}

/** A JSON value whose texts are templates, at any depth; the names of members are taken as they are. */
export function renderBinding(binding: Json, variables: Variables): Evaluated {
  return bind(binding, variables, { left: limits.expressionOperations }, 0);
}

function bind(binding: Json, variables: Variables, budget: Budget, depth: number): Evaluated {
  if (depth > limits.expressionDepth) {
    return error(`a binding is nested deeper than ${limits.expressionDepth} levels`);
  }
  if (!spend(budget)) {
    return error(EXHAUSTED);
  }
  if (typeof binding === 'string') {
    const parsed = parseTemplate(binding);
    return parsed.ok
      ? renderWithin(parsed.value, variables, budget)
      : error(parsed.problem.message);
  }
  if (isList(binding)) {
    return together(
      binding.map((item) => bind(item, variables, budget, depth + 1)),
      (values) => values,
    );
  }
  if (isObject(binding)) {
    const names = Object.keys(binding);
    return together(
      names.map((name) => bind(binding[name] ?? null, variables, budget, depth + 1)),
      // `fromEntries` defines own members, whatever they are called.
      (values) => Object.fromEntries(names.map((name, index) => [name, values[index] ?? null])),
    );
  }
  return value(binding);
}

function together(
  results: readonly Evaluated[],
  build: (values: readonly Json[]) => Json,
): Evaluated {
  const open = undecided(results);
  return (
    open ?? value(build(results.flatMap((result) => (result.is === 'value' ? [result.value] : []))))
  );
}
