// Which file a command means. A folder stands for the pipeline in it, no name for that of the current folder.
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Message, message, problemOf } from '#core/messages.ts';
import { HasProblems } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Context } from './context.ts';

const NAMES = ['pipeline.yaml', '.pipeline.yaml', '.go-idp/pipeline.yaml'] as const;

/**
 * The path as it is shown and opened; that of a folder ends with a slash, where several files of it are one configuration. Says on
 * standard error which one it took when none was named.
 */
export async function findPipeline(context: Context, named: string | undefined): Promise<string> {
  const folder = await folderOf(context, named);
  if (named !== undefined && folder === undefined) return existing(context, named);
  if (folder !== undefined && named !== undefined) {
    const layered = await configurationIn(context, folder);
    if (layered !== undefined) return layered;
  }
  for (const name of NAMES) {
    const file = path.join(folder ?? '', name);
    if ((await kindOf(context, file)) === 'file') {
      context.note(`millrace: taking ${file}`);
      return file;
    }
  }
  const names = NAMES.join(', ');
  throw missing(
    folder === undefined
      ? message('file_missing', 'none_found', { folder: 'this folder', names })
      : message('file_missing', 'none_in_folder', { folder, names }),
  );
}

/** Keys of a production line, which may lie in several files; other pipelines are one file each. */
const PRODUCTION_LINE = /^["']?(?:pipeline_id|operators)["']?[ \t]*:/m;

/** The configuration that the files of a folder are together, or the only one of them. */
async function configurationIn(context: Context, folder: string): Promise<string | undefined> {
  const full = path.resolve(context.host.cwd, folder);
  const { layersOf } = await import('#local/pipeline-files.ts');
  const names = layersOf(full);
  const main = names.find((name) => name === NAMES[0]);
  const asked = main === undefined ? names.slice(0, limits.layers) : [main];
  const texts = await Promise.all(asked.map((name) => readFile(path.join(full, name), 'utf8')));
  if (!texts.some((text) => PRODUCTION_LINE.test(text))) return undefined;
  const [only, ...more] = names;
  if (more.length === 0 && only !== undefined) {
    context.note(`millrace: taking ${path.join(folder, only)}`);
    return path.join(folder, only);
  }
  context.note(`millrace: merging ${names.map((name) => path.join(folder, name)).join(', ')}`);
  return `${path.join(folder, '.').replace(/\/+$/, '')}/`;
}

async function folderOf(context: Context, named: string | undefined): Promise<string | undefined> {
  if (named === undefined) return undefined;
  return (await kindOf(context, named)) === 'folder' ? named : undefined;
}

async function existing(context: Context, file: string): Promise<string> {
  if ((await kindOf(context, file)) === 'file') return file;
  throw missing(message('file_missing', 'named', { file }));
}

/** The folder that paths of a pipeline are relative to. */
export function folderOfPipeline(file: string): string {
  return file.endsWith('/') ? file : path.dirname(file);
}

async function kindOf(context: Context, file: string): Promise<'file' | 'folder' | undefined> {
  try {
    const found = await stat(path.resolve(context.host.cwd, file));
    return found.isDirectory() ? 'folder' : 'file';
  } catch {
    return undefined;
  }
}

function missing(said: Message): HasProblems {
  return new HasProblems([problemOf(said, '')]);
}
