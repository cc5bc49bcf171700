// Starts the runner as a process of its own that outlives this one.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
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
  const program = new URL(source ? '../../runner/main.ts' : '../bin/runner.js', import.meta.url);
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

/** Where a runner's things lie. */
type RunnerPlaces = Pick<DataDirectory, 'path' | 'runner' | 'runnerSocket'>;

/** Starts it, or lets one go on that has come up already. What it prints goes to `runner/runner.log`. */
export function startRunner(
  runner: RunnerCommand,
  directory: RunnerPlaces,
  cacheDirectory: string,
): RunnerProcess {
  const log = logOf(directory);
  const args = argumentsOf(runner, directory, cacheDirectory);
  const child = takeWaiting(args) ?? spawnRunner(runner.command, args, { log, stdin: 'ignore' });
  return { ended: endOf(child, runner, log), kill: () => void child.kill('SIGKILL') };
}

const logOf = ({ runner }: RunnerPlaces): string => join(runner, 'runner.log');

function argumentsOf(runner: RunnerCommand, places: RunnerPlaces, cacheDirectory: string) {
  const { path, runnerSocket } = places;
  const options = { 'data-dir': path, socket: runnerSocket, 'cache-dir': cacheDirectory };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  return [...runner.args, ...words];
}

function spawnRunner(
  command: string,
  args: readonly string[],
  { log, stdin }: { readonly log: string; readonly stdin: 'ignore' | 'pipe' },
): ChildProcess {
  const output = openSync(log, isLarge(log) ? 'w' : 'a', 0o600);
  try {
    const child = spawn(command, args, { detached: true, stdio: [stdin, output, output] });
    child.unref();
    return child;
  } finally {
    closeSync(output);
  }
}

/** A runner that waits to be told to go on, and what it was started with. */
interface Waiting {
  readonly args: readonly string[];
  readonly child: ChildProcess;
}

/** Where it is left for the program that is loaded next, which shares nothing else with whoever started it. */
const WAITING = Symbol.for('millrace.runner.waiting');
const shared = globalThis as { [WAITING]?: Waiting | undefined };

/**
 * Starts the runner of a data directory that is not ours yet, or will not be: it comes up, touches nothing and waits. It ends with this
 * process if nobody starts a runner there.
 */
export function bootRunner(
  runner: RunnerCommand,
  places: RunnerPlaces,
  cacheDirectory: string,
): void {
  const args = argumentsOf(runner, places, cacheDirectory);
  const how = { log: logOf(places), stdin: 'pipe' } as const;
  const child = spawnRunner(runner.command, [...args, '--wait'], how);
  // What keeps it from starting is told when one is started for work.
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  shared[WAITING] = { args, child };
}

function takeWaiting(args: readonly string[]): ChildProcess | undefined {
  const waiting = shared[WAITING];
  if (waiting === undefined || waiting.args.join('\0') !== args.join('\0')) return undefined;
  shared[WAITING] = undefined;
  const { child } = waiting;
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
    return undefined;
  // Written at once; that it has ended would be told when this process next finds time.
  child.stdin?.write('go');
  return child;
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
