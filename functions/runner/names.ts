// Names of attempts and of their folders, the same for the runner and for those that read what it left.
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { AttemptName } from '#schemas/work-order.ts';

const LONGEST_NAME = 120;

/** One text for one attempt: what maps are keyed by. */
export function attemptKey(name: AttemptName): string {
  return `${name.namespace}/${name.run}/${name.address}/${name.attempt}`;
}

/** An address as the name of one file: `per_region[3]` is `per_region.3`; other signs are escaped, long ones shortened with a hash. */
export function safeName(address: string): string {
  const plain = address
    .replace(/\[(\d+)\]$/u, '.$1')
    .replace(/[^\p{L}\p{N}_.@-]/gu, (sign) => `%${sign.codePointAt(0)?.toString(16)}`)
    .replace(/^\.+/u, (dots) => '%2e'.repeat(dots.length));
  if (Buffer.byteLength(plain) <= LONGEST_NAME) return plain;
  const hash = createHash('sha256').update(address).digest('hex').slice(0, 24);
  return `${Array.from(plain).slice(0, 20).join('')}-${hash}`;
}

/** Where an attempt's things lie in a data directory. */
export interface Places {
  /** Its own folder, removed when it ended. */
  readonly base: string;
  /** Where its commands run when they have no operator. */
  readonly work: string;
  readonly artifacts: string;
  /** The key below which its artifacts lie in the object store. */
  readonly artifactsKey: string;
  readonly valuesKey: string;
  readonly logs: string;
}

export function logFolder(dataDir: string, name: AttemptName): string {
  return path.join(dataDir, 'logs', name.run, safeName(name.address), String(name.attempt));
}

export function places(dataDir: string, name: AttemptName): Places {
  const own = `${name.run}/${safeName(name.address)}/${name.attempt}`;
  const base = path.join(dataDir, 'workspaces', own);
  const artifactsKey = `NS/${name.namespace}/artifacts/${own}`;
  return {
    base,
    work: path.join(base, 'work'),
    artifacts: path.join(dataDir, 'objects', artifactsKey),
    artifactsKey,
    valuesKey: `NS/${name.namespace}/values/${own}`,
    logs: logFolder(dataDir, name),
  };
}
