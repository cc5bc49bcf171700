// Which variables a node's templates name, and which nodes it hangs on. Derived from the plan, kept per node.
import { secretsOfOperator } from '#core/environment-secrets.ts';
import { parseCondition, parseTemplate } from '#core/expression/parse.ts';
import { type References, references } from '#core/expression/references.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';

/** What the bindings of a node (inputs, env, commands, forEach) name. */
export interface Bindings {
  /** Outputs by node. */
  readonly outputs: ReadonlyMap<string, ReadonlySet<string>>;
  readonly inputs: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly payloads: ReadonlySet<string>;
}

/** All texts in a value. */
export function* textsOf(value: Json): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (Array.isArray(value)) for (const member of value) yield* textsOf(member);
  else if (value !== null && typeof value === 'object')
    for (const member of Object.values(value)) yield* textsOf(member);
}

/** Templates in which only the variables of the run can be named. */
function* outerTemplates(node: PlanNode): Generator<string> {
  for (const value of Object.values(node.inputs ?? {})) yield* textsOf(value);
  if (node.forEach !== undefined) yield* textsOf(node.forEach);
}

/** Templates in which the node's own inputs are bare names. */
function* innerTemplates(plan: Plan, node: PlanNode): Generator<string> {
  for (
    let group = plan.groups[node.group];
    group !== undefined;
    group = plan.groups[group.parent]
  ) {
    yield* Object.values(group.env ?? {});
  }
  yield* Object.values(node.env ?? {});
  if (node.executor.kind === 'steps') {
    for (const step of node.executor.plan.nodes) yield* innerTemplates(node.executor.plan, step);
  }
  if (typeof node.cache === 'string') yield node.cache;
  if (node.executor.kind === 'command') yield node.executor.command;
  if (node.executor.kind === 'approval') yield node.executor.message ?? '';
  if (node.executor.kind === 'sql') {
    yield node.executor.query;
    yield* Object.values(node.executor.outputs ?? {});
  }
  if (node.executor.kind === 'function')
    for (const value of Object.values(node.executor.config ?? {})) yield* textsOf(value);
  if (node.executor.kind === 'pipeline')
    for (const value of Object.values(node.executor.inputs ?? {})) yield* textsOf(value);
}

const known = new WeakMap<PlanNode, Bindings>();

/** What a node's templates name. */
export function bindingsOf(plan: Plan, node: PlanNode): Bindings {
  const before = known.get(node);
  if (before !== undefined) return before;
  const bindings = {
    outputs: new Map<string, Set<string>>(),
    inputs: new Set<string>(),
    secrets: new Set<string>(),
    payloads: new Set<string>(),
  };
  for (const text of outerTemplates(node)) collect(bindings, text, {});
  for (const text of innerTemplates(plan, node)) collect(bindings, text, node.inputs ?? {});
  known.set(node, bindings);
  return bindings;
}

interface Collected {
  readonly outputs: Map<string, Set<string>>;
  readonly inputs: Set<string>;
  readonly secrets: Set<string>;
  readonly payloads: Set<string>;
}

function collect(
  into: Collected,
  text: string,
  locals: { readonly [name: string]: unknown },
): void {
  if (!text.includes('{{')) return;
  const parsed = parseTemplate(text);
  if (!parsed.ok) return;
  const found = references(parsed.value);
  for (const output of found.outputs) {
    // `clean.rows` is the node's own input `clean`, where it has one.
    if (Object.hasOwn(locals, output.node)) continue;
    const names = into.outputs.get(output.node) ?? new Set<string>();
    into.outputs.set(output.node, names.add(output.name));
  }
  for (const input of found.inputs) into.inputs.add(input.name);
  for (const secret of found.secrets) into.secrets.add(secret.name);
  for (const payload of found.payloads) into.payloads.add(payload.name);
}

/** What a condition names; undefined when there is none. */
export function conditionReferences(text: string | undefined): References | undefined {
  if (text === undefined) return undefined;
  const parsed = parseCondition(text);
  return parsed.ok ? references(parsed.value) : undefined;
}

/** Matches a pattern of events with `*` against the node part: `*.failed`, `load_*.completed`. */
export function patternMatches(pattern: string, node: string): boolean {
  const [subject = ''] = pattern.split('.');
  const source = subject
    .split('*')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/gu, '\\$&'))
    .join('[^.]*');
  return new RegExp(`^${source}$`, 'u').test(node);
}

/** Nodes that a node hangs on: through `needs`, conditions and bindings. Wildcards name every node they match but itself. */
export function dependenciesOf(plan: Plan, node: PlanNode): ReadonlySet<string> {
  const names = new Set<string>();
  for (const index of node.needs ?? []) names.add(plan.nodes[index]?.id ?? '');
  for (const name of bindingsOf(plan, node).outputs.keys()) names.add(name);
  for (const text of [node.start, node.skip]) {
    const found = conditionReferences(text);
    for (const output of found?.outputs ?? []) names.add(output.node);
    for (const event of found?.events ?? []) {
      for (const other of matching(plan, event.pattern)) if (other !== node.id) names.add(other);
    }
  }
  return names;
}

function matching(plan: Plan, pattern: string): readonly string[] {
  if (pattern.startsWith('external.') || pattern.startsWith('pipeline.')) return [];
  if (!pattern.includes('*')) return [pattern.slice(0, pattern.lastIndexOf('.'))];
  return plan.nodes
    .filter((node) => !node.id.startsWith('@') && patternMatches(pattern, node.id))
    .map((node) => node.id);
}

/**
 * The secrets that an attempt of a node may be told: those that its templates name, those that its environments are fetched with, and
 * those that are hidden in what it prints.
 */
export function secretsToldTo(plan: Plan, node: PlanNode): readonly string[] {
  const { secrets } = bindingsOf(plan, node);
  return [...new Set([...secrets, ...environmentSecrets(node), ...(node.hides ?? [])])];
}

/** Names of secrets that the operators and environments of a node are fetched with. */
function environmentSecrets({ executor }: PlanNode): readonly string[] {
  if (executor.kind === 'steps') return executor.plan.nodes.flatMap(environmentSecrets);
  if (executor.kind !== 'prepare' && executor.kind !== 'command') return [];
  return secretsOfOperator(executor.operator, executor.environment);
}

/** All secrets a plan names. */
export function secretsOf(plan: Plan): ReadonlySet<string> {
  const secrets = new Set<string>();
  for (const node of plan.nodes)
    for (const secret of [...bindingsOf(plan, node).secrets, ...environmentSecrets(node)])
      secrets.add(secret);
  return secrets;
}
