// Names of attempts and of their folders, the same for the runner and for those that read what it left.
import path from 'node:path';
import { safeName } from '#core/attempt-names.ts';
import type { AttemptName } from '#schemas/work-order.ts';

/** One text for one attempt: what maps are keyed by. */
export function attemptKey(name: AttemptName): string {
  return `${name.namespace}/${name.run}/${name.address}/${name.attempt}`;
}

export function logFolder(dataDir: string, name: AttemptName): string {
  return path.join(dataDir, 'logs', name.run, safeName(name.address), String(name.attempt));
}
