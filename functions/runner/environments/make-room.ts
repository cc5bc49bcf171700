// After builds: the environments together stay below a size. Far from it nobody waits until sizes are known.
import { bytes } from '#core/failures.ts';
import type { Tools } from './kind.ts';
import { bytesKnown, keepBelow } from './manage.ts';

/** Milliseconds after a build: others that are under way need the machine more. */
const LATER = 1_000;

/** What is put off, with what the last build said; and what is done of it. */
let later: { readonly tools: Tools; readonly timer: NodeJS.Timeout } | undefined;
let doing: Promise<void> = Promise.resolve();

/**
 * Takes away what was not used for longest, but not `but`. While all that others built is known to take less than half of the size, that is
 * put off, and told nowhere.
 */
export async function makeRoom(tools: Tools, but: string): Promise<void> {
  const { cacheDir, cacheBytes } = tools;
  if (cacheBytes === undefined) return;
  const known = bytesKnown(cacheDir, performance.timeOrigin) ?? cacheBytes;
  if (known > cacheBytes / 2) {
    await below(tools, but);
    return;
  }
  clearTimeout(later?.timer);
  const timer = setTimeout(() => void roomMade(), LATER);
  timer.unref();
  later = { tools: { cacheDir, cacheBytes, host: {} }, timer };
}

/** Does now what was put off. To be awaited before the process ends. */
export async function roomMade(): Promise<void> {
  if (later !== undefined) {
    const { tools, timer } = later;
    clearTimeout(timer);
    later = undefined;
    doing = doing.then(() => below(tools));
  }
  await doing;
}

/** What could not be taken away fails no build: the next one tries again. */
async function below(tools: Tools, but?: string): Promise<void> {
  const { cacheDir, cacheBytes: most = 0, signal, onRemoved } = tools;
  try {
    for (const gone of await keepBelow(cacheDir, { most, signal, ...(but && { but }) }))
      onRemoved?.(
        `the environment of ${gone.label} (${gone.key.slice(0, 12)}, ${bytes(gone.bytes)}) was not used for longest and is taken away: all together may take ${bytes(most)}`,
      );
  } catch (error) {
    if (signal?.aborted === true) throw error;
    const why = error instanceof Error ? error.message : String(error);
    onRemoved?.(`environments that were not used for long could not be taken away: ${why}`);
  }
}
