// What a sub-run is given: the bindings of its node with their values, checked against what its pipeline declares. Files and values by
// reference are passed on as they are.
import { type Given, resolveInputs } from '#core/compile/inputs.ts';
import type { Evaluated, Variables } from '#core/expression/types.ts';
import { scopeVariables } from '#core/rendering.ts';
import type { State } from '#core/walk/state.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import { type Json, refValue } from '#schemas/values.ts';
import { scopeOf } from './orders.ts';
import type { Offer } from './perform.ts';
import { renderWithLists } from './run-outputs.ts';
import type { Held } from './service.ts';

export type SubRunInputs =
  | { readonly ok: true; readonly inputs: Record<string, Json> }
  | {
      readonly ok: false;
      readonly reason: 'expression_error' | 'sub_run_failed';
      readonly message: string;
    };

export interface Asking {
  readonly node: PlanNode;
  readonly offer: Offer;
  readonly state: State;
  /** Of the pipeline that is to be run. */
  readonly plan: Plan;
}

/** The inputs of an attempt's sub-run, or why there are none. */
export async function subRunInputs(held: Held, asking: Asking): Promise<SubRunInputs> {
  const { node, plan } = asking;
  const scope = await scopeOf(held, asking);
  const own = await rendered(held, node.inputs ?? {}, {
    variables: scopeVariables(scope, {}),
    prefix: 'inputs.',
  });
  if (!own.ok) return own;
  const bindings = node.executor.kind === 'pipeline' ? (node.executor.inputs ?? {}) : {};
  const given = await rendered(held, bindings, {
    variables: scopeVariables(scope, own.inputs),
    prefix: 'pipeline.inputs.',
  });
  return given.ok ? fitting(plan, given.inputs) : given;
}

async function rendered(
  held: Held,
  bindings: { readonly [name: string]: Json },
  how: { readonly variables: Variables; readonly prefix: string },
): Promise<SubRunInputs> {
  const inputs: [string, Json][] = [];
  for (const [name, binding] of Object.entries(bindings)) {
    const evaluated = await renderWithLists(held, binding, how.variables);
    if (evaluated.is !== 'value')
      return {
        ok: false,
        reason: 'expression_error',
        message: `${how.prefix}${name}: ${whyNot(evaluated)}`,
      };
    inputs.push([name, evaluated.value]);
  }
  return { ok: true, inputs: Object.fromEntries(inputs) };
}

function whyNot(evaluated: Exclude<Evaluated, { is: 'value' }>): string {
  if (evaluated.is === 'error') return evaluated.message;
  return evaluated.is === 'never' ? evaluated.because : 'a variable it names has no value yet';
}

/** With the defaults of what is not given. */
function fitting(plan: Plan, given: Record<string, Json>): SubRunInputs {
  const names = Object.keys(given);
  // What is kept by reference is too large to be looked at here.
  const large = names.filter(
    (name) => refValue.safeParse(given[name]).success && Object.hasOwn(plan.inputs, name),
  );
  const isSmall = (name: string): boolean => !large.includes(name);
  const pick = <T>(from: { readonly [name: string]: T }): Record<string, T> =>
    Object.fromEntries(Object.entries(from).filter(([name]) => isSmall(name)));
  const jsons = Object.entries(pick(given)).map(([name, json]): [string, Given] => [
    name,
    { json },
  ]);
  const resolved = resolveInputs({ inputs: pick(plan.inputs) }, Object.fromEntries(jsons));
  if (!resolved.ok)
    return refused(plan, resolved.problems.map(({ message }) => message).join('; '));
  const [file] = resolved.files;
  if (file !== undefined)
    return refused(plan, `the input "${file.name}" is the text "${file.path}"; wanted a file`);
  const all: Record<string, Json> = { ...resolved.values };
  for (const name of large) all[name] = given[name] ?? null;
  return { ok: true, inputs: all };
}

function refused(plan: Plan, why: string): SubRunInputs {
  return { ok: false, reason: 'sub_run_failed', message: `${plan.id} was not started: ${why}` };
}
