// Answers clients on the data directory's socket: the HTTP application over Control, on a socket that only this user may open.
// Most runs end without a client, and loading all that HTTP needs takes longer than a small run: it comes with the first one.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';
import { NAMESPACE } from './names.ts';

export interface EngineServer {
  readonly clients: Clients;
  /** A client will come soon: what HTTP needs is loaded before. */
  expect(): void;
  close(): Promise<void>;
}

export interface Clients {
  /** Connections that are open. */
  readonly open: number;
  /** When the last one was closed, or the server opened; milliseconds since 1970. */
  readonly last: number;
}

/** Listens at `path`; what an earlier engine left there is removed, since the caller holds the data directory. */
export async function serveControl(
  path: string,
  control: Control,
  namespace: string = NAMESPACE,
): Promise<EngineServer> {
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  let last = Date.now();
  let http: Promise<Server> | undefined;
  const answering = (): Promise<Server> => {
    http ??= import('./serve-http.ts').then(({ httpOver }) => httpOver(control, namespace));
    return http;
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    // A client that goes away in the middle of a question takes its socket along, nothing else.
    socket.on('error', () => socket.destroy());
    // One that asks nothing, or never reads its answer, must not hold what is kept for it.
    socket.setTimeout(limits.clientSilence, () => socket.destroy());
    socket.once('close', () => {
      sockets.delete(socket);
      last = Date.now();
    });
    answering().then(
      (ready) => ready.emit('connection', socket),
      () => socket.destroy(),
    );
  });
  server.maxConnections = limits.clients;
  await listen(server, path);
  return {
    get clients() {
      return { open: sockets.size, last };
    },
    expect: () => {
      // Whoever comes is told when it fails.
      answering().catch(() => undefined);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          rmSync(path, { force: true });
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: limits.clients }, resolve);
  });
  chmodSync(path, 0o600);
}
