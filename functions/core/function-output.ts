// What a handler returned, as outputs: an object whose members are named outputs, and nothing that JSON would change or lose. Pure.
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { bytes, MalformedOutputs, OutputsTooLarge } from './failures.ts';

const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const DEPTH = 64;

interface Reading {
  /** The objects that the value stands in. */
  readonly inside: Set<object>;
  /** Bytes it will take, roughly and never too many. */
  size: number;
}

/** The outputs; none for undefined and null. Throws MalformedOutputs or OutputsTooLarge, with the place and what came. */
export function namedOutputs(returned: unknown): Map<string, Json> {
  try {
    return read(returned);
  } catch (error) {
    if (error instanceof MalformedOutputs || error instanceof OutputsTooLarge) throw error;
    // Getters and proxies are the handler's own code.
    throw new MalformedOutputs(`reading what the handler returned threw: ${said(error)}`);
  }
}

/**
 * A value of the program as JSON. Throws MalformedOutputs or OutputsTooLarge.
 *
 * @param at what it is called: `input n`
 */
export function plainJson(value: unknown, at: string): Json {
  try {
    return jsonOf(value, at, { inside: new Set(), size: 0 }, 1);
  } catch (error) {
    if (error instanceof OutputsTooLarge)
      throw new OutputsTooLarge(`${at} takes more than ${bytes(limits.outputsFileBytes)}`);
    if (error instanceof MalformedOutputs) throw error;
    throw new MalformedOutputs(`reading ${at} threw: ${said(error)}`);
  }
}

function said(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'something that cannot be shown';
  }
}

function read(returned: unknown): Map<string, Json> {
  const outputs = new Map<string, Json>();
  if (returned === undefined || returned === null) return outputs;
  if (typeof returned !== 'object' || Array.isArray(returned) || !isPlain(returned)) {
    throw new MalformedOutputs(
      `the handler returned ${called(returned)}; wanted an object of named outputs, or nothing`,
    );
  }
  const reading: Reading = { inside: new Set([returned]), size: 0 };
  for (const [name, value] of Object.entries(returned)) {
    if (FORBIDDEN.has(name)) {
      throw new MalformedOutputs(
        `the handler returned an output named ${name}, which is not allowed`,
      );
    }
    if (name === '' || name.length > limits.idLength) {
      throw new MalformedOutputs(
        `the handler returned an output named ${JSON.stringify(name.slice(0, 80))}; wanted are 1 to ${limits.idLength} characters`,
      );
    }
    // As JSON has it: what is undefined is not there.
    if (value !== undefined) outputs.set(name, jsonOf(value, `output ${name}`, reading, 1));
  }
  if (outputs.size > limits.outputsCount) {
    throw new OutputsTooLarge(
      `the handler returned ${outputs.size} outputs; at most ${limits.outputsCount} are allowed`,
    );
  }
  return outputs;
}

function jsonOf(value: unknown, at: string, reading: Reading, depth: number): Json {
  reading.size += 1;
  switch (typeof value) {
    case 'string':
      reading.size += value.length + 2;
      inBounds(reading);
      return value;
    case 'boolean':
      return value;
    case 'number':
      if (!Number.isFinite(value)) throw unfit(value, at);
      if (value > 9 || value < 0) reading.size += `${value}`.length - 1;
      inBounds(reading);
      return value;
    case 'object':
      return value === null ? null : structure(value, at, reading, depth);
    default:
      throw unfit(value, at);
  }
}

function structure(value: object, at: string, reading: Reading, depth: number): Json {
  if (reading.inside.has(value)) {
    throw new MalformedOutputs(`${at} holds itself; wanted a value that JSON can write`);
  }
  if (depth > DEPTH) {
    throw new MalformedOutputs(`${at} is nested deeper than ${DEPTH} levels`);
  }
  inBounds(reading);
  reading.inside.add(value);
  if (Array.isArray(value)) {
    // An item takes two bytes at least; a list may be long with nothing in it.
    reading.size += value.length;
    inBounds(reading);
  }
  const made = Array.isArray(value)
    ? Array.from(value, (item: unknown, index) =>
        jsonOf(item ?? null, `${at}[${index}]`, reading, depth + 1),
      )
    : members(value, at, reading, depth);
  reading.inside.delete(value);
  return made;
}

function members(value: object, at: string, reading: Reading, depth: number): Json {
  // Nobody else waits for what is refused here; its failure must not end the program.
  if (value instanceof Promise) value.catch(() => {});
  if (!isPlain(value)) throw unfit(value, at);
  const made: [string, Json][] = [];
  for (const [name, member] of Object.entries(value)) {
    if (FORBIDDEN.has(name)) {
      throw new MalformedOutputs(`${at} has a member ${name}, which is not allowed`);
    }
    if (name === '$ref' || name === '$file') {
      throw new MalformedOutputs(`${at} has a member "${name}", which only the engine may write`);
    }
    reading.size += name.length + 3;
    if (member !== undefined)
      made.push([name, jsonOf(member, `${at}.${name}`, reading, depth + 1)]);
  }
  return Object.fromEntries(made);
}

function inBounds({ size }: Reading): void {
  if (size <= limits.outputsFileBytes) return;
  throw new OutputsTooLarge(
    `the handler returned more than ${bytes(limits.outputsFileBytes)}; write large data to a file or a store, and return where it is`,
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || isForeign(prototype);
}

/** The Object of another realm, as in a test runner or a `vm`. */
function isForeign(prototype: unknown): boolean {
  return (
    typeof prototype === 'object' &&
    prototype !== null &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'hasOwnProperty')
  );
}

function unfit(value: unknown, at: string): MalformedOutputs {
  return new MalformedOutputs(
    `${at} is ${called(value)}; wanted texts, numbers, booleans, null, lists and plain objects`,
  );
}

function called(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  switch (typeof value) {
    case 'string':
      return 'a text';
    case 'number':
      return `the number ${value}`;
    case 'bigint':
      return 'a BigInt (hand it over as a text)';
    case 'object':
      return value === null ? 'null' : ofClass(value);
    default:
      return `a ${typeof value}`;
  }
}

function ofClass(value: object): string {
  if (value instanceof Promise) return 'a promise (await it first)';
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== ''
    ? `an object of the class ${name}`
    : 'an object that is not plain';
}
