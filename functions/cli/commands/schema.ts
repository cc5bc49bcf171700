import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NotFound } from '#errors/families.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

/** Folders upwards from here (or from the bundle) in which `schemas/json` may lie. */
const LEVELS = 4;

export async function printSchema(context: Context, dialect: string): Promise<ExitCode> {
  const file = /^[a-z]+$/.test(dialect) ? schemaFile(dialect) : undefined;
  if (file === undefined)
    throw new NotFound(`no schema for dialect "${dialect}"; there is one for nodes and operators`);
  context.host.stdout.write(readFileSync(file, 'utf8'));
  return EXIT.done;
}

function schemaFile(dialect: string): string | undefined {
  let folder = import.meta.dirname;
  for (let level = 0; level < LEVELS; level += 1) {
    const file = path.join(folder, 'schemas/json', `${dialect}.schema.json`);
    if (existsSync(file)) return file;
    folder = path.dirname(folder);
  }
  return undefined;
}
