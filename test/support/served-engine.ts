// A server on this machine for tests: the HTTP application over an engine, as the cloud serves it, without a gateway before it.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { type Application, createApplication, onlyNamespace } from '#http/application.ts';
import { endpoints } from '#http/endpoints.ts';
import { type Engine, openEngine } from '#local/engine.ts';

export interface ServedApplication {
  readonly url: string;
  /** What came, in order: `GET /v1/default/runs`. */
  readonly asked: readonly string[];
  /** The headers of the request that came last. */
  headers(): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Behind a path, as API Gateway's emulators serve it. */
const BEFORE = '/stage';

export async function serveApplication(
  application: Application,
  caller?: string,
): Promise<ServedApplication> {
  const asked: string[] = [];
  let last: Readonly<Record<string, string>> = {};
  const listener = getRequestListener((request) => {
    const url = new URL(request.url);
    asked.push(`${request.method} ${url.pathname.slice(BEFORE.length)}`);
    last = Object.fromEntries(request.headers);
    const at = `${url.origin}${url.pathname.slice(BEFORE.length)}${url.search}`;
    return application(new Request(at, request), caller);
  });
  const server: Server = createServer((request, response) => void listener(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${BEFORE}`,
    asked,
    headers: () => last,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface ServedEngine extends ServedApplication {
  readonly engine: Engine;
}

/** An engine of its own behind a server; who asks is `caller`, where one is named. */
export async function serveEngine(caller?: string): Promise<ServedEngine> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'millrace-served-'));
  const engine = await openEngine({ dataDir, serve: false });
  const served = await serveApplication(
    createApplication(onlyNamespace('default', engine.control), { endpoints }),
    caller,
  );
  return {
    ...served,
    engine,
    close: async () => {
      await served.close();
      await engine.close({ park: false });
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
