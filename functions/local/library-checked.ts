// What a program gives to the library is looked at before anything happens: what is wrong is told to the caller, not found out later.

import { plainJson } from '#core/function-output.ts';
import { Rejected } from '#errors/families.ts';
import { complaint, type Schema } from '#schemas/complaint.ts';
import type { Json } from '#schemas/values.ts';

/** Rejects what the schema refuses. Answers the value as it came: the caller has its type, this is for those who do not. */
export function checked<T>(schema: Schema, value: T, what: string): T {
  const read = schema.safeParse(value);
  if (read.success) return value;
  throw new Rejected('invalid', `${what}: ${oneLine(complaint(read.error))}`);
}

/** Rejects what JSON cannot write: a date, a BigInt, a cycle, NaN. */
export function checkedJson(value: unknown, what: string): Json {
  try {
    return plainJson(value, what);
  } catch (error) {
    throw new Rejected('invalid', error instanceof Error ? error.message : String(error));
  }
}

export function namedJson(
  values: Readonly<Record<string, unknown>>,
  what: string,
): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, checkedJson(value, `${what} ${name}`)]),
  );
}

const oneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.replace(/^\s*[✖→]\s*/, ''))
    .join('; ')
    .replaceAll('; at ', ' at ');
