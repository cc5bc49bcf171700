// A file of values, JSON or YAML.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readValues as readText } from '#core/compile/read-values.ts';
import { Rejected } from '#errors/families.ts';
import type { Json } from '#schemas/values.ts';
import { utf8Of } from './codec.ts';

/** The mapping in the file. */
export async function readValues(
  cwd: string,
  file: string,
): Promise<{ readonly [name: string]: Json }> {
  const read = readText(await textOf(cwd, file));
  if (!read.ok) throw new Rejected('invalid', `${file}:${read.message}`);
  return read.values;
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
