// Starts the runner as a process of its own that outlives this one.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { DataDirectory } from './data-directory.ts';

export interface RunnerCommand {
  readonly command: string;
  readonly args: readonly string[];
}

// A small young generation, because starting a program copies the page tables of all memory that was ever touched; and no helper
// threads of V8, which would take the processors from the programs. Together a quarter more programs a second on two cores. Not
// `--single-threaded`, which says the same: with it Node throws away what it has compiled of itself, and starts half as long again.
const LEAN = ['--max-semi-space-size=4', '--single-threaded-gc', '--no-concurrent-recompilation'];

/** The runner beside this very file: a bundle in a bundle, a source in a checkout. */
export function defaultRunner(): RunnerCommand {
  const source = import.meta.url.endsWith('.ts');
  const program = new URL(source ? '../../runner/main.ts' : './runner.mjs', import.meta.url);
  return runnerAt(fileURLToPath(program));
}

/** The runner whose program lies at this path. */
export function runnerAt(program: string): RunnerCommand {
  return { command: process.execPath, args: [...LEAN, program] };
}

export interface RunnerProcess {
  /** Resolves, with what it said last, when the process has ended or could not be started. */
  readonly ended: Promise<string>;
  kill(): void;
}

/** Starts it. What it prints goes to `runner/runner.log`. */
export function startRunner(
  runner: RunnerCommand,
  directory: DataDirectory,
  cacheDirectory: string,
): RunnerProcess {
  const log = join(directory.runner, 'runner.log');
  const output = openSync(log, isLarge(log) ? 'w' : 'a', 0o600);
  try {
    const child = spawn(
      runner.command,
      [
        ...runner.args,
        '--data-dir',
        directory.path,
        '--socket',
        directory.runnerSocket,
        '--cache-dir',
        cacheDirectory,
      ],
      { detached: true, stdio: ['ignore', output, output] },
    );
    child.unref();
    return { ended: endOf(child, runner, log), kill: () => void child.kill('SIGKILL') };
  } finally {
    closeSync(output);
  }
}

/**
 * Starts it before anything else is known, for whoever has just taken the data directory. Undefined where an earlier runner lives or
 * left something: that must be settled first.
 */
export function startAhead(
  runner: RunnerCommand,
  directory: DataDirectory,
  cacheDirectory: string,
): RunnerProcess | undefined {
  const traces = readdirSync(directory.runner).some((name) => name.startsWith('spool-'));
  if (traces || existsSync(directory.runnerSocket)) return undefined;
  return startRunner(runner, directory, cacheDirectory);
}

/** What to say when a runner does not come up. */
export function runnerFailed(why: string): Transient {
  return new Transient('unavailable', `the runner did not start: ${why}`, { afterMs: 5_000 });
}

function endOf(child: ChildProcess, runner: RunnerCommand, log: string): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`${runner.command}: ${error.message}`));
    child.once('exit', (code, signal) => {
      resolve(`it ended with ${signal ?? `code ${code}`}; ${log} says: ${tailOf(log)}`);
    });
  });
}

function tailOf(log: string): string {
  try {
    return readFileSync(log, 'utf8').slice(-limits.buildLogTail).trim();
  } catch {
    return '';
  }
}

function isLarge(log: string): boolean {
  return (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > limits.runnerLogBytes;
}
