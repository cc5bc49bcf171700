// The runner's socket: one engine at a time, frames as lines of JSON.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import { limits } from '#schemas/limits.ts';
import { type EngineFrame, engineFrame, type RunnerFrame } from '#schemas/runner-protocol.ts';
import { LineReader } from './lines.ts';

export interface Listener {
  onFrame(frame: EngineFrame): void;
  /** Much is going on: what is said now will soon have company, and may wait for it. */
  isBusy(): boolean;
  /** The engine went away, or a newer one took its place. */
  onLost(): void;
}

export class Connection {
  readonly #listener: Listener;
  readonly #path: string;
  #server: Server | undefined;
  /** The engine that said hello. */
  #engine: Socket | undefined;
  #pending: string[] = [];
  #flush: NodeJS.Immediate | NodeJS.Timeout | undefined;

  constructor(socketPath: string, listener: Listener) {
    this.#path = socketPath;
    this.#listener = listener;
  }

  get connected(): boolean {
    return this.#engine !== undefined;
  }

  async listen(): Promise<void> {
    rmSync(this.#path, { force: true });
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    // Only its owner may connect, from the first moment on.
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(this.#path, resolve);
      });
    } finally {
      process.umask(before);
    }
    chmodSync(this.#path, 0o600);
  }

  /**
   * Dropped when no engine is there: what matters is in the spool. Frames of one turn leave in one write, in busy times those
   * of a few milliseconds: the engine makes durable together what comes together.
   */
  send(frame: RunnerFrame): void {
    if (this.#engine === undefined) return;
    this.#pending.push(JSON.stringify(frame));
    this.#flush ??= this.#listener.isBusy()
      ? setTimeout(() => this.#write(), limits.frameWait)
      : setImmediate(() => this.#write());
  }

  async close(): Promise<void> {
    this.#write();
    const engine = this.#engine;
    if (engine !== undefined) await new Promise<void>((resolve) => engine.end(resolve));
    const server = this.#server;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
    rmSync(this.#path, { force: true });
  }

  #write(): void {
    this.#flush = undefined;
    if (this.#pending.length === 0) return;
    const text = `${this.#pending.join('\n')}\n`;
    this.#pending = [];
    this.#engine?.write(text);
  }

  #accept(socket: Socket): void {
    const decoder = new StringDecoder('utf8');
    const reader = new LineReader(
      limits.frameBytes,
      (line) => this.#take(socket, line),
      () => socket.destroy(),
    );
    socket.on('data', (chunk: Buffer) => reader.push(decoder.write(chunk)));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#drop(socket));
  }

  #take(socket: Socket, line: string): void {
    if (socket.destroyed) return;
    const frame = parse(line);
    // Whoever speaks another language is not our engine.
    if (frame === undefined) {
      socket.destroy();
      return;
    }
    if (frame.frame === 'hello') this.#replace(socket);
    if (socket === this.#engine) this.#listener.onFrame(frame);
  }

  #replace(socket: Socket): void {
    const older = this.#engine;
    if (older === socket) return;
    this.#pending = [];
    this.#engine = socket;
    if (older === undefined) return;
    older.destroy();
    this.#listener.onLost();
  }

  #drop(socket: Socket): void {
    if (socket !== this.#engine) return;
    this.#engine = undefined;
    this.#pending = [];
    this.#listener.onLost();
  }
}

function parse(line: string): EngineFrame | undefined {
  try {
    const parsed = engineFrame.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
