// The application over all namespaces of a table, and what its callers are called.

import { type Application, createApplication } from '#http/application.ts';
import { endpoints } from '#http/endpoints.ts';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';
import { createControl } from '#service/create-control.ts';
import { readRunLogs } from '#service/logs.ts';
import type { Service } from '#service/service.ts';

export interface NamespacesOptions {
  readonly service: Service;
  /** Sees to it that somebody walks what was asked for. */
  readonly own?: Service['takeUp'];
}

/** The application over all namespaces of a table. */
export function openApplication({ service, own }: NamespacesOptions): Application {
  // They hold nothing but their parts: what is remembered of runs is the service's.
  const controlOf = (namespace: string): Control =>
    createControl({
      service,
      namespace,
      elsewhere: true,
      longestWait: limits.gatewayWait,
      readLogs: (ref, query) => readRunLogs(service, ref, query),
      ...(own === undefined ? {} : { own }),
    });
  return createApplication(controlOf, {
    endpoints,
    answerBytes: limits.gatewayBytes,
  });
}

/**
 * What somebody is called who asks with these credentials: `ana` for a user, `Role/session` for who has taken a role on, `root` of the
 * account as `account/root`. No two of an account are called alike, and nobody chooses what comes before the slash.
 */
export function callerOf(arn: string): string {
  const [kind = '', ...rest] = arn.split(':').slice(5).join(':').split('/');
  const last = rest.at(-1) ?? '';
  if (kind === 'user') return last;
  if (kind === 'assumed-role') return `${rest.at(-2) ?? ''}/${last}`;
  return rest.length === 0 ? `account/${kind}` : `${kind}/${last}`;
}
