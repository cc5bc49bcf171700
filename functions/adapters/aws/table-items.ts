// Items as DynamoDB keeps them. Texts, numbers and truth values are its own, so that conditions can look at them; anything else is
// JSON in a map of one entry, readable in the console. What makes an item cost more than one write unit is packed into bytes.
import { gunzipSync, gzipSync } from 'node:zlib';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { Defect, Rejected } from '#errors/families.ts';
import type { Item, Key } from '#ports/table.ts';
import { expiryAttribute } from '#schemas/aws.ts';
import { limits } from '#schemas/limits.ts';
import { refuseNewer } from '#shared/format.ts';

export type Stored = Record<string, AttributeValue>;

/** The one entry of a map that stands for a value DynamoDB has no word for. */
const JSON_ENTRY = 'json';
const SMALLEST_NUMBER = 1e-129;
const LARGEST_NUMBER = 1e125;

export function storedKey({ pk, sk }: Key): Stored {
  refuseLong('partition key', pk, limits.partitionKeyBytes);
  refuseLong('sort key', sk, limits.sortKeyBytes);
  return { pk: { S: pk }, sk: { S: sk } };
}

function refuseLong(what: string, key: string, most: number): void {
  const bytes = Buffer.byteLength(key);
  if (bytes > most)
    throw new Rejected(
      'too_large',
      `${what} "${key.slice(0, 80)}" has ${bytes} bytes; at most ${most}`,
    );
  if (bytes === 0) throw new Defect(`a ${what} is empty`);
}

/** Packed when it would cost more than one write unit otherwise. */
export function storedItem(item: Item): { readonly stored: Stored; readonly bytes: number } {
  const { pk, sk, ...attributes } = item;
  const key = storedKey(item);
  const values = Object.entries(attributes).flatMap(([name, value]) => {
    const stored = plainValue(value);
    return stored === undefined ? [] : [[name, stored] as const];
  });
  const plain: Stored = { ...key, ...Object.fromEntries(values) };
  const plainBytes = bytesOf(plain);
  if (plainBytes <= limits.plainItemBytes) return { stored: plain, bytes: plainBytes };
  const packed = values.map(([name, value]) => [name, packedValue(value)] as const);
  const stored: Stored = { ...key, ...Object.fromEntries(packed) };
  const bytes = bytesOf(stored);
  if (bytes > limits.itemBytes) throw tooLarge(item, bytes);
  return { stored, bytes };
}

export function tooLarge({ pk, sk }: Key, bytes?: number): Rejected {
  const came = bytes === undefined ? 'more bytes than that' : `${bytes} bytes`;
  return new Rejected(
    'too_large',
    `item ${pk} ${sk} has ${came}; at most ${limits.itemBytes} can be stored`,
    { pk, sk },
  );
}

/** A value that is set by itself; of the rest of its item nothing is known. Undefined for what JSON leaves out. */
export function storedValue(value: unknown): AttributeValue | undefined {
  const plain = plainValue(value);
  if (plain === undefined) return undefined;
  return sizeOf(plain) > limits.plainItemBytes ? packedValue(plain) : plain;
}

/** A value that a condition compares with what is stored. */
export function comparedValue(name: string, value: string | number | boolean): AttributeValue {
  const plain = plainValue(value);
  if (plain === undefined || sizeOf(plain) > limits.plainTextBytes)
    throw new Defect(
      `attribute "${name}" is compared with ${String(value).length} characters; at most ${limits.plainTextBytes} bytes can be compared`,
    );
  return plain;
}

function plainValue(value: unknown): AttributeValue | undefined {
  if (typeof value === 'boolean') return { BOOL: value };
  if (typeof value === 'number' && isKept(value)) return { N: String(value) };
  // Half a surrogate pair has no UTF-8, but it has JSON.
  if (typeof value === 'string' && value.isWellFormed()) return { S: value };
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) return undefined;
  return text === 'null' ? { NULL: true } : { M: { [JSON_ENTRY]: { S: text } } };
}

/** DynamoDB keeps 38 digits, but not the smallest and the largest numbers of JavaScript. */
function isKept(value: number): boolean {
  const size = Math.abs(value);
  return size === 0 || (size >= SMALLEST_NUMBER && size <= LARGEST_NUMBER);
}

/** The value in fewer bytes, where that is worth its while and nobody compares it. */
function packedValue(value: AttributeValue): AttributeValue {
  const text =
    value.M?.[JSON_ENTRY]?.S ?? (value.S === undefined ? undefined : JSON.stringify(value.S));
  if (text === undefined) return value;
  const least = value.S === undefined ? limits.packedBytes : limits.plainTextBytes;
  if (sizeOf(value) <= least) return value;
  const packed = gzipSync(text);
  return packed.byteLength < sizeOf(value) ? { B: packed } : value;
}

export interface Read {
  readonly item: Item;
  /** Roughly what it takes in memory. */
  readonly bytes: number;
}

/** Rejects an item of a newer format before anything of it is read. */
export function itemOf(stored: Stored): Read {
  const pk = stored['pk']?.S ?? '';
  const sk = stored['sk']?.S ?? '';
  const subject = `item ${pk} ${sk}`;
  const v = versionOf(stored);
  if (v === undefined) throw new Defect(`${subject} has no format version`);
  refuseNewer(v, subject);
  let bytes = pk.length + sk.length;
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(stored)) {
    if (name === expiryAttribute) continue;
    const text = jsonOf(value, `attribute "${name}" of ${subject}`);
    bytes += name.length + text.length;
    // What is text already need not be parsed.
    attributes[name] = value.S ?? parsed(text);
  }
  return { item: { ...attributes, pk, sk, v }, bytes };
}

export function versionOf(stored: Stored): number | undefined {
  const text = stored['v']?.N;
  return text === undefined ? undefined : Number(text);
}

/** Whether both say the same: what was packed is compared unpacked. */
export function isSame(
  one: AttributeValue | undefined,
  other: AttributeValue | undefined,
): boolean {
  if (one === undefined || other === undefined) return one === other;
  return jsonOf(one, 'a value') === jsonOf(other, 'a value');
}

function parsed(text: string): unknown {
  return JSON.parse(text);
}

function jsonOf(value: AttributeValue, subject: string): string {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return String(Number(value.N));
  if (value.BOOL !== undefined) return String(value.BOOL);
  if (value.NULL !== undefined) return 'null';
  const text = value.M?.[JSON_ENTRY]?.S;
  if (text !== undefined) return text;
  if (value.B !== undefined)
    return gunzipSync(value.B, { maxOutputLength: limits.unpackedBytes }).toString();
  throw new Defect(`${subject} is of a kind that is not written here: ${Object.keys(value)}`);
}

/** Bytes as DynamoDB counts them, numbers at their longest. */
function bytesOf(stored: Stored): number {
  return Object.entries(stored).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + sizeOf(value),
    0,
  );
}

function sizeOf(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return value.N.length + 1;
  if (value.B !== undefined) return value.B.byteLength;
  if (value.M !== undefined)
    return Object.entries(value.M).reduce(
      (sum, [name, entry]) => sum + 1 + Buffer.byteLength(name) + sizeOf(entry),
      3,
    );
  return 1;
}
