// Whether a command is for a server, and which: `--server`, or what the environment says.
import { Rejected } from '#errors/families.ts';
import { namespace as namespaceName } from '#schemas/ids.ts';
import type { GlobalOptions } from './context.ts';
import type { Host } from './host.ts';

/** Where runs live that are none of this machine. */
export interface ServerName {
  readonly url: string;
  /** Requests are signed with the credentials that AWS's own tools would take. */
  readonly sigv4: boolean;
  readonly namespace: string;
}

const DEFAULT = 'default';

/** Commands that look at runs, start or steer them. All others are about this machine. */
const FOR_SERVERS: ReadonlySet<string> = new Set([
  ...['run', 'resume', 'validate', 'runs', 'show', 'events', 'logs', 'explain', 'eval'],
  ...['pause', 'cancel', 'retry', 'emit', 'approve', 'reject'],
]);

/** Undefined where runs live in a data directory. An option wins over what the environment says. */
export function serverOf(
  { env }: Pick<Host, 'env'>,
  options: GlobalOptions,
  command: string,
): ServerName | undefined {
  const url = urlOf(env, options, command);
  if (url === undefined) {
    for (const [name, given] of [
      ['--sigv4', options.sigv4],
      ['--namespace', options.namespace],
    ])
      if (given !== undefined)
        throw new Rejected('invalid', `${name} says something of a server: wanted is --server URL`);
    return undefined;
  }
  const named = options.namespace ?? (env['MILLRACE_NAMESPACE'] || DEFAULT);
  if (!namespaceName.safeParse(named).success)
    throw new Rejected(
      'invalid',
      `"${named}" is no namespace: wanted are lower-case letters, digits and hyphens, at most 63`,
    );
  const signs = env['MILLRACE_SIGV4'] ?? '';
  return {
    url,
    sigv4: options.sigv4 ?? (signs !== '' && signs !== '0'),
    namespace: named,
  };
}

function urlOf(env: Host['env'], options: GlobalOptions, command: string): string | undefined {
  const { server, dataDir } = options;
  if (server !== undefined) {
    if (!FOR_SERVERS.has(command))
      throw new Rejected(
        'invalid',
        `\`millrace ${command}\` is about this machine: leave --server out`,
      );
    if (dataDir !== undefined)
      throw new Rejected(
        'invalid',
        'runs live on --server or in --data-dir: wanted is one of them',
      );
    return server;
  }
  const said = env['MILLRACE_SERVER'] ?? '';
  if (said === '' || dataDir !== undefined || !FOR_SERVERS.has(command)) return undefined;
  if ((env['MILLRACE_DATA_DIR'] ?? '') !== '')
    throw new Rejected(
      'invalid',
      'MILLRACE_SERVER and MILLRACE_DATA_DIR are both set: say with --server or --data-dir which is meant',
    );
  return said;
}
