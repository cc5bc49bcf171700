// The templates of a node (inputs, env, command, list): where they stand in a plan, and whether they can be evaluated.
// They are checked before a node starts, so that a mistake fails the node without an attempt; the values themselves are
// made again where the node runs.
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';
import { parseTemplate } from '../expression/parse.ts';
import { references } from '../expression/references.ts';
import { renderBinding } from '../expression/template.ts';
import type { Evaluated, Variables } from '../expression/types.ts';

interface Binding {
  /** What a message calls it: `env.INPUT`. */
  readonly where: string;
  readonly value: Json;
}

/** Whether some text of the node (or of what it inherits) holds `{{ }}`. */
export function writesTemplates(plan: Plan, node: PlanNode): boolean {
  if (node.executor.kind === 'prepare') return false;
  return bindingsOf(plan, node).some(({ value }) => holdsBraces(value));
}

/** External events whose payload templates of the plan read. */
export function namesPayloads(plan: Plan): readonly string[] {
  const names = new Set<string>();
  for (const node of plan.nodes) {
    for (const { value } of bindingsOf(plan, node)) {
      for (const text of textsIn(value)) {
        if (!text.includes('payload(')) continue;
        const parsed = parseTemplate(text);
        if (!parsed.ok) continue;
        for (const { name } of references(parsed.value).payloads) names.add(name);
      }
    }
  }
  return [...names];
}

/** What every binding but `forEach` comes to. `each`: those that name `item` or `index`; else those that do not. */
export function checkBindings(
  plan: Plan,
  node: PlanNode,
  variables: Variables,
  each: boolean,
): Evaluated {
  const inputs: { [name: string]: Json } = {};
  const skipped = new Set<string>();
  for (const [name, value] of Object.entries(node.inputs ?? {})) {
    if (!each && ofInstance(value, skipped)) {
      skipped.add(name);
      continue;
    }
    const result = renderBinding(value, variables);
    if (result.is !== 'value') return told(`inputs.${name}`, result);
    inputs[name] = result.value;
  }
  const scope = { ...variables, local: { ...variables.local, ...inputs } };
  for (const { where, value } of bindingsOf(plan, node)) {
    if (where.startsWith('inputs.') || !holdsBraces(value)) continue;
    if (ofInstance(value, skipped) !== each || namesInside(plan, node, value)) continue;
    if (isMadeOfSecrets(value)) continue;
    const result = renderBinding(value, scope);
    if (result.is !== 'value') return told(where, result);
  }
  return { is: 'value', value: null };
}

/** Whether some binding names `item` or `index`, so that each instance is checked by itself. */
export function bindsInstances(plan: Plan, node: PlanNode): boolean {
  return bindingsOf(plan, node).some(({ value }) => ofInstance(value, new Set()));
}

function told(where: string, result: Evaluated): Evaluated {
  return result.is === 'error' ? { is: 'error', message: `${where}: ${result.message}` } : result;
}

const known = new WeakMap<PlanNode, readonly Binding[]>();

/** Asked for every instance of a node: found once. */
function bindingsOf(plan: Plan, node: PlanNode): readonly Binding[] {
  const before = known.get(node);
  if (before) return before;
  const found = findBindings(plan, node);
  known.set(node, found);
  return found;
}

function findBindings(plan: Plan, node: PlanNode): readonly Binding[] {
  const found: Binding[] = [];
  const add = (prefix: string, texts: { readonly [name: string]: Json } | undefined) => {
    for (const name in texts) found.push({ where: `${prefix}${name}`, value: texts[name] ?? null });
  };
  if (node.forEach !== undefined) found.push({ where: 'inputs.forEach', value: node.forEach });
  add('inputs.', node.inputs);
  for (let at = node.group; at >= 0; at = plan.groups[at]?.parent ?? -1) {
    add('env.', plan.groups[at]?.env);
  }
  add('env.', node.env);
  if (typeof node.cache === 'string') found.push({ where: 'cache', value: node.cache });
  const { executor } = node;
  if (executor.kind === 'function') add('config.', executor.config);
  if (executor.kind === 'pipeline') add('pipeline.inputs.', executor.inputs);
  if (executor.kind === 'command') found.push({ where: 'command', value: executor.command });
  if (executor.kind === 'approval' && executor.message !== undefined) {
    found.push({ where: 'message', value: executor.message });
  }
  if (executor.kind !== 'steps') return found;
  for (const group of executor.plan.groups) add('env.', group.env);
  for (const step of executor.plan.nodes) {
    add(`${step.id}.env.`, step.env);
    add(`${step.id}.inputs `, step.inputs);
    if (step.executor.kind === 'command') {
      found.push({ where: `${step.id}.command`, value: step.executor.command });
    }
    if (step.executor.kind === 'sql') {
      found.push({ where: 'sql.query', value: termsOf(step.executor.query) });
      for (const [name, text] of Object.entries(step.executor.outputs ?? {}))
        found.push({ where: `sql.outputs.${name}`, value: termsOf(text) });
    }
  }
  return found;
}

/** The values of a query by themselves: they are never put into its text. */
function termsOf(text: string): readonly string[] {
  const parsed = parseTemplate(text);
  if (!parsed.ok) return [];
  return parsed.value.parts.flatMap((part) =>
    typeof part === 'string' ? [] : [`{{ ${part.text} }}`],
  );
}

function holdsBraces(value: Json): boolean {
  if (typeof value === 'string') return value.includes('{{');
  if (typeof value !== 'object' || value === null) return false;
  return textsIn(value).some((text) => text.includes('{{'));
}

function textsIn(value: Json): readonly string[] {
  const texts: string[] = [];
  const open: Json[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === 'string') texts.push(next);
    else if (typeof next === 'object' && next !== null) open.push(...Object.values(next));
  }
  return texts;
}

/** Names `item` or `index`, or an input that does. */
function ofInstance(value: Json, inputs: ReadonlySet<string>): boolean {
  return namedIn(value).some(({ locals }) =>
    locals.some(({ name }) => name === 'item' || name === 'index' || inputs.has(name)),
  );
}

/** Does something with a secret: what comes of it only the runner can know. A secret as it is only has to be there. */
function isMadeOfSecrets(value: Json): boolean {
  return textsIn(value).some((text) => {
    if (!text.includes('secret')) return false;
    const parsed = parseTemplate(text);
    if (!parsed.ok) return false;
    return parsed.value.parts.some(
      (part) =>
        typeof part !== 'string' &&
        part.expr.kind !== 'secret' &&
        references(part.expr).secrets.length > 0,
    );
  });
}

/** Names a step of the node's own plan: only the runner can know its outputs. */
function namesInside(plan: Plan, node: PlanNode, value: Json): boolean {
  if (node.executor.kind !== 'steps') return false;
  const steps = new Set(node.executor.plan.nodes.map(({ id }) => id));
  const own = node.inputs ?? {};
  return namedIn(value).some(({ outputs, locals }) => {
    const unknown = locals.some(
      ({ name }) => name !== 'item' && name !== 'index' && !Object.hasOwn(own, name),
    );
    return unknown || outputs.some((of) => steps.has(of.node) && !isNode(plan, of.node));
  });
}

function isNode(plan: Plan, id: string): boolean {
  return plan.nodes.some((node) => node.id === id);
}

function namedIn(value: Json) {
  return textsIn(value).flatMap((text) => {
    if (!text.includes('{{')) return [];
    const parsed = parseTemplate(text);
    return parsed.ok ? [references(parsed.value)] : [];
  });
}
