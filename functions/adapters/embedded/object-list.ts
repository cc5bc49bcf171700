// Lists keys in the order of their bytes by walking folders, without reading more of them than a page needs.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListPage } from '#ports/objects.ts';
import { limits } from '#schemas/limits.ts';
import { compareKeys } from './key-range.ts';
import { systemCode } from './storage-errors.ts';

type Listed = ListPage['objects'][number];

/** A page of the objects whose keys begin with `prefix`, after the key that the cursor is. */
export async function listObjects(
  root: string,
  prefix: string,
  cursor: string | undefined,
): Promise<ListPage> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const objects: Listed[] = [];
  for await (const object of walkFolder(root, folder, { prefix, after: cursor ?? '' })) {
    const last = objects.at(-1);
    if (objects.length === limits.page && last !== undefined) return { objects, cursor: last.key };
    objects.push(object);
  }
  return { objects };
}

async function* walkFolder(
  root: string,
  folder: string,
  wanted: { readonly prefix: string; readonly after: string },
): AsyncGenerator<Listed> {
  for (const key of await namesIn(root, folder)) {
    const isFolder = key.endsWith('/');
    if (!key.startsWith(wanted.prefix) && !(isFolder && wanted.prefix.startsWith(key))) continue;
    if (compareKeys(key, wanted.after) <= 0 && !(isFolder && wanted.after.startsWith(key)))
      continue;
    if (isFolder) {
      yield* walkFolder(root, key, wanted);
    } else {
      const size = await sizeOf(join(root, key));
      if (size !== undefined) yield { key, size };
    }
  }
}

/** Keys of the files and, ending in `/`, of the folders in a folder, in the order of their bytes. */
async function namesIn(root: string, folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() || entry.isDirectory())
      .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .sort(compareKeys);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

/** Undefined when it has gone meanwhile. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
