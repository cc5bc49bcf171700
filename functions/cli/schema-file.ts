// Where the JSON Schemas lie that come with the program: in a checkout above the sources, in the package above the bundle.
import { existsSync } from 'node:fs';
import path from 'node:path';

const LEVELS = 4;

/** The file of a dialect's schema; undefined where there is none. */
export function schemaFile(dialect: string): string | undefined {
  let folder = import.meta.dirname;
  for (let level = 0; level < LEVELS; level += 1) {
    const file = path.join(folder, 'schemas/json', schemaName(dialect));
    if (existsSync(file)) return file;
    folder = path.dirname(folder);
  }
  return undefined;
}

export function schemaName(dialect: string): string {
  return `${dialect}.schema.json`;
}
