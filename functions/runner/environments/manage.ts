// What the command line asks of built environments: list, prune, why.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { withLease } from '../lease.ts';
import { unlessInUse } from './in-use.ts';
import {
  environmentsFolder,
  keysOf,
  lastUse,
  type Marker,
  readMarker,
  removeEnvironment,
} from './store.ts';

export interface ListedEnvironment {
  readonly key: string;
  /** Undefined: a build is under way or was interrupted. */
  readonly ready: Marker | undefined;
  /** Milliseconds since the epoch. */
  readonly lastUse: number;
  /** Bytes, files shared with the tool's cache included. */
  readonly bytes: number;
  readonly folder: string;
}

/** Newest use first. */
export async function listEnvironments(cacheDir: string): Promise<ListedEnvironment[]> {
  const listed: ListedEnvironment[] = [];
  for (const key of keysOf(cacheDir)) {
    const folder = path.join(environmentsFolder(cacheDir), key);
    listed.push({
      key,
      ready: readMarker(cacheDir, key),
      lastUse: lastUse(cacheDir, key),
      bytes: await sizeOf(folder),
      folder,
    });
  }
  return listed.sort((a, b) => b.lastUse - a.lastUse);
}

export interface Pruning {
  /** Those not used since (milliseconds since the epoch) go. */
  readonly before: number;
  /** Bytes that all together may take: those not used for longest go until it is enough. */
  readonly most?: number | undefined;
}

/** Removes what has to go, and what interrupted builds left, but nothing that a program runs in. Answers what went. */
export async function pruneEnvironments(
  cacheDir: string,
  { before, most = Number.POSITIVE_INFINITY }: Pruning,
): Promise<ListedEnvironment[]> {
  const removed: ListedEnvironment[] = [];
  const listed = await listEnvironments(cacheDir);
  let bytes = listed.reduce((sum, each) => sum + each.bytes, 0);
  for (const environment of listed.reverse()) {
    const { key } = environment;
    // Under the lease, so that nothing is taken away under a build.
    await withLease({ folder: cacheDir, name: `environment-${key}` }, async () => {
      const isReady = readMarker(cacheDir, key) !== undefined;
      if (isReady && lastUse(cacheDir, key) >= before && bytes <= most) return;
      if (!unlessInUse(cacheDir, key, () => removeEnvironment(cacheDir, key))) return;
      bytes -= environment.bytes;
      removed.push(environment);
    });
  }
  return removed;
}

/** An environment, and the parts in which another one differs from it. */
export interface Likeness {
  readonly key: string;
  readonly marker: Marker;
  readonly differs: readonly { part: string; was: string; is: string }[];
}

export interface Why {
  readonly key: string;
  readonly marker: Marker;
  /** The environment most like it that is older: why this one had to be built. */
  readonly other?: Likeness;
}

/** Why an environment is one of its own. `key` may be a beginning of it; undefined when there is none or several. */
export function why(cacheDir: string, key: string): Why | undefined {
  const keys = keysOf(cacheDir).filter((one) => one.startsWith(key));
  const [found] = keys;
  const own = found === undefined ? undefined : readMarker(cacheDir, found);
  if (keys.length !== 1 || found === undefined || own === undefined) return undefined;
  const other = mostLike(cacheDir, own.parts, {
    but: found,
    builtBefore: own.builtAt,
  });
  return { key: found, marker: own, ...(other === undefined ? {} : { other }) };
}

/** The built environment that differs least from one of these parts; undefined where there is none of its kind. */
export function mostLike(
  cacheDir: string,
  parts: Readonly<Record<string, string>>,
  among: { readonly but?: string; readonly builtBefore?: number } = {},
): Likeness | undefined {
  const { but, builtBefore = Number.POSITIVE_INFINITY } = among;
  return keysOf(cacheDir)
    .flatMap((key): readonly Likeness[] => {
      const marker = key === but ? undefined : readMarker(cacheDir, key);
      if (marker === undefined || marker.builtAt > builtBefore) return [];
      if (marker.parts['kind'] !== parts['kind']) return [];
      return [{ key, marker, differs: differences(marker.parts, parts) }];
    })
    .sort((a, b) => a.differs.length - b.differs.length || b.marker.builtAt - a.marker.builtAt)[0];
}

function differences(
  was: Readonly<Record<string, string>>,
  is: Readonly<Record<string, string>>,
): { part: string; was: string; is: string }[] {
  return [...new Set([...Object.keys(was), ...Object.keys(is)])]
    .filter((part) => was[part] !== is[part])
    .map((part) => ({ part, was: was[part] ?? '', is: is[part] ?? '' }));
}

async function sizeOf(folder: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }).catch(
    () => [],
  )) {
    if (!entry.isFile()) continue;
    const info = await stat(path.join(entry.parentPath, entry.name)).catch(() => undefined);
    total += info?.size ?? 0;
  }
  return total;
}
