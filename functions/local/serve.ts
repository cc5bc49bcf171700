// Answers clients on the data directory's socket: the HTTP application over Control, on a socket that only this user may open.
// Most runs end without a client, and loading all that HTTP needs takes longer than a small run: it comes with the first one.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Control } from '#service/control.ts';

export interface EngineServer {
  close(): Promise<void>;
}

/** Listens at `path`; what an earlier engine left there is removed, since the caller holds the data directory. */
export async function serveControl(path: string, control: Control): Promise<EngineServer> {
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  let http: Promise<Server> | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    // A client that goes away in the middle of a question takes its socket along, nothing else.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    http ??= httpOver(control);
    http.then(
      (answering) => answering.emit('connection', socket),
      () => socket.destroy(),
    );
  });
  await listen(server, path);
  return {
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

/** A server that never listens: it is handed its connections. */
async function httpOver(control: Control): Promise<Server> {
  const [{ createAdaptorServer }, { createApplication }, { limits }] = await Promise.all([
    import('@hono/node-server'),
    import('#http/application.ts'),
    import('#schemas/limits.ts'),
  ]);
  return createAdaptorServer({
    fetch: createApplication(control),
    // A cursor into the logs is part of the request's line.
    serverOptions: { maxHeaderSize: limits.cursorLength * 2 },
  });
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
}
