// Which file a command means. A folder stands for the pipeline in it, no name for that of the current folder.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type Message, message, problemOf } from '#core/messages.ts';
import { HasProblems } from '#errors/families.ts';
import type { Context } from './context.ts';

const NAMES = ['pipeline.yaml', '.pipeline.yaml', '.go-idp/pipeline.yaml'] as const;

/** The path as it is shown and opened. Says on standard error which one it took when none was named. */
export async function findPipeline(context: Context, named: string | undefined): Promise<string> {
  const folder = await folderOf(context, named);
  if (named !== undefined && folder === undefined) return existing(context, named);
  for (const name of NAMES) {
    const file = path.join(folder ?? '', name);
    if ((await kindOf(context, file)) === 'file') {
      context.note(`millrace: taking ${file}`);
      return file;
    }
  }
  const where = folder === undefined ? 'this folder' : folder;
  throw missing(message('file_missing', 'none_found', { folder: where, names: NAMES.join(', ') }));
}

async function folderOf(context: Context, named: string | undefined): Promise<string | undefined> {
  if (named === undefined) return undefined;
  return (await kindOf(context, named)) === 'folder' ? named : undefined;
}

async function existing(context: Context, file: string): Promise<string> {
  if ((await kindOf(context, file)) === 'file') return file;
  throw missing(message('file_missing', 'named', { file }));
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
