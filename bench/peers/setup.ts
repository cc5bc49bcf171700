// Makes an environment for each peer from exact versions. What is there already is left alone.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  digestOf,
  environmentOf,
  isReady,
  markerOf,
  PEERS,
  type Peer,
  requirementsOf,
  uv,
  versionOf,
} from './environments.ts';

for (const peer of PEERS) {
  if (!isReady(peer)) make(peer);
  console.log(`peers: ${peer} ${versionOf(peer)} is ready`);
}

function make(peer: Peer): void {
  console.log(`peers: installing ${peer} ${versionOf(peer)}`);
  const folder = environmentOf(peer);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.dirname(folder), { recursive: true });
  call(peer, ['venv', '--quiet', '--python', '>=3.10', folder]);
  // Nothing is built here, and nothing is compiled while the benchmark runs.
  const how = ['--only-binary', ':all:', '--compile-bytecode'];
  call(peer, ['pip', 'sync', '--quiet', '--python', folder, ...how, requirementsOf(peer)]);
  writeFileSync(markerOf(peer), digestOf(peer));
}

function call(peer: Peer, args: readonly string[]): void {
  const env = { ...process.env, UV_PYTHON_DOWNLOADS: 'never' };
  const { status, error } = spawnSync(uv, args, { stdio: 'inherit', env });
  if (status === 0) return;
  const why =
    error?.message ?? `uv ${args[0]} ended with exit code ${status}; its message is above`;
  console.error(`the environment of ${peer} could not be made: ${why}`);
  process.exit(2);
}
