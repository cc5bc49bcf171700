// Objects on one machine: files below one folder, named by their keys, so that programs may read them in place.
// What is known of an object beside its content lies in `.about/`; it may be lost without harm.
import { constants } from 'node:fs';
import { link, mkdir, open, readFile, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { MillraceError, NotFound, Rejected } from '#errors/families.ts';
import type { ObjectInfo, Objects, Presigned, PresignRequest } from '#ports/objects.ts';
import { limits } from '#schemas/limits.ts';
import { refuseKey, refusePrefix } from '#shared/object-keys.ts';
import { digestOf, readAbout, syncFolder, writeAbout, writeTemporary } from './object-files.ts';
import { listObjects } from './object-list.ts';
import { fromSystem, systemCode } from './storage-errors.ts';

export interface LocalObjects extends Objects {
  /** Where the object lies, or would lie, on this machine. */
  pathOf(key: string): string;
}

/** Objects below `root`, which is created when the first one is put. */
export function createObjects(root: string): LocalObjects {
  const pathOf = (key: string): string => {
    refuseKey(key);
    return join(root, key);
  };
  return {
    pathOf,
    put: async (key, body, options = {}) => {
      const path = pathOf(key);
      return await guarded(path, () => putFile({ root, key, path }, body, options.mediaType));
    },
    get: async (key) => {
      const path = pathOf(key);
      return await guarded(path, async () => {
        const inside = await insidePath(root, path);
        return inside === undefined ? undefined : await readFile(inside);
      });
    },
    stream: async (key, range) => {
      const path = pathOf(key);
      return await guarded(path, () => streamFile({ root, key, path }, range));
    },
    info: async (key) => {
      const path = pathOf(key);
      return await guarded(path, () => infoOf({ root, key, path }));
    },
    list: async (prefix, cursor) => {
      refusePrefix(prefix);
      return await guarded(join(root, prefix), () => listObjects(root, prefix, cursor));
    },
    remove: async (key) => {
      const path = pathOf(key);
      await guarded(path, async () => {
        await rm(path, { force: true });
        await rm(aboutPath(root, key), { force: true });
      });
    },
    presign: async (request) => fileAddress(request, pathOf(request.key)),
  };
}

/** Programs of this machine read objects in place; what they write has to be put, or nobody would hash it. */
function fileAddress(request: PresignRequest, path: string): Presigned {
  if (!(request.milliseconds > 0 && request.milliseconds <= limits.presigned)) {
    throw new Rejected(
      'invalid',
      `object ${request.key}: no address for ${request.milliseconds} ms; from 1 to ${limits.presigned}`,
    );
  }
  if (request.do === 'put') {
    throw new Rejected(
      'invalid',
      `object ${request.key}: none is put by an address on this machine; put it through the engine`,
    );
  }
  return { method: 'GET', url: pathToFileURL(path).href, headers: {} };
}

interface Place {
  readonly root: string;
  readonly key: string;
  readonly path: string;
}

async function putFile(
  place: Place,
  body: Uint8Array | Readable,
  mediaType: string | undefined,
): Promise<ObjectInfo> {
  await makeFolder(dirname(place.path));
  const written = await writeTemporary(join(place.root, '.coming'), body);
  const info: ObjectInfo = {
    key: place.key,
    size: written.size,
    sha256: written.sha256,
    ...(mediaType === undefined ? {} : { mediaType }),
  };
  try {
    // A link, unlike a rename, never takes the place of another object.
    await link(written.path, place.path);
    await syncFolder(dirname(place.path));
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    const taken = await infoOf(place);
    if (taken === undefined || taken.sha256 !== info.sha256) throw otherContent(place.key);
    if (taken.mediaType !== undefined || mediaType === undefined) return taken;
  } finally {
    await rm(written.path, { force: true });
  }
  await writeAbout(aboutPath(place.root, place.key), info);
  return info;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    throw new Rejected('invalid', `${path}: an object is there, so that none can lie below it`);
  }
}

async function infoOf(place: Place): Promise<ObjectInfo | undefined> {
  const inside = await insidePath(place.root, place.path);
  if (inside === undefined) return undefined;
  const { size } = await stat(inside);
  const about = await readAbout(aboutPath(place.root, place.key));
  if (about !== undefined && about.size === size) return { key: place.key, ...about };
  return { key: place.key, size, sha256: await digestOf(inside) };
}

async function streamFile(
  place: Place,
  range: { from: number; to?: number } | undefined,
): Promise<Readable> {
  const inside = await insidePath(place.root, place.path);
  if (inside === undefined) throw new NotFound(`object ${place.key}: none there`);
  const from = range?.from ?? 0;
  const to = range?.to;
  if (!(from >= 0) || (to !== undefined && to < from)) {
    throw new Rejected('invalid', `object ${place.key}: no range from ${from} to ${to}`);
  }
  const file = await open(inside, constants.O_RDONLY);
  // The last byte of a stream is included; an empty range still has to answer an empty stream.
  if (to === from) {
    await file.close();
    return Readable.from([]);
  }
  return file.createReadStream({ start: from, ...(to === undefined ? {} : { end: to - 1 }) });
}

/** The real path of a regular file below the root. Programs write below it too, so a link may not lead out. */
async function insidePath(root: string, path: string): Promise<string | undefined> {
  try {
    const [base, real] = await Promise.all([realpath(root), realpath(path)]);
    if (!real.startsWith(base + sep)) return undefined;
    return (await stat(real)).isFile() ? real : undefined;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}

function aboutPath(root: string, key: string): string {
  return join(root, '.about', `${key}.json`);
}

function otherContent(key: string): Rejected {
  return new Rejected('wrong_state', `object ${key} is there already, with another content`, {
    key,
  });
}

async function guarded<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof MillraceError || systemCode(error) === undefined) throw error;
    throw fromSystem(error, path);
  }
}
