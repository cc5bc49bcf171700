// Files of objects: written under a passing name, hashed on the way, brought to the disk before they get their key.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { type ObjectAbout, objectAbout } from '#schemas/data-directory.ts';
import { systemCode } from './storage-errors.ts';

export interface Written {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Writes the body to a new file in `folder`, durable when it returns; leaves nothing behind when it fails. */
export async function writeTemporary(
  folder: string,
  body: Uint8Array | Readable,
): Promise<Written> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, randomUUID());
  const file = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of body instanceof Readable ? body : [body]) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      hash.update(bytes);
      size += bytes.length;
      await file.writeFile(bytes);
    }
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
  await file.close();
  return { path, size, sha256: hash.digest('hex') };
}

export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** A name is durable only when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Undefined where nothing is known, or where what lies there is not readable any more. */
export async function readAbout(path: string): Promise<ObjectAbout | undefined> {
  try {
    const parsed = objectAbout.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writeAbout(path: string, value: ObjectAbout): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const passing = `${path}.${randomUUID()}`;
  const { size, sha256, mediaType } = value;
  await writeFile(passing, JSON.stringify({ size, sha256, mediaType }), { mode: 0o600 });
  await rename(passing, path);
}
