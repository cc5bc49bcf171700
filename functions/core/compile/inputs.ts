// What a run is given, checked against what its pipeline declares.
import type { Plan, PlanInput } from '#schemas/plan.ts';
import type { ProblemCode } from '#schemas/problem-codes.ts';
import type { Problem } from '#schemas/problems.ts';
import { fileValue, type Json } from '#schemas/values.ts';
import { listed, nearest, shown } from './nearest.ts';
import { fitsType, nameOfType } from './pipeline.ts';

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
  return Object.keys(given)
    .filter((name) => !Object.hasOwn(plan.inputs, name))
    .map((name) => {
      const near = nearest(name, known);
      const has = known.length === 0 ? 'it declares none' : `it declares ${listed(known)}`;
      const hint = near === undefined ? `; ${has}` : `; did you mean "${near}"?`;
      const what = `the pipeline has no input "${shown(name)}"${hint}`;
      return { ...problemOf('unknown_input', name, what), ...(near && { suggestion: near }) };
    });
}

type One = { readonly value: Json } | { readonly problem: Problem };

function fallback(name: string, input: PlanInput): One {
  if (input.default !== undefined) return { value: input.default };
  const wanted = nameOfType(input.type);
  const about = input.description === undefined ? '' : ` (${shown(input.description)})`;
  const what = `the input "${name}"${about} has no value and no default; wanted ${wanted}, as in -i ${name}=…`;
  return { problem: { ...problemOf('missing_input', name, what), expected: wanted } };
}

function one(name: string, input: PlanInput, given: Given): One {
  const plain = input.type === 'string' || input.type === 'file' || input.type === 'dataset';
  if ('text' in given && plain) {
    if (given.text !== '' || input.type === 'string') return { value: given.text };
    return wrong(name, input, 'is empty');
  }
  const value = 'text' in given ? parsed(given.text) : given.json;
  if (value === undefined) {
    const came = 'text' in given ? shown(given.text) : '';
    return wrong(name, input, `is "${came}", which is no JSON`);
  }
  if (input.type === 'file' && fileValue.safeParse(value).success) return { value };
  return fitsType(value, input.type)
    ? { value }
    : wrong(name, input, `is ${shown(JSON.stringify(value))}`);
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function wrong(name: string, input: PlanInput, came: string): One {
  const wanted = nameOfType(input.type);
  const what = `the input "${name}" ${came}; wanted ${wanted}`;
  return { problem: { ...problemOf('wrong_input', name, what), expected: wanted } };
}

function problemOf(code: ProblemCode, name: string, message: string): Problem {
  return { code, severity: 'error', path: `inputs.${name}`, line: 0, column: 0, message };
}
