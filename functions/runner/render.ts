// Fills in the templates of a work order on this machine, where files have paths. The values of secrets are known here and nowhere else.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseTemplate } from '#core/expression/parse.ts';
import { type Hidden, renderCommand } from '#core/expression/shell.ts';
import { renderTemplate } from '#core/expression/template.ts';
import type { Variables } from '#core/expression/types.ts';
import { StepFailure } from '#core/failures.ts';
import * as core from '#core/rendering.ts';
import { limits } from '#schemas/limits.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import type { OrderScope } from '#schemas/work-order.ts';
import type { Mask } from './mask.ts';

export type Inputs = core.Inputs;

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
export const renderInputs = (inputs: Inputs, rendering: Rendering): Inputs =>
  core.renderInputs(inputs, here(rendering));

/** What a handler is set up with: its templates may name the node's inputs, and secrets. */
export const renderConfig = (config: Inputs, { rendering, inputs }: StepRendering): Inputs =>
  core.renderConfig(config, here(rendering), inputs);

/** What stands in MILLRACE_INPUTS: files as local paths, values by reference as what they refer to. */
export const plainInputs = (inputs: Inputs, dataDir: string): Inputs =>
  core.plainInputs(inputs, keptIn(dataDir));

export function renderText(text: string, what: string, step: StepRendering): string {
  if (!text.includes('{{')) return text;
  const parsed = parseTemplate(text);
  if (!parsed.ok) throw new StepFailure('expression_error', `${what}: ${parsed.problem.message}`);
  const value = core.decided(renderTemplate(parsed.value, variablesOf(step)), what);
  return textOf(value, step.rendering.dataDir);
}

/** The command line; every `{{ }}` in it is one quoted word. `hidden` takes the variables by which it names secrets. */
export function renderCommandLine(text: string, step: StepRendering, hidden: Hidden): string {
  if (!text.includes('{{')) return text;
  return String(core.decided(renderCommand(text, variablesOf(step), hidden), 'the command'));
}

export const variablesOf = ({ rendering, inputs }: StepRendering): Variables =>
  core.variablesOf(here(rendering), inputs);

function here({ dataDir, scope, secrets, mask, steps }: Rendering): core.Rendering {
  return {
    ...{ kept: keptIn(dataDir), scope, secrets, steps },
    ...(mask === undefined ? {} : { learn: (text: string) => mask.learn(text) }),
  };
}

const keptIn = (dataDir: string): core.Kept => ({
  path: (file) => placeOf(file, dataDir) ?? '',
  uri: (file) => `file://${encodeURI(placeOf(file, dataDir) ?? '')}`,
  content: ({ key, size }) => {
    if (size > limits.listBytes)
      throw new StepFailure(
        'expression_error',
        `a value of ${size} bytes is bound; at most ${limits.listBytes} can be. Hand it over as a file`,
      );
    const content: Json = JSON.parse(readFileSync(path.join(dataDir, 'objects', key), 'utf8'));
    return content;
  },
});

function placeOf({ key, path: given }: core.FileOf, dataDir: string): string | undefined {
  if (given !== undefined) return given;
  return key === undefined ? undefined : path.join(dataDir, 'objects', key);
}

/** The local path of a file value; undefined for any other value. */
export const pathOf = (value: Json, dataDir: string): string | undefined =>
  core.fileIn(value, (file) => placeOf(file, dataDir));

/** A value with local paths for files, and what references refer to. */
export const plainValue = (value: Json, dataDir: string): Json =>
  core.plainValue(value, keptIn(dataDir));

/** A single `{{ }}` keeps its type; as text of a variable it reads like it would within a longer one. */
function textOf(value: Json, dataDir: string): string {
  if (typeof value === 'string') return value;
  const plain = plainValue(value, dataDir);
  return typeof plain === 'string' ? plain : JSON.stringify(plain);
}
