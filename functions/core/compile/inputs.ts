// What a run is given, checked against what its pipeline declares.
import { hint, type Message, message, nearHint, part, problemOf } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan, PlanInput } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import { fileValue, type Json } from '#schemas/values.ts';
import { listed, nearest, shown } from './nearest.ts';
import { fitsType, nameOfType } from './types.ts';

/** A value as it was given: a text of the command line (`-i`), or JSON (`--inputs`, a request). */
export type Given = { readonly text: string } | { readonly json: Json };

export type ResolvedInputs =
  | {
      readonly ok: true;
      /** All inputs but those under `files`, defaults included. */
      readonly values: Readonly<Record<string, Json>>;
      /** Files to be read: the caller makes a file value of each and adds it to the values. */
      readonly files: readonly {
        readonly name: string;
        readonly path: string;
        /** A default lies beside the pipeline file, what is given lies where the user is. */
        readonly isDefault: boolean;
      }[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Values for all inputs of a plan. Unknown, missing and wrong ones are problems, all at once. */
export function resolveInputs(
  plan: Pick<Plan, 'inputs'>,
  given: Readonly<Record<string, Given>>,
): ResolvedInputs {
  const problems: Problem[] = unknownInputs(plan, given);
  const values: Record<string, Json> = {};
  const files: { name: string; path: string; isDefault: boolean }[] = [];
  for (const [name, input] of Object.entries(plan.inputs)) {
    const own = Object.hasOwn(given, name) ? given[name] : undefined;
    const resolved = own === undefined ? fallback(name, input) : one(name, input, own);
    if ('problem' in resolved) problems.push(resolved.problem);
    else if (input.type === 'file' && typeof resolved.value === 'string') {
      files.push({ name, path: resolved.value, isDefault: own === undefined });
    } else values[name] = resolved.value;
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, values, files };
}

function unknownInputs(
  plan: Pick<Plan, 'inputs'>,
  given: Readonly<Record<string, Given>>,
): Problem[] {
  const known = Object.keys(plan.inputs);
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(plan.inputs, name));
  return unknown.slice(0, limits.problems).map((name) => {
    const near = nearest(name, known);
    const takes = () =>
      known.length === 0 ? hint('takes_none') : hint('takes', { known: listed(known) });
    const filling = { name: shown(name), hint: nearHint(near, takes) };
    return problemOf(message('unknown_input', 'given', filling), pathOf(name), near);
  });
}

type One = { readonly value: Json } | { readonly problem: Problem };

function fallback(name: string, input: PlanInput): One {
  if (input.default !== undefined) return { value: input.default };
  const wanted = nameOfType(input.type);
  const description = shown(input.description ?? '');
  const about = input.description === undefined ? '' : part('described', { description });
  const said = message('missing_input', 'input', { name, about, wanted });
  return { problem: { ...problemOf(said, pathOf(name)), expected: wanted } };
}

function one(name: string, input: PlanInput, given: Given): One {
  const wanted = nameOfType(input.type);
  const plain = input.type === 'string' || input.type === 'file' || input.type === 'dataset';
  if ('text' in given && plain) {
    if (given.text !== '' || input.type === 'string') return { value: given.text };
    return wrong(name, wanted, message('wrong_input', 'empty', { name, wanted }));
  }
  const value = 'text' in given ? parsed(given.text) : given.json;
  if (value === undefined) {
    const came = 'text' in given ? shown(given.text) : '';
    return wrong(name, wanted, message('wrong_input', 'not_json', { name, came, wanted }));
  }
  if (input.type === 'file' && fileValue.safeParse(value).success) return { value };
  if (fitsType(value, input.type)) return { value };
  const came = shown(JSON.stringify(value));
  return wrong(name, wanted, message('wrong_input', 'type', { name, came, wanted }));
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function wrong(name: string, wanted: string, said: Message<'wrong_input'>): One {
  return { problem: { ...problemOf(said, pathOf(name)), expected: wanted } };
}

function pathOf(name: string): string {
  return `inputs.${name}`;
}
