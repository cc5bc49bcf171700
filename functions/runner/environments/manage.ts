// What is asked of all built environments together: list, prune, why, and that they do not grow beyond a size.
import path from 'node:path';
import { withLease } from '../lease.ts';
import { unlessInUse } from './in-use.ts';
import {
  bytesOf,
  environmentsFolder,
  keysOf,
  lastUse,
  type Marker,
  readMarker,
  setAside,
  sweepAside,
} from './store.ts';

export interface ListedEnvironment {
  readonly key: string;
  /** Undefined: a build is under way or was interrupted. */
  readonly ready: Marker | undefined;
  /** Milliseconds since the epoch. */
  readonly lastUse: number;
  /** As it was measured when it was built, files shared with the tool's cache included. */
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
      bytes: await bytesOf(cacheDir, key),
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
      if (!unlessInUse(cacheDir, key, () => setAside(cacheDir, key))) return;
      bytes -= environment.bytes;
      removed.push(environment);
    });
  }
  await alone({ cacheDir }, () => sweepAside(cacheDir));
  return removed;
}

/**
 * Takes those not used for longest away until all together are not larger than `most`, but none that is in use, and not `but`. Looks at
 * what was measured only. Two that do it at once take turns.
 */
export async function keepBelow(
  cacheDir: string,
  { most, but, signal }: Below,
): Promise<readonly RemovedEnvironment[]> {
  if ((await readyOnes(cacheDir)).bytes <= most) return [];
  return alone({ cacheDir, signal }, async () => {
    const removed: RemovedEnvironment[] = [];
    // Another one may have done it meanwhile.
    const { found, bytes: all } = await readyOnes(cacheDir);
    let bytes = all;
    for (const each of found.sort((a, b) => a.lastUse - b.lastUse)) {
      if (bytes <= most) break;
      const { key } = each;
      if (key === but) continue;
      await withLease({ folder: cacheDir, name: `environment-${key}`, signal }, async () => {
        // Found by somebody since it was looked at.
        if (lastUse(cacheDir, key) > each.lastUse) return;
        if (!unlessInUse(cacheDir, key, () => setAside(cacheDir, key))) return;
        bytes -= each.bytes;
        removed.push(each);
      });
    }
    await sweepAside(cacheDir);
    return removed;
  });
}

export interface Below {
  /** Bytes. */
  readonly most: number;
  readonly but?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface RemovedEnvironment {
  readonly key: string;
  readonly label: string;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly lastUse: number;
}

async function readyOnes(
  cacheDir: string,
): Promise<{ found: RemovedEnvironment[]; bytes: number }> {
  const found: RemovedEnvironment[] = [];
  for (const key of keysOf(cacheDir)) {
    const label = readMarker(cacheDir, key)?.label;
    if (label === undefined) continue;
    const bytes = await bytesOf(cacheDir, key);
    found.push({ key, label, bytes, lastUse: lastUse(cacheDir, key) });
  }
  return { found, bytes: found.reduce((sum, each) => sum + each.bytes, 0) };
}

/** What is known without measuring: undefined where one is not measured that was built before `since` (milliseconds since the epoch). */
export function bytesKnown(cacheDir: string, since: number): number | undefined {
  const markers = keysOf(cacheDir).map((key) => readMarker(cacheDir, key));
  if (markers.some((one) => one?.bytes === undefined && (one?.builtAt ?? since) < since))
    return undefined;
  return markers.reduce((sum, one) => sum + (one?.bytes ?? 0), 0);
}

/** One at a time, in whatever process. */
function alone<T>(
  { cacheDir, signal }: { readonly cacheDir: string; readonly signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  return withLease({ folder: cacheDir, name: 'environments-removed', signal }, work);
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
