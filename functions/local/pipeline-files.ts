// A pipeline file and the files of the pipelines that it runs, compiled: each file once, wherever it is named. The one place where
// the look-ups of sub-pipelines meet a disk.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Compiled, compile } from '#core/compile/compile.ts';
import { decodeSource } from '#core/compile/decode.ts';
import type { PipelineReference } from '#core/compile/draft.ts';
import type { LookUp } from '#core/compile/link-pipelines.ts';
import { listed, nearest } from '#core/compile/nearest.ts';
import { Message, message } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';

export interface CompiledFile {
  /** Absolute. */
  readonly file: string;
  readonly compiled: Compiled;
}

export type CompiledPipeline =
  | {
      readonly ok: true;
      readonly main: CompiledFile;
      /** The files of sub-pipelines, by absolute path. */
      readonly files: ReadonlyMap<string, CompiledFile>;
      /** Of all of them. */
      readonly warnings: readonly Problem[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface CompileFileOptions {
  /** The folder that `file` is relative to. */
  readonly cwd: string;
  /** What stands in the file, where it is none on the disk: other files are still looked for beside it. */
  readonly text?: string;
  /** Names of operators whose code comes from working trees. */
  readonly with?: readonly string[];
}

/** Compiles a file as it is named by the user, with all that it runs. Rejects with what reading the file itself rejects with. */
export function compilePipeline(file: string, options: CompileFileOptions): CompiledPipeline {
  const full = path.resolve(options.cwd, file);
  const files = new PipelineFiles(options);
  const compiled = files.main(full);
  if (!compiled.ok) return compiled;
  const children = files.found;
  const foreign = [...children.values()].flatMap((child) => child.compiled.warnings);
  const warnings = [...compiled.warnings, ...foreign];
  return { ok: true, main: { file: full, compiled }, files: children, warnings };
}

/** Where the file of a sub-pipeline lies, from where the file lies that names it. */
export function subFile(parent: string, file: string): string {
  return path.resolve(path.dirname(parent), file);
}

type Refused = Exclude<ReturnType<typeof compile>, { ok: true }>;
/** Absolute, and as messages call it: relative to the folder of the main file. */
interface Named {
  readonly full: string;
  readonly shown: string;
}

class PipelineFiles {
  readonly found = new Map<string, CompiledFile>();
  readonly #options: CompileFileOptions;
  readonly #refused = new Map<string, readonly Problem[]>();
  /** From the main file to the one that is being compiled. */
  readonly #chain: Named[] = [];

  constructor(options: CompileFileOptions) {
    this.#options = options;
  }

  main(full: string): Compiled | Refused {
    const shown = path.basename(full);
    const { text } = this.#options;
    const decoded = decodeSource(text === undefined ? readFileSync(full) : Buffer.from(text));
    if (!decoded.ok) return { ok: false, problems: decoded.problems };
    const names = this.#options.with ?? [];
    this.#chain.push({ full, shown });
    // Which of the names are those of sub-pipelines is known only afterwards.
    const compiled = compile(
      { text: decoded.text, file: shown },
      {
        subPipeline: (reference) => this.#find(reference),
        with: names,
        operatorsBelow: () =>
          [...this.found.values()].flatMap((each) =>
            each.compiled.operators.map(({ name }) => name),
          ),
      },
    );
    this.#chain.pop();
    return compiled;
  }

  #find(reference: PipelineReference): LookUp {
    const from = this.#chain.at(-1);
    if (from === undefined) return { is: 'missing', said: message('unknown_pipeline', 'unnamed') };
    const named = 'file' in reference ? reference.file : fileOfId(from, reference.id);
    if (typeof named !== 'string') return named;
    const full = subFile(from.full, named);
    const shown = path.join(path.dirname(from.shown), named);
    const first = this.#chain.findIndex((each) => each.full === full);
    const chain = [...this.#chain.map((each) => each.shown), shown];
    if (first >= 0) return { is: 'cycle', files: chain.slice(first) };
    if (this.#chain.length > limits.subRunDepth) return { is: 'too_deep', files: chain };
    return this.#compiled({ full, shown }, named);
  }

  #compiled(at: Named, named: string): LookUp {
    const known = this.found.get(at.full) ?? this.#compile(at);
    if ('is' in known) return known;
    const { plan, digest, depth } = known.compiled;
    return { is: 'found', plan, digest, depth, file: named };
  }

  #compile({ full, shown }: Named): CompiledFile | LookUp {
    const before = this.#refused.get(full);
    if (before !== undefined) return { is: 'refused', problems: before };
    if (this.found.size + this.#refused.size >= limits.subPipelines)
      return {
        is: 'missing',
        said: message('unknown_pipeline', 'too_many', { most: limits.subPipelines }),
      };
    const bytes = readOrWhy(full);
    if (bytes instanceof Message) return { is: 'missing', said: bytes, ...nearFile(full) };
    const decoded = decodeSource(bytes);
    this.#chain.push({ full, shown });
    const compiled = decoded.ok
      ? compile(
          { text: decoded.text, file: shown },
          { subPipeline: (reference) => this.#find(reference) },
        )
      : decoded;
    this.#chain.pop();
    if (!('plan' in compiled)) return this.#refuse({ full, shown }, compiled.problems);
    const warnings = compiled.warnings.map((problem) => ({ file: shown, ...problem }));
    const file = { file: full, compiled: { ...compiled, warnings } };
    this.found.set(full, file);
    return file;
  }

  #refuse({ full, shown }: Named, problems: readonly Problem[]): LookUp {
    const own = problems.map((problem) => ({ file: shown, ...problem }));
    this.#refused.set(full, own);
    return { is: 'refused', problems: own };
  }
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

function yamlFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/i.test(name))
      .sort()
      .slice(0, limits.subPipelines);
  } catch {
    return [];
  }
}

function nearFile(full: string): { suggestion?: string } {
  const near = nearest(path.basename(full), yamlFiles(path.dirname(full)));
  return near === undefined ? {} : { suggestion: near };
}

/** The file of the folder whose pipeline has that id. Only the line with the id is looked at: the rest is read when it is the one. */
function fileOfId(from: Named, id: string): string | LookUp {
  const folder = path.dirname(from.full);
  const ids = new Map<string, string>();
  for (const name of yamlFiles(folder)) {
    const bytes = readOrWhy(path.join(folder, name));
    const own = bytes instanceof Message ? undefined : idIn(Buffer.from(bytes).toString('utf8'));
    if (own === undefined) continue;
    const other = ids.get(own);
    if (own === id && other !== undefined) {
      const said = message('unknown_pipeline', 'two_files', { other, file: name });
      return { is: 'missing', said };
    }
    ids.set(own, name);
  }
  const found = ids.get(id);
  if (found !== undefined) return `./${found}`;
  const near = nearest(id, ids.keys());
  const said =
    ids.size === 0
      ? message('unknown_pipeline', 'alone', { file: from.shown })
      : message('unknown_pipeline', 'no_id', {
          file: from.shown,
          known: listed([...ids.keys()]),
        });
  return {
    is: 'missing',
    said,
    ...(near === undefined ? {} : { suggestion: near }),
  };
}

function idIn(text: string): string | undefined {
  const line = /^(?:pipeline_)?id:[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#'"][^\n#]*))/m.exec(text);
  return (line?.[1] ?? line?.[2] ?? line?.[3])?.trim();
}

/** The pipelines below, each with the file that it lies in. */
export function subFilesOf(plan: Plan, file: string): readonly string[] {
  return plan.nodes.flatMap(({ executor }) =>
    executor.kind === 'pipeline' && executor.file !== undefined
      ? [subFile(file, executor.file)]
      : [],
  );
}
