// Evaluates templates of a node in the service, where no program runs: secrets stay out, a file is its name.
import { renderBinding } from '#core/expression/template.ts';
import type { Evaluated, Known, Variables } from '#core/expression/types.ts';
import { fileValue, type Json, outputs } from '#schemas/values.ts';
import type { OrderScope } from '#schemas/work-order.ts';

export type Inputs = { readonly [name: string]: Json };

/** Variables of a scope; `inputs` are the node's own, as they were evaluated. */
export function scopeVariables(scope: OrderScope, inputs: Inputs): Variables {
  const { item, index } = scope;
  return {
    input: scope.input,
    system: scope.system,
    local: {
      ...inputs,
      ...(item === undefined ? {} : { item }),
      ...(index === undefined ? {} : { index }),
    },
    node: (id) => knownNode(id, scope),
    payload: (event) => knownPayload(event, scope),
    // The name stands for the value, which has no business here.
    secret: (name) => `secret.${name}`,
    file: { path: fileName, uri: fileName },
  };
}

function knownNode(id: string, scope: OrderScope): Known {
  const found = Object.hasOwn(scope.nodes, id) ? scope.nodes[id] : undefined;
  if (found === undefined) return { is: 'not_yet' };
  if (found === null) return { is: 'never', because: `"${id}" ended without completing` };
  return { is: 'outputs', outputs: found };
}

function knownPayload(event: string, scope: OrderScope): Known {
  const payload = scope.payloads?.[event];
  if (payload === undefined) return { is: 'not_yet' };
  const parsed = outputs.safeParse(payload);
  return { is: 'outputs', outputs: parsed.success ? parsed.data : {} };
}

function fileName(value: Json): string {
  const parsed = fileValue.safeParse(value);
  return parsed.success ? parsed.data.$file.name : '';
}

/** The node's inputs, evaluated; one that cannot be is left out. */
export function evaluatedInputs(inputs: Inputs, scope: OrderScope): Inputs {
  const variables = scopeVariables(scope, {});
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([name, binding]): [string, Json][] => {
      const result: Evaluated = renderBinding(binding, variables);
      return result.is === 'value' ? [[name, result.value]] : [];
    }),
  );
}
