// The peers, and the environments that they run in.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** Each has `<name>.in` (what is wanted), `<name>.txt` (exact versions of all that comes along) and `with-<name>.py` (the work). */
export const PEERS = ['prefect', 'dagster', 'dbos'] as const;
export type Peer = (typeof PEERS)[number];

export const uv = path.join(root, '.tools/bin/uv');

export function environmentOf(peer: Peer): string {
  return path.join(root, '.tools/peers', peer);
}

export function requirementsOf(peer: Peer): string {
  return path.join(import.meta.dirname, `${peer}.txt`);
}

/** What an environment was made of; written last, so that half an environment has none. */
export function markerOf(peer: Peer): string {
  return path.join(environmentOf(peer), 'made-of.sha256');
}

export function digestOf(peer: Peer): string {
  return createHash('sha256')
    .update(readFileSync(requirementsOf(peer)))
    .digest('hex');
}

/** Whether the environment is there, whole, and of these versions. */
export function isReady(peer: Peer): boolean {
  const marker = markerOf(peer);
  return existsSync(marker) && readFileSync(marker, 'utf8') === digestOf(peer);
}

/** The exact version that is asked for: `3.4.0`. */
export function versionOf(peer: Peer): string {
  const lines = readFileSync(requirementsOf(peer), 'utf8').split('\n');
  const line = lines.find((one) => one.startsWith(`${peer}==`)) ?? '';
  return line.slice(peer.length + 2).trim();
}
