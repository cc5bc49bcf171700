// What a run is given on the command line: `-i key=value`, then `--inputs FILE`, then defaults. Files stay where they are and are known
// by their digest.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { holdsReference } from '#core/by-reference.ts';
import { type Given, resolveInputs } from '#core/compile/inputs.ts';
import { readValues } from '#core/compile/read-values.ts';
import { message, problemOf } from '#core/messages.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import type { FileValue, Json } from '#schemas/values.ts';

/** A file as a value, by its absolute path; undefined where none is. */
export type FileAt = (path: string) => Promise<FileValue | undefined>;

export interface InputOptions {
  /** The pipeline file. */
  readonly file: string;
  /** `key=value` */
  readonly inputs: readonly string[];
  readonly inputsFile?: string;
  /** Values that were never text. */
  readonly values?: Readonly<Record<string, Json>>;
  /** What a run is given in the place of a file of this machine; the file where it lies when nothing is said. */
  readonly fileAt?: FileAt;
}

export interface RunInputs {
  readonly values: Readonly<Record<string, Json>>;
  readonly problems: readonly Problem[];
}

/** The values of a plan's inputs, or what is wrong with them. */
export async function runInputs(plan: Plan, options: InputOptions): Promise<RunInputs> {
  // A map, because a name may be one that objects know by themselves.
  const given = new Map<string, Given>();
  const problems: Problem[] = [];
  if (options.inputsFile !== undefined) {
    const read = await fromFile(options.inputsFile);
    problems.push(...read.problems);
    for (const [name, json] of Object.entries(read.values)) given.set(name, { json });
  }
  for (const [name, json] of Object.entries(options.values ?? {})) given.set(name, { json });
  for (const text of options.inputs) {
    const at = text.indexOf('=');
    if (at < 1) problems.push(problemOf(message('wrong_input', 'option', { text }), `-i ${text}`));
    else given.set(text.slice(0, at), { text: text.slice(at + 1) });
  }
  const resolved = resolveInputs(plan, Object.fromEntries(given));
  if (!resolved.ok) return { values: {}, problems: [...problems, ...resolved.problems] };
  for (const [name, value] of Object.entries(resolved.values)) {
    if (!holdsReference(value)) continue;
    problems.push(problemOf(message('wrong_input', 'reference', { name }), `inputs.${name}`));
  }
  const values: Record<string, Json> = { ...resolved.values };
  for (const { name, path, isDefault } of resolved.files) {
    const full = isDefault ? resolve(dirname(options.file), path) : resolve(path);
    const file = await (options.fileAt ?? fileAt)(full);
    if (file === undefined)
      problems.push(
        problemOf(message('input_file_missing', 'input', { file: full, name }), `inputs.${name}`),
      );
    else values[name] = file as Json;
  }
  return { values, problems };
}

async function fromFile(file: string): Promise<RunInputs> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    const said = message('input_file_missing', 'values', { file });
    return { values: {}, problems: [problemOf(said, '--inputs')] };
  }
  const read = readValues(text);
  if (read.ok) return { values: read.values, problems: [] };
  const said = message('wrong_input', 'values', { file, why: read.message });
  return { values: {}, problems: [problemOf(said, '--inputs')] };
}

/** A file of this machine as a value; undefined when it is none. */
export async function fileAt(path: string): Promise<FileValue | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) return undefined;
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch {
    return undefined;
  }
  return { $file: { path, name: basename(path), size: found.size, sha256: hash.digest('hex') } };
}
