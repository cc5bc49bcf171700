// Takes a data directory for an engine, before the engine itself is loaded: its runner comes up meanwhile.
import { hostname } from 'node:os';
import { type DataDirectory, openDataDirectory } from '#embedded/data-directory.ts';
import { type Lock, takeLock } from '#embedded/lock.ts';
import {
  defaultRunner,
  type RunnerProcess,
  runnerAt,
  startAhead,
} from '#embedded/runner-program.ts';
import type { LockHolder } from '#schemas/data-directory.ts';
import { cacheDirectory } from './settings.ts';
import { VERSION } from './version.ts';

export interface HoldOptions {
  readonly dataDir: string;
  readonly cacheDir?: string;
  readonly lazy?: boolean;
  readonly runner?: string;
}

/** A data directory that is this process's. Whoever opens no engine with it releases its lock. */
export interface Hold {
  readonly directory: DataDirectory;
  readonly lock: Lock;
  readonly holder: LockHolder;
  /** The runner, where it could be started ahead. */
  readonly ahead: RunnerProcess | undefined;
}

/** @throws Transient `busy` when another engine holds it; Rejected `read_only`, `newer_format` */
export function holdDirectory(options: HoldOptions): Hold {
  const directory = openDataDirectory(options.dataDir);
  const holder = { pid: process.pid, host: hostname(), version: VERSION, since: Date.now() };
  const lock = takeLock(directory.lock, holder);
  return { directory, lock, holder, ahead: runnerAhead(directory, options) };
}

function runnerAhead(
  directory: DataDirectory,
  { runner, lazy = false, cacheDir = cacheDirectory() }: HoldOptions,
): RunnerProcess | undefined {
  if (lazy) return undefined;
  const program = runner === undefined ? defaultRunner() : runnerAt(runner);
  try {
    return startAhead(program, directory, cacheDir);
  } catch {
    // What keeps it from starting is told when it is started for work.
    return undefined;
  }
}
