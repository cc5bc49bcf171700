// Answers clients on the data directory's socket: the HTTP application over Control, on a socket that only this user may open.
import { chmodSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { createApplication } from '#http/application.ts';
import type { Control } from '#service/control.ts';

export interface EngineServer {
  close(): Promise<void>;
}

/** Listens at `path`; what an earlier engine left there is removed, since the caller holds the data directory. */
export async function serveControl(path: string, control: Control): Promise<EngineServer> {
  rmSync(path, { force: true });
  const server = createAdaptorServer({ fetch: createApplication(control) }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          rmSync(path, { force: true });
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
