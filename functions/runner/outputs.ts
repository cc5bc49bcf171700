// Reads what a program wrote as its outputs: `key=value` lines, or one JSON object. Pure.
import { MalformedOutputs, OutputsTooLarge } from '#core/failures.ts';
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';

/** A file a program hands over, as it named it. */
export class FileMention {
  readonly path: string;
  readonly metadata: { readonly [name: string]: Json } | undefined;
  constructor(path: string, metadata?: { readonly [name: string]: Json }) {
    this.path = path;
    this.metadata = metadata;
  }
}

/** A value in which files are still names. */
export type RawValue =
  | null
  | boolean
  | number
  | string
  | FileMention
  | readonly RawValue[]
  | { readonly [name: string]: RawValue };

export type RawOutputs = Map<string, RawValue>;

const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const DEPTH = 64;

/** Throws MalformedOutputs, with the line where there is one. */
export function parseOutputs(bytes: Uint8Array): RawOutputs {
  const text = decode(bytes).replace(/^\uFEFF/, '');
  const outputs = text.trimStart().startsWith('{') ? parseObject(text) : parseLines(text);
  if (outputs.size > limits.outputsCount)
    throw new OutputsTooLarge(
      `the program wrote ${outputs.size} outputs; at most ${limits.outputsCount} are allowed`,
    );
  return outputs;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new MalformedOutputs(
      `line ${lineOfBadByte(bytes)} of the outputs is not UTF-8; wanted is text in UTF-8`,
    );
  }
}

function lineOfBadByte(bytes: Uint8Array): number {
  let line = 1;
  let from = 0;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (;;) {
    const end = bytes.indexOf(10, from);
    try {
      decoder.decode(bytes.subarray(from, end < 0 ? bytes.length : end));
    } catch {
      return line;
    }
    if (end < 0) return line;
    from = end + 1;
    line += 1;
  }
}

function parseLines(text: string): RawOutputs {
  const outputs: RawOutputs = new Map();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line.trim() === '') continue;
    const at = `line ${index + 1} of the outputs`;
    const equals = line.indexOf('=');
    if (equals < 0)
      throw new MalformedOutputs(`${at} is ${quote(line)}; wanted is name=value`, {
        line: index + 1,
      });
    const name = line.slice(0, equals).trim();
    checkName(name, at);
    outputs.set(name, valueOfText(line.slice(equals + 1), at));
  }
  return outputs;
}

function parseObject(text: string): RawOutputs {
  const parsed = parseJson(text);
  if ('problem' in parsed)
    throw new MalformedOutputs(`the outputs begin like JSON but are not: ${parsed.problem}`);
  if (typeof parsed.value !== 'object' || parsed.value === null || isList(parsed.value))
    throw new MalformedOutputs('the outputs are JSON but no object; wanted is {"name": value, …}');
  const outputs: RawOutputs = new Map();
  for (const [name, value] of Object.entries(parsed.value)) {
    checkName(name, 'a name in the outputs');
    outputs.set(name, withFiles(value, name, 0));
  }
  return outputs;
}

function checkName(name: string, at: string): void {
  if (name === '' || name.length > limits.idLength)
    throw new MalformedOutputs(
      `${at} names an output ${quote(name)}; wanted are 1 to ${limits.idLength} characters before the "="`,
    );
  if (FORBIDDEN.has(name))
    throw new MalformedOutputs(`${at} uses the name ${name}, which is not allowed`);
}

function valueOfText(text: string, at: string): RawValue {
  if (text.startsWith('@@')) return text.slice(1);
  if (text.startsWith('@')) return new FileMention(text.slice(1));
  const parsed = parseJson(text);
  if ('problem' in parsed) return text;
  // A number keeps its spelling: what would print otherwise (1.10, 007, a long id) is text.
  if (typeof parsed.value === 'number' && String(parsed.value) !== text.trim()) return text;
  return withFiles(parsed.value, at, 0);
}

/** `{ "$file": "path" }` at any depth names a file; beside it may stand `metadata`. */
function withFiles(value: Json, at: string, depth: number): RawValue {
  if (depth > DEPTH) throw new MalformedOutputs(`${at} is nested deeper than ${DEPTH} levels`);
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) return value.map((item) => withFiles(item, at, depth + 1));
  if (Object.hasOwn(value, '$file')) return mention(value, at);
  if (Object.hasOwn(value, '$ref'))
    throw new MalformedOutputs(`${at} holds a member "$ref", which only the engine may write`);
  const entries = Object.entries(value).map(([name, member]): [string, RawValue] => {
    if (FORBIDDEN.has(name))
      throw new MalformedOutputs(`${at} holds a member ${name}, which is not allowed`);
    return [name, withFiles(member, at, depth + 1)];
  });
  return Object.fromEntries(entries);
}

function mention(value: { readonly [name: string]: Json }, at: string): FileMention {
  const file = value['$file'];
  const metadata = value['metadata'];
  if (typeof file !== 'string')
    throw new MalformedOutputs(
      `${at}: "$file" is ${quote(JSON.stringify(file))}; wanted is a path`,
    );
  if (metadata === undefined) return new FileMention(file);
  if (metadata === null || typeof metadata !== 'object' || isList(metadata))
    throw new MalformedOutputs(`${at}: "metadata" of a file must be an object`);
  return new FileMention(file, metadata);
}

function parseJson(text: string): { value: Json } | { problem: string } {
  try {
    const value: Json = JSON.parse(text);
    return { value };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}…` : text;
  return JSON.stringify(short);
}
