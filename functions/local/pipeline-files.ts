// A pipeline file of this machine and the files of the pipelines that it runs, compiled. The one place where the look-ups of
// sub-pipelines meet a disk.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Message, message, problemOf } from '#core/messages.ts';
import { Mask } from '#runner/mask.ts';
import { limits } from '#schemas/limits.ts';
import type { Problem } from '#schemas/problems.ts';
import { type CompiledPipeline, compileFiles, type FileTree } from '#service/pipeline-files.ts';
import { hostEnvironment } from './settings.ts';

export interface CompileFileOptions {
  /** The folder that `file` is relative to. */
  readonly cwd: string;
  /** What stands in the file, where it is none on the disk: other files are still looked for beside it. */
  readonly text?: string;
  /** Names of operators whose code comes from working trees. */
  readonly with?: readonly string[];
  /** Variables that configurations may name; those of this process when nothing is said. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const disk: FileTree = { read: readOrWhy, names: namesIn, path };

/**
 * Compiles a file as it is named by the user, or the files of a folder that are one configuration, with all that it runs. Rejects with
 * what reading the file itself rejects with.
 */
export function compilePipeline(named: string, options: CompileFileOptions): CompiledPipeline {
  const file = path.resolve(options.cwd, named);
  const { text, environment = hostEnvironment() } = options;
  const more = { with: options.with ?? [], environment };
  if (text !== undefined)
    return hidden(compileFiles(disk, { file, bytes: Buffer.from(text) }, more));
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() !== true)
    return hidden(compileFiles(disk, { file, bytes: readFileSync(file) }, more));
  const layers = layersOf(file);
  const [first = ''] = layers;
  if (layers.length > limits.layers) {
    const filling = { folder: file, count: layers.length, most: limits.layers };
    return { ok: false, problems: [problemOf(message('too_many', 'layers', filling), '')] };
  }
  return hidden(compileFiles(disk, { file: path.join(file, first), layers }, more));
}

const LOCAL = /\.local\.ya?ml$/i;

/** The YAML files of a folder in the order in which they are merged: by name, `*.local.yaml` last. */
export function layersOf(folder: string): readonly string[] {
  const names = namesIn(folder).filter((name) => /^[^.].*\.ya?ml$/i.test(name));
  const files = names
    .filter((name) => statSync(path.join(folder, name), { throwIfNoEntry: false })?.isFile())
    .toSorted();
  return [
    ...files.filter((name) => !LOCAL.test(name)),
    ...files.filter((name) => LOCAL.test(name)),
  ];
}

/** What was decoded is masked in whatever is said of the pipeline: an excerpt shows its line, where it stands encoded. */
function hidden(compiled: CompiledPipeline): CompiledPipeline {
  const all = compiled.ok
    ? [compiled.main, ...compiled.files.values()].map(({ compiled: each }) => each.decoded)
    : [compiled.decoded];
  const decoded = all.flatMap((each) => [...(each?.values() ?? [])]);
  if (decoded.length === 0) return compiled;
  const mask = new Mask(decoded);
  const masked = (problem: Problem): Problem => {
    const { excerpt, expected, suggestion } = problem;
    return {
      ...problem,
      message: mask.text(problem.message),
      ...(expected === undefined ? {} : { expected: mask.text(expected) }),
      ...(suggestion === undefined ? {} : { suggestion: mask.text(suggestion) }),
      ...(excerpt === undefined ? {} : { excerpt: mask.text(excerpt) }),
    };
  };
  return compiled.ok
    ? { ...compiled, warnings: compiled.warnings.map(masked) }
    : { ...compiled, problems: compiled.problems.map(masked) };
}

/** Where the file of a sub-pipeline lies, from where the file lies that names it. */
export function subFile(parent: string, file: string): string {
  return path.resolve(path.dirname(parent), file);
}

function readOrWhy(file: string): Uint8Array | Message<'unknown_pipeline'> {
  try {
    if (!statSync(file).isFile()) return message('unknown_pipeline', 'no_file');
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOENT'
      ? message('unknown_pipeline', 'absent')
      : message('unknown_pipeline', 'unreadable', { error: String(code) });
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
