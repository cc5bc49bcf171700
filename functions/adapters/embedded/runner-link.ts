// One connection to a runner, from the greeting to its end.
import { connect, type Socket } from 'node:net';
import { Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { EngineFrame, RunnerFrame } from '#schemas/runner-protocol.ts';
import { createFrameReader, encodeFrame } from './frames.ts';

export type EngineHello = Extract<EngineFrame, { frame: 'hello' }>;
export type RunnerHello = Extract<RunnerFrame, { frame: 'hello' }>;

export interface RunnerLink {
  readonly hello: RunnerHello;
  /** From now on `take` gets every frame, those that came since the greeting first. */
  listen(take: (frame: RunnerFrame) => void): void;
  /** Calls back whenever anything comes. */
  heard(callback: () => void): void;
  /** Resolves when the system has taken it; rejects with Transient when the connection is gone. */
  send(...frames: readonly EngineFrame[]): Promise<void>;
  /** The same for frames that are text already. */
  sendText(text: string): Promise<void>;
  /** Resolves when the connection has ended, with what was wrong, if anything was. */
  readonly closed: Promise<Error | undefined>;
  /** Ends it after what was sent. */
  end(): void;
  /** Ends it now. */
  destroy(): void;
}

/** Connects and greets. Undefined where nobody listens, or nobody who answers within `limits.lease`. */
export async function openLink(path: string, hello: EngineHello): Promise<RunnerLink | undefined> {
  const socket = connect(path);
  socket.setEncoding('utf8');
  const early: RunnerFrame[] = [];
  let take = (frame: RunnerFrame): void => {
    early.push(frame);
    if (early.length === 1) greeted();
  };
  let greeted = (): void => {};
  const greeting = new Promise<void>((resolve) => {
    greeted = resolve;
  });
  const closed = readUntilClosed(socket, (frame) => take(frame));
  socket.once('connect', () => socket.write(encodeFrame(hello)));
  const deaf = setTimeout(() => socket.destroy(), limits.lease);
  await Promise.race([greeting, closed]);
  clearTimeout(deaf);
  const first = early.shift();
  if (first?.frame !== 'hello') {
    socket.destroy();
    return undefined;
  }
  return {
    hello: first,
    listen: (given) => {
      take = given;
      for (const frame of early.splice(0)) given(frame);
    },
    heard: (callback) => {
      socket.on('data', callback);
    },
    send: (...frames) => write(socket, frames.map(encodeFrame).join('')),
    sendText: (text) => write(socket, text),
    closed,
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  };
}

function readUntilClosed(
  socket: Socket,
  take: (frame: RunnerFrame) => void,
): Promise<Error | undefined> {
  const read = createFrameReader(take);
  return new Promise((resolve) => {
    let wrong: Error | undefined;
    socket.on('data', (text: string) => {
      try {
        read(text);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
    socket.once('error', (error) => {
      wrong = error;
    });
    socket.once('close', () => resolve(wrong));
  });
}

function write(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(text, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(new Transient('unavailable', 'the runner went away', { cause: error }));
    });
  });
}
