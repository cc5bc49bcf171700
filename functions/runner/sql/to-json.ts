// Values of the database as values of the pipeline. docs/sql.md tells people what comes of what.
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBUnionValue,
  type DuckDBValue,
  DuckDBVariantValue,
} from '@duckdb/node-api';
import type { Json } from '#schemas/values.ts';

/** Digits that a number of JSON keeps, whatever they are. */
const EXACT_DIGITS = 15;

/** What JSON has no value for is its text. */
export function toJson(value: DuckDBValue, type: DuckDBType | undefined): Json {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return wholeNumber(value);
  if (typeof value === 'string') return type?.alias === 'JSON' ? parsed(value) : value;
  return nested(value, type) ?? scalar(value);
}

/** Beyond 2^53 a number of JSON would be another one. */
function wholeNumber(value: bigint): Json {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function parsed(text: string): Json {
  const value: Json = JSON.parse(text);
  return value;
}

type Structured = Exclude<DuckDBValue, null | boolean | number | bigint | string>;

function nested(value: Structured, type: DuckDBType | undefined): Json | undefined {
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) {
    const member = type !== undefined && 'valueType' in type ? type.valueType : undefined;
    return value.items.map((item) => toJson(item, member));
  }
  if (value instanceof DuckDBStructValue)
    return Object.fromEntries(
      Object.entries(value.entries).map(([name, member], index) => [
        name,
        toJson(member, memberType(type, index)),
      ]),
    );
  if (value instanceof DuckDBMapValue) return fromMap(value, type);
  if (value instanceof DuckDBUnionValue) return toJson(value.value, undefined);
  if (value instanceof DuckDBVariantValue) return toJson(value.value, value.type);
  return undefined;
}

function memberType(type: DuckDBType | undefined, index: number): DuckDBType | undefined {
  return type !== undefined && 'entryTypes' in type ? type.entryTypes[index] : undefined;
}

/** An object, where all keys are texts; pairs of key and value otherwise. */
function fromMap({ entries }: DuckDBMapValue, type: DuckDBType | undefined): Json {
  const types = type !== undefined && 'keyType' in type ? type : undefined;
  if (entries.every(({ key }) => typeof key === 'string'))
    return Object.fromEntries(
      entries.map(({ key, value }) => [String(key), toJson(value, types?.valueType)]),
    );
  return entries.map(({ key, value }) => ({
    key: toJson(key, types?.keyType),
    value: toJson(value, types?.valueType),
  }));
}

function scalar(value: Structured): Json {
  if (value instanceof DuckDBDecimalValue) return decimal(value);
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  if (value instanceof DuckDBTimestampTZValue) return instant(value.micros);
  if (
    value instanceof DuckDBTimestampValue ||
    value instanceof DuckDBTimestampSecondsValue ||
    value instanceof DuckDBTimestampMillisecondsValue ||
    value instanceof DuckDBTimestampNanosecondsValue
  )
    return String(value).replace(' ', 'T');
  return String(value);
}

/** A number where JSON keeps all its digits. */
function decimal(value: DuckDBDecimalValue): Json {
  const digits = String(value.value).replace('-', '').length;
  return digits <= EXACT_DIGITS ? value.toDouble() : String(value);
}

/** In UTC, whatever zone the machine is in. */
function instant(micros: bigint): string {
  const text = String(new DuckDBTimestampValue(micros));
  return /^\d/.test(text) ? `${text.replace(' ', 'T')}Z` : text;
}
