// A file of values, JSON or YAML.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Findings } from '#core/compile/findings.ts';
import { toJson } from '#core/compile/read.ts';
import { readYaml } from '#core/compile/read-yaml.ts';
import { Rejected } from '#errors/families.ts';
import type { Json } from '#schemas/values.ts';
import { utf8Of } from './codec.ts';

/** The mapping in the file. JSON is read as YAML, which it is. */
export async function readValues(
  cwd: string,
  file: string,
): Promise<{ readonly [name: string]: Json }> {
  const findings = new Findings(await textOf(cwd, file));
  const tree = readYaml(findings);
  const problem = findings.problems().find(({ severity }) => severity === 'error');
  if (problem !== undefined)
    throw new Rejected('invalid', `${file}:${problem.line}:${problem.column}: ${problem.message}`);
  const values = tree === undefined ? undefined : toJson(tree);
  if (!isMapping(values))
    throw new Rejected('invalid', `${file}: wanted a mapping from names to values`);
  return values;
}

async function textOf(cwd: string, file: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path.resolve(cwd, file));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Rejected('invalid', `"${file}" cannot be read: ${why}`);
  }
  return utf8Of(bytes, `"${file}" is no UTF-8 text`);
}

export function isMapping(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
