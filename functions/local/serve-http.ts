// What answers clients, loaded when the first one comes.
import type { Server } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { createApplication, onlyNamespace } from '#http/application.ts';
import { endpoints } from '#http/endpoints.ts';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';

/** A server that never listens: it is handed its connections. */
export function httpOver(control: Control, namespace: string): Server {
  const application = createApplication(onlyNamespace(namespace, control), { endpoints });
  const server = createAdaptorServer({
    fetch: async (request) => application(request),
    serverOptions: {
      // A cursor into the logs is part of the request's line.
      maxHeaderSize: limits.cursorLength * 2,
      // Node would put its own bound of five seconds between two questions on what was handed over.
      keepAliveTimeout: limits.clientSilence,
    },
  });
  // Or a connection would lose its bound with the first answer.
  server.setTimeout(limits.clientSilence);
  return server;
}
