// A server in the place of the engine on this machine: whatever a command asks for, it asks there.
import { Rejected } from '#errors/families.ts';
import type { Control } from '#service/control.ts';
import type { Backend } from './backend.ts';
import type { ServerName } from './server.ts';

export function remoteBackend(server: ServerName): Backend {
  let control: Promise<Control> | undefined;
  // One for the whole command: it knows whether the server ever answered.
  const client = (): Promise<Control> => {
    control ??= clientOf(server);
    return control;
  };
  const notHere = async (): Promise<never> => {
    throw new Rejected('invalid', `runs live at ${server.url}: no engine of this machine is asked`);
  };
  return {
    openEngine: notHere,
    leaveEngine: notHere,
    openControl: async () => ({ control: await client(), kind: 'client', close: async () => {} }),
    traceOf: async () => ({ held: true }),
    prepareRun: async (options) => {
      const { prepareRemote } = await import('#local/prepare-remote.ts');
      return prepareRemote(options, { control: await client(), namespace: server.namespace });
    },
  };
}

async function clientOf({ url, sigv4, namespace }: ServerName): Promise<Control> {
  const { createClient } = await import('#local/client.ts');
  const sign = sigv4 ? (await import('./sigv4.ts')).signerFor(url) : undefined;
  return createClient({ server: { url, ...(sign && { sign }) }, namespace });
}
