// What a run gives once it has completed: its plan's `outputs`, or the outputs of its nodes.
import { digestOf } from '#core/compile/canonical.ts';
import { renderBinding } from '#core/expression/template.ts';
import type { Evaluated, Known, Variables } from '#core/expression/types.ts';
import { externalPayload } from '#core/walk/queries.ts';
import type { State } from '#core/walk/state.ts';
import { nodeView } from '#core/walk/view.ts';
import { limits } from '#schemas/limits.ts';
import { type Json, type Outputs, outputs as outputsSchema } from '#schemas/values.ts';
import { textsOf } from './dependencies.ts';
import { systemOf } from './orders.ts';
import { isReadableList, loadList, loadOutputs, rememberedList } from './outputs.ts';
import type { Held } from './service.ts';

export type RunOutputs =
  | { readonly ok: true; readonly outputs: Outputs }
  | {
      readonly ok: false;
      readonly reason: 'expression_error' | 'outputs_too_large';
      readonly message: string;
    };

/** What a completed run gives. An output whose node did not complete is null. */
export async function runOutputs(held: Held, state: State): Promise<RunOutputs> {
  const { plan } = held.memory.linked;
  if (plan.outputs === undefined) return { ok: true, outputs: await outputsByNode(held, state) };
  const given: [string, Json][] = [];
  const nodes = await nodesNamed(held, state, plan.outputs);
  for (const [name, binding] of Object.entries(plan.outputs)) {
    const evaluated = await renderWithLists(held, binding, variablesOf(held, state, nodes));
    if (evaluated.is === 'error')
      return {
        ok: false,
        reason: 'expression_error',
        message: `outputs.${name}: ${evaluated.message}`,
      };
    given.push([name, evaluated.is === 'value' ? evaluated.value : null]);
  }
  return { ok: true, outputs: Object.fromEntries(given) };
}

/** Nodes that gave nothing are left out. */
async function outputsByNode(held: Held, state: State): Promise<Outputs> {
  const { plan, graph } = held.memory.linked;
  const found: [string, Json][] = [];
  for (const { id, executor } of plan.nodes) {
    if (executor.kind === 'prepare' || nodeView(graph, state, id).status !== 'completed') continue;
    const outputs = await loadOutputs(held, state, id);
    if (Object.keys(outputs).length > 0) found.push([id, outputs]);
  }
  return Object.fromEntries(found);
}

/** Outputs of the completed nodes that the bindings name; the names of nodes stand in the texts themselves. */
async function nodesNamed(
  held: Held,
  state: State,
  bindings: { readonly [name: string]: Json },
): Promise<ReadonlyMap<string, Outputs>> {
  const { plan, graph } = held.memory.linked;
  const text = [...textsOf(bindings)].join('\n');
  const found = new Map<string, Outputs>();
  for (const { id, executor } of plan.nodes) {
    if (executor.kind === 'prepare' || !text.includes(id)) continue;
    if (nodeView(graph, state, id).status === 'completed')
      found.set(id, await loadOutputs(held, state, id));
  }
  return found;
}

function variablesOf(held: Held, state: State, nodes: ReadonlyMap<string, Outputs>): Variables {
  const { start, linked } = held.memory;
  return {
    input: start.inputs,
    system: systemOf(start),
    node(id): Known {
      const outputs = nodes.get(id);
      if (outputs !== undefined) return { is: 'outputs', outputs };
      return { is: 'never', because: `"${id}" ended ${nodeView(linked.graph, state, id).status}` };
    },
    payload(event): Known {
      const payload = externalPayload(state, event);
      if (payload === undefined) return { is: 'never', because: `${event} did not come` };
      const parsed = outputsSchema.safeParse(payload);
      return { is: 'outputs', outputs: parsed.success ? parsed.data : {} };
    },
  };
}

/** Renders, loads the lists by reference that it asks for, and renders again until it asks for no more. */
export async function renderWithLists(
  held: Held,
  binding: Json,
  variables: Variables,
): Promise<Evaluated> {
  const known = new Set<string>();
  for (;;) {
    const missing: Json[] = [];
    const evaluated = renderBinding(binding, {
      ...variables,
      list: (ref) => {
        const list = rememberedList(held.memory, ref);
        if (list === undefined && isReadableList(ref) && !known.has(JSON.stringify(ref)))
          missing.push(ref);
        return list;
      },
    });
    if (missing.length === 0) return evaluated;
    for (const ref of missing) {
      known.add(JSON.stringify(ref));
      await loadList(held, ref);
    }
  }
}

/** Values over the bound become objects of their own, as those of programs do; all together are bounded too. */
export async function keepOutputs(held: Held, outputs: Outputs): Promise<RunOutputs> {
  const names = Object.keys(outputs);
  const kept: [string, Json][] = [];
  for (const name of names) kept.push([name, await keepLarge(held, outputs[name] ?? null)]);
  const bounded = Object.fromEntries(kept);
  const size = JSON.stringify(bounded).length;
  if (names.length <= limits.outputsCount && size <= limits.outputsBytes)
    return { ok: true, outputs: bounded };
  const what =
    names.length > limits.outputsCount
      ? `${names.length} outputs; at most ${limits.outputsCount} are allowed`
      : `outputs of ${size} bytes; at most ${limits.outputsBytes} are allowed`;
  const message = `it gives ${what}. Say under "outputs" of the pipeline what is needed of it`;
  return { ok: false, reason: 'outputs_too_large', message };
}

async function keepLarge({ service, ref }: Held, value: Json): Promise<Json> {
  const text = JSON.stringify(value);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= limits.inlineValueBytes) return value;
  const key = `NS/${ref.namespace}/values/${ref.run}/@outputs/${digestOf(value).slice(0, 32)}.json`;
  const { size, sha256 } = await service.objects.put(key, bytes, { mediaType: 'application/json' });
  const reference = { key, size, sha256, mediaType: 'application/json' };
  return { $ref: Array.isArray(value) ? { ...reference, count: value.length } : reference };
}
