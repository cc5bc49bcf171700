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

export function logFolder(dataDir: string, name: AttemptName): string {
  return path.join(dataDir, 'logs', name.run, safeName(name.address), String(name.attempt));
}

/** What an attempt's files are called in the object store: readable, and each attempt has its own. */
export function keptKeys(name: AttemptName): { artifacts: string; values: string } {
  // No address has a tilde: it is escaped.
  const again = name.attempt === 1 ? '' : `~${name.attempt}`;
  const own = `${name.run}/${safeName(name.address)}${again}`;
  return {
    artifacts: `NS/${name.namespace}/artifacts/${own}`,
    values: `NS/${name.namespace}/values/${own}`,
  };
}
