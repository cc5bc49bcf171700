// A pipeline file of this machine and the files of the pipelines that it runs, compiled. The one place where the look-ups of
// sub-pipelines meet a disk.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Message, message } from '#core/messages.ts';
import { type CompiledPipeline, compileFiles, type FileTree } from '#service/pipeline-files.ts';

export interface CompileFileOptions {
  /** The folder that `file` is relative to. */
  readonly cwd: string;
  /** What stands in the file, where it is none on the disk: other files are still looked for beside it. */
  readonly text?: string;
  /** Names of operators whose code comes from working trees. */
  readonly with?: readonly string[];
}

const disk: FileTree = { read: readOrWhy, names: namesIn, path };

/** Compiles a file as it is named by the user, with all that it runs. Rejects with what reading the file itself rejects with. */
export function compilePipeline(named: string, options: CompileFileOptions): CompiledPipeline {
  const file = path.resolve(options.cwd, named);
  const { text } = options;
  const bytes = text === undefined ? readFileSync(file) : Buffer.from(text);
  return compileFiles(disk, { file, bytes }, { with: options.with ?? [] });
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
