// Values of the pipeline as values of the database, with their types.
import {
  ANY,
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
  LIST,
  listValue,
  SQLNULL,
  STRUCT,
  structValue,
  VARCHAR,
} from '@duckdb/node-api';
import type { Json } from '#schemas/values.ts';

/** Binds the parameters that the statement has; of several statements made of one, each has its own part. */
export function bindAll(statement: DuckDBPreparedStatement, parameters: readonly Json[]): void {
  for (let index = 1; index <= statement.parameterCount; index += 1) {
    const number = Number(statement.parameterName(index));
    const value = parameters[number - 1] ?? null;
    const type = typeOf(value);
    if (type === undefined) statement.bindVarchar(index, JSON.stringify(value));
    else if (type === SQLNULL) statement.bindNull(index);
    else statement.bindValue(index, bound(value, type), type);
  }
}

/** The type that holds a value; undefined when only JSON as text does: lists of different things, objects without members. */
export function typeOf(value: Json): DuckDBType | undefined {
  switch (typeof value) {
    case 'string':
      return VARCHAR;
    case 'boolean':
      return BOOLEAN;
    case 'number':
      return Number.isSafeInteger(value) ? BIGINT : DOUBLE;
    default:
      break;
  }
  if (value === null) return SQLNULL;
  if (isList(value)) {
    const member = commonType(value);
    return member === undefined ? undefined : LIST(member);
  }
  return structOf([value]);
}

/** The one type of all members of a list. Whole numbers among others are numbers; objects have all members of all of them. */
function commonType(list: readonly Json[]): DuckDBType | undefined {
  const members = list.filter((member) => member !== null);
  if (members.length === 0) return SQLNULL;
  if (members.every((member) => typeof member === 'number'))
    return members.every((member) => Number.isSafeInteger(member)) ? BIGINT : DOUBLE;
  if (members.every((member) => typeof member === 'string')) return VARCHAR;
  if (members.every((member) => typeof member === 'boolean')) return BOOLEAN;
  if (members.every(isList)) {
    const inner = commonType(members.flat());
    return inner === undefined ? undefined : LIST(inner);
  }
  return members.every(isObject) ? structOf(members) : undefined;
}

function structOf(objects: readonly { readonly [name: string]: Json }[]): DuckDBType | undefined {
  const names = new Map<string, string>();
  for (const name of objects.flatMap((object) => Object.keys(object))) {
    // The database does not tell upper from lower case in names.
    if ((names.get(name.toLowerCase()) ?? name) !== name) return undefined;
    names.set(name.toLowerCase(), name);
  }
  if (names.size === 0) return undefined;
  const types: [string, DuckDBType][] = [];
  for (const name of names.values()) {
    const type = commonType(objects.map((object) => object[name] ?? null));
    if (type === undefined) return undefined;
    types.push([name, type]);
  }
  return STRUCT(Object.fromEntries(types));
}

function bound(value: Json, type: DuckDBType): DuckDBValue {
  if (value === null) return null;
  if (type === BIGINT) return BigInt(Number(value));
  if (typeof value !== 'object') return value;
  if (isList(value)) {
    const member = 'valueType' in type ? type.valueType : ANY;
    return listValue(value.map((item) => bound(item, member)));
  }
  if (!('entryNames' in type)) return JSON.stringify(value);
  const entries = type.entryNames.map((name, index): [string, DuckDBValue] => [
    name,
    bound(Object.hasOwn(value, name) ? (value[name] ?? null) : null, type.entryTypes[index] ?? ANY),
  ]);
  return structValue(Object.fromEntries(entries));
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !isList(value);
}
