// Fills in the templates of a work order, wherever its work is done. Knows nothing of where files lie: who asks says it.
import { fileValue, type Json, type Outputs, outputs, refValue } from '#schemas/values.ts';
import type { OrderScope } from '#schemas/work-order.ts';
import { renderBinding } from './expression/template.ts';
import type { Evaluated, Known, Variables } from './expression/types.ts';
import { StepFailure } from './failures.ts';

export type Inputs = { readonly [name: string]: Json };

/** Where the work is done: how a file is named there, and what was kept apart because it is large. */
export interface Kept {
  /** How the program finds that file. */
  path(file: FileOf): string;
  /** Where it is kept. */
  uri(file: FileOf): string;
  /** What a reference stands for. */
  content(ref: RefOf): Json;
}
export type FileOf = ReturnType<typeof fileValue.parse>['$file'];
export type RefOf = ReturnType<typeof refValue.parse>['$ref'];

export interface Rendering {
  readonly kept: Kept;
  readonly scope: OrderScope;
  readonly secrets: Readonly<Record<string, string>>;
  /** Told of what is made from secrets. */
  readonly learn?: (text: string) => void;
  /** Outputs of steps that completed, by id. */
  readonly steps: ReadonlyMap<string, Outputs>;
}

/** The node's inputs as its templates see them: files stay values, so that `.name` and the like can be asked. */
export function renderInputs(inputs: Inputs, rendering: Rendering): Inputs {
  const variables = variablesOf(rendering, {});
  const rendered = Object.entries(inputs).map(([name, binding]): [string, Json] => [
    name,
    decided(renderBinding(binding, variables), `input "${name}"`),
  ]);
  return Object.fromEntries(rendered);
}

/** What a handler is set up with: its templates may name the node's inputs, and secrets. */
export function renderConfig(config: Inputs, rendering: Rendering, inputs: Inputs): Inputs {
  const variables = variablesOf(rendering, inputs);
  const rendered = Object.entries(config).map(([name, binding]): [string, Json] => [
    name,
    plainValue(decided(renderBinding(binding, variables), `config "${name}"`), rendering.kept),
  ]);
  return Object.fromEntries(rendered);
}

/** Inputs as programs get them: files as their path, values by reference as what they refer to. */
export function plainInputs(inputs: Inputs, kept: Kept): Inputs {
  const plain = Object.entries(inputs).map(([name, value]): [string, Json] => [
    name,
    plainValue(value, kept),
  ]);
  return Object.fromEntries(plain);
}

/** The value, or the failure of what needs it. */
export function decided(evaluated: Evaluated, what: string): Json {
  switch (evaluated.is) {
    case 'value':
      return evaluated.value;
    case 'error':
      throw new StepFailure('expression_error', `${what}: ${evaluated.message}`);
    case 'never':
      throw new StepFailure('expression_error', `${what}: ${evaluated.because}`);
    case 'not_yet':
      throw new StepFailure('expression_error', `${what}: a variable it names has no value yet`);
  }
}

/**
 * What templates may name of a scope, without files, secrets and what lies elsewhere.
 *
 * @param inputs the node's own, which are bare names
 * @param steps outputs of steps that completed, by id
 */
export function scopeVariables(
  scope: OrderScope,
  inputs: Inputs,
  steps: ReadonlyMap<string, Outputs> = new Map(),
): Variables {
  const local: Record<string, Json> = { ...inputs };
  if (scope.item !== undefined) local['item'] = scope.item;
  if (scope.index !== undefined) local['index'] = scope.index;
  return {
    input: scope.input,
    system: scope.system,
    local,
    node: (id) => knownNode(id, scope, steps),
    payload: (event) => knownPayload(event, scope),
  };
}

/** All that templates may name where the work is done. */
export function variablesOf(rendering: Rendering, inputs: Inputs): Variables {
  const { scope, kept, learn, steps } = rendering;
  return {
    ...scopeVariables(scope, inputs, steps),
    secret: (name) =>
      Object.hasOwn(rendering.secrets, name) ? rendering.secrets[name] : undefined,
    derived: (text) => learn?.(text),
    file: {
      path: (value) => fileIn(value, (file) => kept.path(file)) ?? '',
      uri: (value) => fileIn(value, (file) => kept.uri(file)) ?? '',
    },
    list: (ref) => {
      const content = referred(ref, kept);
      return content !== undefined && isList(content) ? content : undefined;
    },
  };
}

function knownNode(id: string, scope: OrderScope, steps: ReadonlyMap<string, Outputs>): Known {
  const step = steps.get(id);
  if (step !== undefined) return { is: 'outputs', outputs: step };
  const found = Object.hasOwn(scope.nodes, id) ? scope.nodes[id] : undefined;
  if (found === undefined) return { is: 'not_yet' };
  if (found === null) return { is: 'never', because: `node "${id}" ended without completing` };
  return { is: 'outputs', outputs: found };
}

function knownPayload(event: string, scope: OrderScope): Known {
  const payload = scope.payloads?.[event];
  if (payload === undefined) return { is: 'not_yet' };
  return { is: 'outputs', outputs: objectOr(payload) };
}

function objectOr(value: Json): { readonly [name: string]: Json } {
  const parsed = outputs.safeParse(value);
  return parsed.success ? parsed.data : { value };
}

/** What is said of a file value; undefined of any other value. */
export function fileIn<T>(value: Json, of: (file: FileOf) => T): T | undefined {
  const parsed = fileValue.safeParse(value);
  return parsed.success ? of(parsed.data.$file) : undefined;
}

function referred(value: Json, kept: Kept): Json | undefined {
  const parsed = refValue.safeParse(value);
  return parsed.success ? kept.content(parsed.data.$ref) : undefined;
}

/** A value with paths for files, and what references refer to. */
export function plainValue(value: Json, kept: Kept): Json {
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) return value.map((item) => plainValue(item, kept));
  const file = Object.hasOwn(value, '$file') ? fileIn(value, (each) => kept.path(each)) : undefined;
  if (file !== undefined) return file;
  const content = Object.hasOwn(value, '$ref') ? referred(value, kept) : undefined;
  // What a reference held may hold files itself.
  if (content !== undefined) return plainValue(content, kept);
  const members = Object.entries(value).map(([name, member]): [string, Json] => [
    name,
    plainValue(member, kept),
  ]);
  return Object.fromEntries(members);
}

export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
