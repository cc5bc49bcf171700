// A text of values: JSON or YAML, a mapping from names.
import type { Json } from '#schemas/values.ts';
import { Findings } from './findings.ts';
import { toJson } from './read.ts';
import { readYaml } from './read-yaml.ts';

export type ReadValues =
  | { readonly ok: true; readonly values: { readonly [name: string]: Json } }
  /** Goes behind "FILE:": the message begins with line and column, or with a blank where there are none. */
  | { readonly ok: false; readonly message: string };

/** The mapping in a text. JSON is read as YAML, which it is. */
export function readValues(text: string): ReadValues {
  const findings = new Findings(text);
  const tree = readYaml(findings);
  const problem = findings.problems().find(({ severity }) => severity === 'error');
  if (problem !== undefined) {
    return { ok: false, message: `${problem.line}:${problem.column}: ${problem.message}` };
  }
  const values = tree === undefined ? {} : toJson(tree);
  return isMapping(values)
    ? { ok: true, values }
    : { ok: false, message: ' wanted a mapping from names to values' };
}

export function isMapping(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
