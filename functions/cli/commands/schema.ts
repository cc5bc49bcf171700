import { readFileSync } from 'node:fs';
import { NotFound } from '#errors/families.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { schemaFile } from '../schema-file.ts';

export async function printSchema(context: Context, dialect: string): Promise<ExitCode> {
  const file = /^[a-z]+$/.test(dialect) ? schemaFile(dialect) : undefined;
  if (file === undefined)
    throw new NotFound(`no schema for dialect "${dialect}"; there is one for nodes and operators`);
  const text = readFileSync(file, 'utf8');
  if (context.json) context.sayJson(JSON.parse(text));
  else context.host.stdout.write(text);
  return EXIT.done;
}
