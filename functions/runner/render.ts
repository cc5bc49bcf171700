// Fills in the templates of a work order. The values of secrets are known here and nowhere else.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseTemplate } from '#core/expression/parse.ts';
import { type Hidden, renderCommand } from '#core/expression/shell.ts';
import { renderBinding, renderTemplate } from '#core/expression/template.ts';
import type { Evaluated, Known, Variables } from '#core/expression/types.ts';
import { limits } from '#schemas/limits.ts';
import { fileValue, type Json, type Outputs, outputs, refValue } from '#schemas/values.ts';
import type { OrderScope } from '#schemas/work-order.ts';
import { StepFailure } from './failure.ts';
import type { Mask } from './mask.ts';

export type Inputs = { readonly [name: string]: Json };

export interface Rendering {
  readonly dataDir: string;
  readonly scope: OrderScope;
  readonly secrets: Readonly<Record<string, string>>;
  /** Learns what is made from secrets. */
  readonly mask?: Mask;
  /** Outputs of steps that completed, by id. */
  readonly steps: ReadonlyMap<string, Outputs>;
}

/** Templates of a step may name the node's inputs as bare names. */
export interface StepRendering {
  readonly rendering: Rendering;
  readonly inputs: Inputs;
}

/** The node's inputs as its templates see them: files stay values, so that `.name` and the like can be asked. */
export function renderInputs(inputs: Inputs, rendering: Rendering): Inputs {
  const variables = variablesOf({ rendering, inputs: {} });
  const rendered = Object.entries(inputs).map(([name, binding]): [string, Json] => [
    name,
    decided(renderBinding(binding, variables), `input "${name}"`),
  ]);
  return Object.fromEntries(rendered);
}

/** What a handler is set up with: its templates may name the node's inputs, and secrets. */
export function renderConfig(config: Inputs, step: StepRendering): Inputs {
  const variables = variablesOf(step);
  const { dataDir } = step.rendering;
  const rendered = Object.entries(config).map(([name, binding]): [string, Json] => [
    name,
    plainValue(decided(renderBinding(binding, variables), `config "${name}"`), dataDir),
  ]);
  return Object.fromEntries(rendered);
}

/** What stands in MILLRACE_INPUTS: files as local paths, values by reference as what they refer to. */
export function plainInputs(inputs: Inputs, dataDir: string): Inputs {
  const plain = Object.entries(inputs).map(([name, value]): [string, Json] => [
    name,
    plainValue(value, dataDir),
  ]);
  return Object.fromEntries(plain);
}

export function renderText(text: string, what: string, step: StepRendering): string {
  if (!text.includes('{{')) return text;
  const parsed = parseTemplate(text);
  if (!parsed.ok) throw new StepFailure('expression_error', `${what}: ${parsed.problem.message}`);
  const value = decided(renderTemplate(parsed.value, variablesOf(step)), what);
  return textOf(value, step.rendering.dataDir);
}

/** The command line; every `{{ }}` in it is one quoted word. `hidden` takes the variables by which it names secrets. */
export function renderCommandLine(text: string, step: StepRendering, hidden: Hidden): string {
  if (!text.includes('{{')) return text;
  return String(decided(renderCommand(text, variablesOf(step), hidden), 'the command'));
}

/** The value, or the failure of the step. */
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

export function variablesOf({ rendering, inputs }: StepRendering): Variables {
  const { scope, dataDir } = rendering;
  const local: Record<string, Json> = { ...inputs };
  if (scope.item !== undefined) local['item'] = scope.item;
  if (scope.index !== undefined) local['index'] = scope.index;
  return {
    input: scope.input,
    system: scope.system,
    local,
    node: (id) => knownNode(id, rendering),
    payload: (event) => knownPayload(event, scope),
    secret: (name) =>
      Object.hasOwn(rendering.secrets, name) ? rendering.secrets[name] : undefined,
    derived: (text) => rendering.mask?.learn(text),
    file: {
      path: (value) => pathOf(value, dataDir) ?? '',
      uri: (value) => `file://${encodeURI(pathOf(value, dataDir) ?? '')}`,
    },
    list: (ref) => readList(ref, dataDir),
  };
}

function knownNode(id: string, { scope, steps }: Rendering): Known {
  const step = steps.get(id);
  if (step !== undefined) return { is: 'outputs', outputs: step };
  const outputs = Object.hasOwn(scope.nodes, id) ? scope.nodes[id] : undefined;
  if (outputs === undefined) return { is: 'not_yet' };
  if (outputs === null) return { is: 'never', because: `node "${id}" ended without completing` };
  return { is: 'outputs', outputs };
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

/** The local path of a file value; undefined for any other value. */
export function pathOf(value: Json, dataDir: string): string | undefined {
  const parsed = fileValue.safeParse(value);
  if (!parsed.success) return undefined;
  const { key, path: given } = parsed.data.$file;
  if (given !== undefined) return given;
  return key === undefined ? undefined : path.join(dataDir, 'objects', key);
}

function readList(ref: Json, dataDir: string): readonly Json[] | undefined {
  const value = readReference(ref, dataDir);
  return Array.isArray(value) ? value : undefined;
}

/** What a reference refers to; undefined when the value is none. */
function readReference(value: Json, dataDir: string): Json | undefined {
  const parsed = refValue.safeParse(value);
  if (!parsed.success) return undefined;
  const { key, size } = parsed.data.$ref;
  if (size > limits.listBytes)
    throw new StepFailure(
      'expression_error',
      `a value of ${size} bytes is bound; at most ${limits.listBytes} can be. Hand it over as a file`,
    );
  const content: Json = JSON.parse(readFileSync(path.join(dataDir, 'objects', key), 'utf8'));
  return content;
}

/** A value with local paths for files, and what references refer to. */
export function plainValue(value: Json, dataDir: string): Json {
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) return value.map((item) => plainValue(item, dataDir));
  const file = Object.hasOwn(value, '$file') ? pathOf(value, dataDir) : undefined;
  if (file !== undefined) return file;
  const content = Object.hasOwn(value, '$ref') ? readReference(value, dataDir) : undefined;
  // What a reference held may hold files itself.
  if (content !== undefined) return plainValue(content, dataDir);
  const members = Object.entries(value).map(([name, member]): [string, Json] => [
    name,
    plainValue(member, dataDir),
  ]);
  return Object.fromEntries(members);
}

/** A single `{{ }}` keeps its type; as text of a variable it reads like it would within a longer one. */
function textOf(value: Json, dataDir: string): string {
  if (typeof value === 'string') return value;
  const plain = plainValue(value, dataDir);
  return typeof plain === 'string' ? plain : JSON.stringify(plain);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
