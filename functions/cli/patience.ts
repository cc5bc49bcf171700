// While one engine leaves a data directory and another one comes, nobody answers for a moment: that is no error yet.
import { setTimeout as sleep } from 'node:timers/promises';
import { Transient } from '#errors/families.ts';

/** Times nobody may answer, and milliseconds between two of them. */
const TRIES = 50;
const BETWEEN = 100;

/** Nobody answers: an engine is starting, or one has just ended. */
export function isBetweenEngines(error: unknown): boolean {
  return error instanceof Transient && (error.code === 'busy' || error.code === 'unavailable');
}

/** Does it again as long as nobody answers. `progress` tells that an attempt got somewhere: then patience begins anew. */
export async function patiently<T>(work: (progress: () => void) => Promise<T>): Promise<T> {
  let silent = 0;
  const progress = (): void => {
    silent = 0;
  };
  for (;;) {
    try {
      return await work(progress);
    } catch (error) {
      silent += 1;
      if (!isBetweenEngines(error) || silent > TRIES) throw error;
    }
    await sleep(BETWEEN);
  }
}
