// Runs the program as a user does: whole processes in a folder of their own, reading what is printed.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allProcesses, signal, variableOf } from '#runner/processes.ts';
import { type EventLine, eventLine, type RunReport, runReport } from '#schemas/report.ts';

export const ROOT = new URL('../..', import.meta.url).pathname;
export const BIN = join(ROOT, 'bin', 'millrace.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the first line on standard output that fits; rejects when the program ends without one. */
  line(fits: (line: string) => boolean): Promise<string>;
}

/** A folder with files, and the program in it. Code mirrors and environments are shared by all of a test run. */
export class Place {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #started = new Set<ChildProcess>();

  constructor(
    files: Readonly<Record<string, string>> = {},
    env: Readonly<Record<string, string>> = {},
  ) {
    this.folder = mkdtempSync(join(tmpdir(), 'millrace-e2e-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.folder, name), text);
    const { MILLRACE_RUN: _run, MILLRACE_DATA_DIR: _dir, ...inherited } = process.env;
    this.env = {
      ...inherited,
      MILLRACE_CACHE_DIR: join(tmpdir(), `millrace-e2e-cache-${process.getuid?.() ?? 0}`),
      NO_COLOR: '1',
      ...env,
    };
  }

  start(...args: readonly string[]): Running {
    return this.#begin('', args);
  }

  run(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** With something on standard input. */
  feed(input: string, ...args: readonly string[]): Promise<Ended> {
    return this.#begin(input, args).ended;
  }

  /** A program of the place's own, by its file. */
  program(file: string, ...args: readonly string[]): Running {
    return this.#begin('', args, file);
  }

  /** Programs of runs of this place that live, and what they started. */
  get programs(): number[] {
    return allProcesses()
      .filter(({ pid, state }) => {
        if (state === 'Z') return false;
        return variableOf(pid, 'MILLRACE_ARTIFACTS')?.startsWith(`${this.folder}/`) === true;
      })
      .map(({ pid }) => pid);
  }

  /** Ends what a test that failed left running. */
  remove(): void {
    for (const child of this.#started) child.kill('SIGKILL');
    for (const pid of [...this.#runners, ...this.programs]) signal(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** A runner that waits for its next engine would write into the folder once more. */
  get #runners(): number[] {
    return allProcesses()
      .filter(({ pid, state }) => state !== 'Z' && commandOf(pid).includes(`${this.folder}/`))
      .map(({ pid }) => pid);
  }

  #begin(input: string, args: readonly string[], file = BIN): Running {
    const child = spawn(process.execPath, [file, ...args], {
      cwd: this.folder,
      env: this.env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#started.add(child);
    child.once('close', () => this.#started.delete(child));
    child.stdin.end(input);
    return watch(child);
  }
}

/** With what a process was started; empty for one that is gone. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function watch(child: ChildProcess): Running {
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  const tell = (): void => {
    for (const look of waiting) look();
  };
  let over = false;
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    tell();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      tell();
      resolve({ code, signal, stdout, stderr });
    });
  });
  const line = (fits: (line: string) => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = stdout.split('\n').slice(0, -1).find(fits);
        if (found === undefined && !over) return;
        waiting.delete(look);
        if (found === undefined)
          reject(new TypeError(`no such line; it printed ${stdout}${stderr}`));
        else resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { child, ended, line };
}

/** The lines of `--json`: events, then the report. */
export function jsonLines(stdout: string): { events: EventLine[]; report: RunReport } {
  const lines = stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  return {
    events: lines.slice(0, -1).map((line) => eventLine.parse(line)),
    report: runReport.parse(lines.at(-1)),
  };
}
