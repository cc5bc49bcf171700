// The key of an attempt whose node is cached: a digest of all that its work depends on, in parts that have names, so that a miss can say what
// changed. The same on every machine. Secrets count by their names; what a program reads besides is not seen.
import { digestOf } from '#core/compile/canonical.ts';
import { parseTemplate } from '#core/expression/parse.ts';
import { references } from '#core/expression/references.ts';
import { renderBinding } from '#core/expression/template.ts';
import type { Variables } from '#core/expression/types.ts';
import type { State } from '#core/walk/state.ts';
import type { Executor, Plan, PlanNode } from '#schemas/plan.ts';
import { fileValue, type Json, refValue } from '#schemas/values.ts';
import type { OrderScope } from '#schemas/work-order.ts';
import { preparedOf, sourcesOf } from './order-sources.ts';
import { scopeOf } from './orders.ts';
import type { Offer } from './perform.ts';
import { evaluatedInputs, type Inputs, scopeVariables } from './scope-variables.ts';
import type { Held } from './service.ts';

export interface CacheKey {
  readonly key: string;
  /** Digests by name: `command`, `input rows`, `operator commit`, `environment`, `env X`, `item`. */
  readonly parts: Readonly<Record<string, string>>;
}

/** Why an attempt has no key, in words that follow "because". */
export interface NoKey {
  readonly why: string;
}

/** Raised with what the key is made of: entries of an earlier form are never met again. */
const FORM = 1;
/** What is new in every run or attempt. */
const FLEETING: ReadonlySet<string> = new Set(['run_id', 'attempt', 'started_at']);

/** The key of an attempt of a cached node; undefined of a node that is not. */
export async function cacheKeyOf(
  held: Held,
  state: State,
  offer: Pick<Offer, 'node' | 'address' | 'instance'>,
): Promise<CacheKey | NoKey | undefined> {
  const { plan, graph } = held.memory.linked;
  const node = plan.nodes[graph.index.get(offer.node) ?? -1];
  if (node?.cache === undefined) return undefined;
  if (namesFleeting(plan, node))
    return { why: 'it names what is new in every run, such as system.run_id' };
  const code = await codeParts(held, node);
  if ('why' in code) return code;
  // Whichever attempt it is, its work is the same.
  const scope = await scopeOf(held, { node, offer: { ...offer, attempt: 1 }, state });
  const inputs = evaluatedInputs(node.inputs ?? {}, scope);
  const parts: Record<string, Json> = { ...code.parts };
  if (scope.item !== undefined) parts['item'] = plainValue(scope.item);
  if (typeof node.cache === 'string')
    parts['key'] = givenValue(node.cache, cacheVariables(scope, inputs), scope);
  else Object.assign(parts, inputParts(plan, node, { scope, inputs }));
  const digests = Object.fromEntries(
    Object.entries(parts).map(([name, value]) => [name, digestOf(value)]),
  );
  return { key: digestOf({ form: FORM, parts: digests }), parts: digests };
}

interface Given {
  readonly scope: OrderScope;
  readonly inputs: Inputs;
}

/** Values that the work is given: the node's inputs, its variables, and what its texts name besides. */
function inputParts(plan: Plan, node: PlanNode, { scope, inputs }: Given): Record<string, Json> {
  const variables = cacheVariables(scope, inputs);
  const parts: Record<string, Json> = {};
  for (const [name, binding] of Object.entries(node.inputs ?? {}))
    parts[`input ${name}`] = givenValue(binding, variables, scope);
  for (const [name, text] of Object.entries(environmentOf(plan, node)))
    parts[`env ${name}`] = givenValue(text, variables, scope);
  for (const text of workTexts(node.executor)) {
    for (const { expression, known } of expressionsOf(text, inputs)) {
      if (known) continue;
      parts[`{{ ${expression} }}`] = givenValue(`{{ ${expression} }}`, variables, scope);
    }
  }
  if (scope.index !== undefined && textsOf(plan, node).some(namesIndex))
    parts['index'] = scope.index;
  return parts;
}

/** Variables of the groups, the node and its steps; inner ones by the name of their step, where there are several. */
function environmentOf(plan: Plan, node: PlanNode): Record<string, string> {
  const layers: Record<string, string>[] = [];
  for (let group = plan.groups[node.group]; group !== undefined; group = plan.groups[group.parent])
    if (group.env !== undefined) layers.unshift(group.env);
  const merged = Object.assign({}, ...layers, node.env ?? {}) as Record<string, string>;
  if (node.executor.kind !== 'steps') return merged;
  const { nodes: steps, groups } = node.executor.plan;
  for (const group of groups) Object.assign(merged, group.env ?? {});
  for (const step of steps)
    for (const [name, text] of Object.entries(step.env ?? {}))
      merged[steps.length === 1 ? name : `${step.id}.${name}`] = text;
  return merged;
}

/** A binding with its values; where it cannot be evaluated here, the values of all that it names. */
function givenValue(binding: Json, variables: Variables, scope: OrderScope): Json {
  const result = renderBinding(binding, variables);
  if (result.is === 'value') return plainValue(result.value);
  return { text: binding, scope: plainValue({ input: scope.input, nodes: scope.nodes }) };
}

/** A file is what it holds and what it is called, wherever it lies. */
function plainValue(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  const file = fileValue.safeParse(value);
  if (file.success) return { file: file.data.$file.sha256, name: file.data.$file.name };
  const ref = refValue.safeParse(value);
  if (ref.success) return { ref: ref.data.$ref.sha256 };
  if (isList(value)) return value.map(plainValue);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, plainValue(member)]),
  );
}

const isList = (value: object): value is readonly Json[] => Array.isArray(value);

function cacheVariables(scope: OrderScope, inputs: Inputs): Variables {
  const digest = (value: Json): string => JSON.stringify(plainValue(value));
  return { ...scopeVariables(scope, inputs), file: { path: digest, uri: digest } };
}

/** What is done, whatever it is given. */
async function codeParts(
  held: Held,
  node: PlanNode,
): Promise<{ readonly parts: Record<string, Json> } | NoKey> {
  const { executor } = node;
  if (executor.kind === 'function')
    return { parts: { function: executor.name, config: asJson(executor.config ?? {}) } };
  if (executor.kind !== 'steps') return { why: 'its work cannot be taken over' };
  const steps = executor.plan.nodes;
  const commits = await commitsOf(held, node);
  if ('why' in commits) return commits;
  const environments = steps.map(({ executor: each }) =>
    each.kind === 'command' ? asJson({ ...each.environment, name: null }) : null,
  );
  return {
    parts: {
      command: steps.map(workOf),
      environment: environments,
      ...(commits.commits.length === 0 ? {} : { 'operator commit': commits.commits }),
    },
  };
}

/** Through JSON: what is undefined is left out. */
const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value));

/** A step without what has parts of its own, and without what only says when and how often it is tried. */
function workOf(step: PlanNode): Json {
  const { label: _l, retry: _r, timeout: _t, grace: _g, resources: _s, env: _e, ...rest } = step;
  const { executor } = rest;
  if (executor.kind !== 'command') return asJson(rest);
  const { environment: _v, operator: _o, ...work } = executor;
  return asJson({ ...rest, executor: work });
}

/** Commits of the operators. A working tree counts by its commit and its path as long as nothing in it was changed. */
async function commitsOf(
  held: Held,
  node: PlanNode,
): Promise<{ readonly commits: string[] } | NoKey> {
  if (node.executor.kind !== 'steps') return { commits: [] };
  const sources = await sourcesOf(held, node);
  const commits: string[] = [];
  for (const { executor } of node.executor.plan.nodes) {
    if (executor.kind !== 'command' || executor.operator === undefined) continue;
    const { operator } = executor;
    const found =
      'git' in operator
        ? sources[`${operator.git}#${operator.tag}`]
        : await preparedOf(held, node, operator);
    const name = 'git' in operator ? operator.git : operator.path;
    if (found?.commit === undefined || found.dirty === true)
      return { why: `the code of its operator ${name} is a working tree with changes` };
    // A commit is of a whole repository, and a working tree may be any folder in one.
    commits.push('git' in operator ? found.commit : `${found.commit} ${operator.path}`);
  }
  return { commits };
}

/** Texts of the work itself: commands, queries, the configuration of a function. */
function workTexts(executor: Executor): readonly string[] {
  if (executor.kind === 'command') return [executor.command];
  if (executor.kind === 'sql') return [executor.query, ...Object.values(executor.outputs ?? {})];
  if (executor.kind === 'function') return textsIn(asJson(executor.config ?? {}));
  if (executor.kind !== 'steps') return [];
  return executor.plan.nodes.flatMap(({ executor: step }) => workTexts(step));
}

function textsOf(plan: Plan, node: PlanNode): readonly string[] {
  return [
    ...workTexts(node.executor),
    ...Object.values(environmentOf(plan, node)),
    ...textsIn(node.inputs ?? {}),
    ...(typeof node.cache === 'string' ? [node.cache] : []),
  ];
}

function textsIn(value: Json): readonly string[] {
  if (typeof value === 'string') return [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(textsIn);
}

/** Expressions of a text. `known`: made of what has parts already: the node's own inputs, `item`, secrets, other steps. */
function expressionsOf(
  text: string,
  inputs: Inputs,
): readonly { readonly expression: string; readonly known: boolean }[] {
  if (!text.includes('{{')) return [];
  const parsed = parseTemplate(text);
  if (!parsed.ok) return [];
  return parsed.value.parts.flatMap((part) => {
    if (typeof part === 'string') return [];
    const named = references({ text: part.text, parts: [part] });
    const outputs = named.outputs.filter(({ node }) => !Object.hasOwn(inputs, node));
    const others = [named.inputs, named.payloads, named.system, outputs];
    const known = others.every((names) => names.length === 0);
    return [{ expression: part.text.trim(), known }];
  });
}

function namesIndex(text: string): boolean {
  if (!text.includes('index')) return false;
  const parsed = parseTemplate(text);
  return parsed.ok && references(parsed.value).locals.some(({ name }) => name === 'index');
}

const fleeting = new WeakMap<PlanNode, boolean>();

function namesFleeting(plan: Plan, node: PlanNode): boolean {
  const before = fleeting.get(node);
  if (before !== undefined) return before;
  const found = textsOf(plan, node).some((text) => {
    if (!text.includes('system.')) return false;
    const parsed = parseTemplate(text);
    return parsed.ok && references(parsed.value).system.some(({ name }) => FLEETING.has(name));
  });
  fleeting.set(node, found);
  return found;
}
