// The files of pipelines that come along with a request, as a tree without a disk.
import { message } from '#core/messages.ts';
import type { FileTree } from './pipeline-files.ts';

/** Paths are meant from the folder of the main file, which is `/`. */
export function filesOf(files: { readonly [path: string]: string }): FileTree {
  const bytes = new Map<string, Uint8Array>();
  for (const [path, text] of Object.entries(files))
    bytes.set(resolve('/', path), new TextEncoder().encode(text));
  return {
    read: (full) => bytes.get(full) ?? message('unknown_pipeline', 'not_sent'),
    names: (folder) =>
      [...bytes.keys()].filter((full) => dirname(full) === folder).map((full) => basename(full)),
    path: { resolve, join, dirname, basename },
  };
}

function resolve(folder: string, named: string): string {
  return `/${partsOf(named.startsWith('/') ? named : `${folder}/${named}`).join('/')}`;
}

/** Nothing lies above the root. */
function partsOf(path: string): readonly string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}

function join(folder: string, named: string): string {
  const parts = partsOf(folder === '.' ? named : `${folder}/${named}`).join('/');
  return folder.startsWith('/') ? `/${parts}` : parts;
}

function dirname(path: string): string {
  const at = path.lastIndexOf('/');
  if (at < 0) return '.';
  return at === 0 ? '/' : path.slice(0, at);
}

const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
