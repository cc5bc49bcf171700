// A pipeline file and the files of the pipelines that it runs, compiled: each file once, wherever it is named. Where files lie, on a
// disk or in a request, is told by whoever asks.
import { type Compiled, compile, type Layers, type Source } from '#core/compile/compile.ts';
import { decodeSource } from '#core/compile/decode.ts';
import type { PipelineReference } from '#core/compile/draft.ts';
import type { LookUp } from '#core/compile/link-pipelines.ts';
import { listed, nearest } from '#core/compile/nearest.ts';
import { spellingsOf } from '#core/compile/operator.ts';
import type { Decoded } from '#core/layers/decode.ts';
import type { Environment } from '#core/layers/overrides.ts';
import { Message, message, problemOf } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
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
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      /** What of the main file must not be shown. */
      readonly decoded?: Decoded;
    };

/** Files by absolute path, and how their paths are put together. */
export interface FileTree {
  /** What stands in a file, or why that cannot be told. */
  read(full: string): Uint8Array | Message<'unknown_pipeline'>;
  /** Names of what lies in a folder. */
  names(folder: string): readonly string[];
  readonly path: {
    resolve(folder: string, named: string): string;
    join(folder: string, named: string): string;
    dirname(path: string): string;
    basename(path: string): string;
  };
}

export interface CompileOptions {
  /** Names of operators whose code comes from working trees. */
  readonly with?: readonly string[];
  /** A stored pipeline, by its id; undefined where there is none. Files come first. */
  readonly stored?: (id: string) => LookUp | undefined;
  /** Variables of the environment that configurations may name. */
  readonly environment?: Environment;
}

/** A file at an absolute path; or the first of several that are one configuration, with the names of all of them in their order. */
export type MainFile = { readonly file: string } & (
  | { readonly bytes: Uint8Array }
  | { readonly layers: readonly string[] }
);

/** Compiles a pipeline with all that it runs. */
export function compileFiles(
  tree: FileTree,
  main: MainFile,
  options: CompileOptions = {},
): CompiledPipeline {
  const files = new PipelineFiles(tree, options);
  const compiled = files.main(main);
  if (!compiled.ok) return compiled;
  const children = files.found;
  const foreign = [...children.values()].flatMap((child) => child.compiled.warnings);
  const warnings = [...compiled.warnings, ...foreign];
  return { ok: true, main: { file: main.file, compiled }, files: children, warnings };
}

type Refused = Exclude<ReturnType<typeof compile>, { ok: true }>;
/** Absolute, and as messages call it: relative to the folder of the main file. */
interface Named {
  readonly full: string;
  readonly shown: string;
}

class PipelineFiles {
  readonly found = new Map<string, CompiledFile>();
  readonly #tree: FileTree;
  readonly #options: CompileOptions;
  readonly #refused = new Map<string, readonly Problem[]>();
  /** From the main file to the one that is being compiled. */
  readonly #chain: Named[] = [];

  constructor(tree: FileTree, options: CompileOptions) {
    this.#tree = tree;
    this.#options = options;
  }

  main(main: MainFile): Compiled | Refused {
    const full = main.file;
    const shown = this.#tree.path.basename(full);
    const source = 'layers' in main ? this.#layers(main) : sourceOf(main.bytes, shown);
    if ('problems' in source) return source;
    const names = this.#options.with ?? [];
    this.#chain.push({ full, shown });
    // Which of the names are those of sub-pipelines is known only afterwards.
    const compiled = compile(source, {
      ...this.#compileOptions(),
      with: names,
      operatorsBelow: () =>
        [...this.found.values()].flatMap((each) => each.compiled.operators.flatMap(spellingsOf)),
    });
    this.#chain.pop();
    return compiled;
  }

  #compileOptions(): Pick<
    NonNullable<Parameters<typeof compile>[1]>,
    'subPipeline' | 'environment'
  > {
    const { environment } = this.#options;
    return {
      subPipeline: (reference) => this.#find(reference),
      ...(environment === undefined ? {} : { environment }),
    };
  }

  /** Every file that cannot be read says so. */
  #layers({ file, layers }: { file: string; layers: readonly string[] }): Layers | Unread {
    const { path } = this.#tree;
    const read: Required<Source>[] = [];
    const problems: Problem[] = [];
    for (const name of layers) {
      const bytes = this.#tree.read(path.join(path.dirname(file), name));
      const source =
        bytes instanceof Message
          ? {
              problems: [
                problemOf(message('file_missing', 'layer', { file: name, why: bytes.text }), ''),
              ],
            }
          : sourceOf(bytes, name);
      if ('problems' in source)
        problems.push(...source.problems.map((each) => ({ ...each, file: name })));
      else read.push(source);
    }
    return problems.length > 0 ? { ok: false, problems } : { layers: read };
  }

  #find(reference: PipelineReference): LookUp {
    const from = this.#chain.at(-1);
    if (from === undefined) return { is: 'missing', said: message('unknown_pipeline', 'unnamed') };
    const named = 'file' in reference ? reference.file : this.#fileOfId(from, reference.id);
    if (typeof named !== 'string') return named;
    const { path } = this.#tree;
    const full = path.resolve(path.dirname(from.full), named);
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
    const bytes = this.#tree.read(full);
    if (bytes instanceof Message) return { is: 'missing', said: bytes, ...this.#near(full) };
    const decoded = decodeSource(bytes);
    this.#chain.push({ full, shown });
    const compiled = decoded.ok
      ? compile({ text: decoded.text, file: shown }, this.#compileOptions())
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

  /** The file of the folder whose pipeline has that id. Only the line with the id is looked at: the rest is read when it is the one. */
  #fileOfId(from: Named, id: string): string | LookUp {
    const { path } = this.#tree;
    const folder = path.dirname(from.full);
    const ids = new Map<string, string>();
    for (const name of this.#yamlFiles(folder)) {
      const bytes = this.#tree.read(path.join(folder, name));
      const own = bytes instanceof Message ? undefined : idIn(new TextDecoder().decode(bytes));
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
    const stored = this.#options.stored?.(id);
    if (stored !== undefined) return stored;
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

  #near(full: string): { suggestion?: string } {
    const { path } = this.#tree;
    const near = nearest(path.basename(full), this.#yamlFiles(path.dirname(full)));
    return near === undefined ? {} : { suggestion: near };
  }

  #yamlFiles(folder: string): readonly string[] {
    return this.#tree
      .names(folder)
      .filter((name) => /\.ya?ml$/i.test(name))
      .toSorted()
      .slice(0, limits.subPipelines);
  }
}

interface Unread {
  readonly ok: false;
  readonly problems: readonly Problem[];
}

function sourceOf(bytes: Uint8Array, file: string): Required<Source> | Unread {
  const decoded = decodeSource(bytes);
  return decoded.ok ? { text: decoded.text, file } : { ok: false, problems: decoded.problems };
}

function idIn(text: string): string | undefined {
  const line = /^(?:pipeline_)?id:[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#'"][^\n#]*))/m.exec(text);
  return (line?.[1] ?? line?.[2] ?? line?.[3])?.trim();
}
