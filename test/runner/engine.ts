// An engine for tests: starts the real runner as a process, speaks the protocol, grants every claim unless told otherwise.
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endLeftovers } from '#runner/leftovers.ts';
import type { AttemptReport } from '#schemas/run.ts';
import { type EngineFrame, type RunnerFrame, runnerFrame } from '#schemas/runner-protocol.ts';
import type { AttemptName, WorkOrder } from '#schemas/work-order.ts';

const MAIN = fileURLToPath(new URL('../../functions/runner/main.ts', import.meta.url));

export type Frame<K extends RunnerFrame['frame']> = Extract<RunnerFrame, { frame: K }>;

export function temporaryFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'mr-'));
}

/** A runner process with its data directory. */
export class RunnerProcess {
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly socket: string;
  readonly child: ChildProcess;
  stderr = '';

  constructor(
    options: {
      dataDir?: string;
      cacheDir?: string;
      env?: NodeJS.ProcessEnv;
      program?: readonly string[];
    } = {},
  ) {
    this.dataDir = options.dataDir ?? temporaryFolder();
    this.cacheDir = options.cacheDir ?? path.join(this.dataDir, 'cache');
    this.socket = path.join(this.dataDir, 'runner.sock');
    mkdirSync(this.cacheDir, { recursive: true });
    const args = [
      '--data-dir',
      this.dataDir,
      '--socket',
      this.socket,
      '--cache-dir',
      this.cacheDir,
    ];
    this.child = spawn(process.execPath, [...(options.program ?? [MAIN]), ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: options.env ?? process.env,
      detached: true,
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
  }

  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null)
      await once(this.child, 'exit');
    return this.child.exitCode;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended();
  }

  /** Ends the process and takes the data directory away. */
  async remove(): Promise<void> {
    await this.kill();
    await endLeftovers(this.dataDir);
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The file of a socket is there a moment before somebody listens. */
async function connected(file: string): Promise<Socket> {
  for (;;) {
    const socket = connect(file);
    const error = await new Promise((resolve) => {
      socket.once('connect', () => resolve(undefined));
      socket.once('error', resolve);
    });
    if (error === undefined) return socket;
    await sleep(5);
  }
}

export interface EngineOptions {
  readonly machine?: Extract<EngineFrame, { frame: 'hello' }>['machine'];
  readonly secrets?: Record<string, string>;
  readonly ack?: boolean;
  readonly grant?: (name: AttemptName) => boolean;
}

export class Engine {
  readonly #socket: Socket;
  readonly #options: EngineOptions;
  readonly #events = new EventEmitter({ captureRejections: true });
  readonly frames: RunnerFrame[] = [];
  readonly closed: Promise<unknown>;

  private constructor(socket: Socket, options: EngineOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#events.setMaxListeners(0);
    // A killed runner resets the connection; that it is gone is told by `closed`.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    const lines = createInterface({ input: socket });
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      const frame = runnerFrame.parse(JSON.parse(line));
      this.frames.push(frame);
      this.#answer(frame);
      this.#events.emit('frame', frame);
    });
  }

  static async connect(runner: RunnerProcess, options: EngineOptions = {}): Promise<Engine> {
    const socket = await connected(runner.socket);
    const engine = new Engine(socket, options);
    const machine = options.machine ?? { cpu: 2, memory: 8 * 2 ** 30, gpu: 0 };
    engine.send({ frame: 'hello', v: 1, engine: 'test', machine });
    await engine.wait((frame) => frame.frame === 'hello');
    return engine;
  }

  send(frame: EngineFrame): void {
    this.#socket.write(`${JSON.stringify(frame)}\n`);
  }

  start(...orders: WorkOrder[]): void {
    this.send({ frame: 'start', orders });
  }

  /** The report of this attempt, when it came. */
  async report(name: AttemptName): Promise<AttemptReport> {
    const frame = await this.wait(
      (one) =>
        one.frame === 'report' &&
        one.name.run === name.run &&
        one.name.address === name.address &&
        one.name.attempt === name.attempt,
    );
    if (frame.frame !== 'report') throw new TypeError('never');
    return frame.report;
  }

  async run(order: WorkOrder): Promise<AttemptReport> {
    this.start(order);
    return this.report(order.name);
  }

  /** The first frame that is so, those that came already included. */
  wait(matches: (frame: RunnerFrame) => boolean): Promise<RunnerFrame> {
    const found = this.frames.find(matches);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => {
      const look = (frame: RunnerFrame) => {
        if (!matches(frame)) return;
        this.#events.off('frame', look);
        resolve(frame);
      };
      this.#events.on('frame', look);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #answer(frame: RunnerFrame): void {
    if (frame.frame === 'claim') {
      const grant = this.#options.grant ?? (() => true);
      this.send({
        frame: 'claimed',
        granted: frame.names.filter(grant),
        refused: frame.names.filter((name) => !grant(name)),
      });
    }
    if (frame.frame === 'secrets') {
      const known = this.#options.secrets ?? {};
      const present = frame.names.filter((name) => name in known);
      this.send({
        frame: 'secrets',
        request: frame.request,
        values: Object.fromEntries(present.map((name) => [name, known[name] ?? ''])),
        missing: frame.names.filter((name) => !(name in known)),
      });
    }
    if (frame.frame === 'report' && this.#options.ack !== false)
      this.send({ frame: 'ack', upTo: frame.number });
  }
}
