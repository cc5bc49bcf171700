// Leaves an engine behind: a process of its own, in a session of its own, without a terminal, that goes on with runs when this
// command has ended. What it prints goes to a file in the data directory.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openDataDirectory } from '#embedded/data-directory.ts';
import { Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { cacheDirectory, hostEnvironment } from './settings.ts';

/** How this very program is started. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

export interface DetachOptions {
  readonly dataDir: string;
  readonly program: Program;
  /** Runs that it shall go on with. */
  readonly runs: readonly string[];
}

export interface Detached {
  readonly pid: number;
  /** Where it prints. */
  readonly log: string;
  /** Rejects, with what it said last, if it ends in disorder while somebody waits for it. */
  readonly failed: Promise<never>;
}

/** The file that an engine without a terminal prints to. */
export function engineLog(dataDir: string): string {
  return join(resolve(dataDir), 'engine.log');
}

/**
 * Starts the engine. It waits for the lock of the data directory, which the caller may still hold; where another engine
 * is faster, that one is told of the runs.
 *
 * @returns once the process has been told which runs are meant
 * @throws Transient `unavailable` when it cannot be started
 */
export async function startDetached(options: DetachOptions): Promise<Detached> {
  const { path } = openDataDirectory(options.dataDir);
  const log = engineLog(path);
  if (isLarge(log)) truncateSync(log);
  const output = openSync(log, 'a', 0o600);
  try {
    const child = spawn(
      options.program.command,
      [...options.program.args, '--data-dir', path, 'serve', '--detached'],
      {
        detached: true,
        stdio: ['pipe', output, output],
        // A folder that outlives whoever asked; what is named relative to theirs is named in full.
        cwd: path,
        env: { ...hostEnvironment(), MILLRACE_CACHE_DIR: resolve(cacheDirectory()) },
      },
    );
    const failed = failureOf(child, log);
    failed.catch(() => undefined);
    await Promise.race([told(child, options.runs), failed]);
    child.unref();
    return { pid: child.pid ?? 0, log, failed };
  } finally {
    closeSync(output);
  }
}

/** How it ends when somebody ended it on purpose. */
const PARKED = 4;

function told(child: ChildProcess, runs: readonly string[]): Promise<void> {
  return new Promise((settle, reject) => {
    child.stdin?.on('error', (error) =>
      reject(new Transient('unavailable', `the engine could not be told of its runs: ${error}`)),
    );
    child.stdin?.end(JSON.stringify({ runs }), () => settle());
  });
}

function failureOf(child: ChildProcess, log: string): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (why: string): void =>
      reject(new Transient('unavailable', `an engine could not be left behind: ${why}`));
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => {
      if (code !== 0 && code !== PARKED)
        fail(`it ended with ${signal ?? `code ${code}`}; ${log} says: ${tailOf(log)}`);
    });
  });
}

function tailOf(log: string): string {
  return readFileSync(log, 'utf8').slice(-limits.buildLogTail).trim();
}

/** Keeps the file in bounds while an engine lives long: what is appended goes on at its beginning. */
export function boundEngineLog(dataDir: string): void {
  const log = engineLog(dataDir);
  if (isLarge(log)) truncateSync(log);
}

function isLarge(log: string): boolean {
  return (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > limits.engineLogBytes;
}
