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

export interface Why {
  readonly key: string;
  readonly marker: Marker;
  /** The environment most like it that is older, and the parts in which they differ: why this one had to be built. */
  readonly other?: {
    readonly key: string;
    readonly differs: readonly { part: string; was: string; is: string }[];
  };
}

/** Why an environment is one of its own. `key` may be a beginning of it; undefined when there is none or several. */
export function why(cacheDir: string, key: string): Why | undefined {
  const keys = keysOf(cacheDir).filter((one) => one.startsWith(key));
  const [found] = keys;
  const own = found === undefined ? undefined : readMarker(cacheDir, found);
  if (keys.length !== 1 || found === undefined || own === undefined) return undefined;
  const others = keysOf(cacheDir)
    .filter((one) => one !== found)
    .map((one) => ({ key: one, marker: readMarker(cacheDir, one) }))
    .filter(({ marker }) => marker !== undefined && marker.builtAt <= own.builtAt)
    .map(({ key: one, marker }) => ({
      key: one,
      differs: differences(marker?.parts ?? {}, own.parts),
    }))
    .sort((a, b) => a.differs.length - b.differs.length);
  const [other] = others;
  return { key: found, marker: own, ...(other === undefined ? {} : { other }) };
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
