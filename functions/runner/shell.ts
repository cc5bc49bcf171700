// A shell whose outputs are pipes of the system. Those that Node makes are sockets, and a socket cannot be opened by its name: in a program
// `echo … > /dev/stderr` would fail.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { limits } from '#schemas/limits.ts';

export interface Shell {
  readonly child: ChildProcess;
  /** Null where it has nothing to read. */
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

export interface ShellOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: 'ignore' | 'pipe';
}

interface Pipe {
  readonly reader: Readable;
  readonly writer: number;
}

/** Named pipes, each used again when whoever wrote to it has ended. Made when they are needed, many at once. */
export class Pipes {
  readonly #folder: string;
  readonly #free: string[] = [];
  #made = 0;
  #impossible = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts a shell in a group and session of its own: signals of the terminal do not reach it, ours reach all of it. Throws what `spawn` throws. */
  start(args: readonly string[], { cwd, env, stdin }: ShellOptions): Shell {
    const options = { cwd, env, detached: true } as const;
    const pipes = this.#pair();
    if (pipes === undefined) {
      const child =
        stdin === 'pipe'
          ? spawn('/bin/sh', [...args], { ...options, stdio: 'pipe' })
          : spawn('/bin/sh', [...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
      return { child, stdin: child.stdin, stdout: child.stdout, stderr: child.stderr };
    }
    const [stdout, stderr] = pipes;
    try {
      const stdio = [stdin, stdout.writer, stderr.writer];
      const child = spawn('/bin/sh', [...args], { ...options, stdio });
      return { child, stdin: child.stdin, stdout: stdout.reader, stderr: stderr.reader };
    } finally {
      // From now on the program alone holds them open.
      for (const { writer } of pipes) closeSync(writer);
    }
  }

  /** Undefined where the folder or the system has no such pipes. */
  #pair(): readonly [Pipe, Pipe] | undefined {
    if (this.#free.length < 2) this.#make();
    const [first, second] = [this.#free.pop(), this.#free.pop()];
    if (first === undefined || second === undefined) return undefined;
    const stdout = this.#open(first);
    try {
      return [stdout, this.#open(second)];
    } catch (error) {
      closeSync(stdout.writer);
      throw error;
    }
  }

  #open(file: string): Pipe {
    // Who reads comes first: then nobody waits for anybody.
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const reader = new Socket({ fd, readable: true, writable: false });
    const writer = openSync(file, constants.O_WRONLY);
    let ended = false;
    reader.once('end', () => {
      ended = true;
    });
    reader.once('close', () => {
      // Somebody may still write to one that was not read to its end.
      if (ended) this.#free.push(file);
      else rmSync(file, { force: true });
    });
    return { reader, writer };
  }

  #make(): void {
    if (this.#impossible) return;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const files = Array.from({ length: limits.pipesMade }, (_, index) =>
      path.join(this.#folder, String(this.#made + index)),
    );
    this.#made += files.length;
    const { status } = spawnSync('mkfifo', ['-m', '600', ...files], { stdio: 'ignore' });
    if (status === 0) this.#free.push(...files);
    else this.#impossible = true;
  }
}
