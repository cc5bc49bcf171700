// The ports of a function. Each function gets those that it uses; asking for another one is our mistake.
import { objectsClient, walksClient } from '#aws/clients.ts';
import { systemClock } from '#aws/clock.ts';
import { createObjects } from '#aws/objects.ts';
import { openTable, tableClient } from '#aws/table.ts';
import { createWalks } from '#aws/walks.ts';
import { Defect } from '#errors/families.ts';
import type { Objects } from '#ports/objects.ts';
import type { Walks } from '#ports/small.ts';
import { tableBells } from '#service/bell.ts';
import { expiryOf } from '#service/expiry.ts';
import { createService, type Ports, type Service } from '#service/service.ts';
import { takeUpByWalks } from '#service/walks.ts';
import { createIds } from '#shared/ids.ts';
import { ownEndpoint, type Settings } from './settings.ts';

export interface CloudOptions {
  readonly settings: Settings<'table' | 'bucket' | 'walker'>;
  /** Those that this function has besides. */
  readonly ports?: Partial<Pick<Ports, 'jobs' | 'alarms' | 'secrets' | 'objects'>>;
}

export interface Cloud {
  readonly service: Service;
  readonly walks: Walks;
}

/** The objects in the bucket. */
export const openObjects = ({ bucket }: Settings<'bucket'>): Objects =>
  createObjects({ client: objectsClient(ownEndpoint()), bucket });

/** The service of one function. */
export function openCloud({ settings, ports = {} }: CloudOptions): Cloud {
  const table = openTable(tableClient(), settings.table, {
    expiry: (key) => expiryOf(key, systemClock.now()),
  });
  const walks = createWalks({ client: walksClient(), machine: settings.walker });
  const service = createService(
    {
      table,
      jobs: lacking('jobs'),
      alarms: lacking('alarms'),
      secrets: lacking('secrets'),
      ...ports,
      objects: ports.objects ?? openObjects(settings),
      clock: systemClock,
      ids: createIds({ clock: systemClock }),
      bells: tableBells(
        table,
        async (_ref, token) => {
          await walks.answer(token, { next: 'tick' });
        },
        systemClock,
      ),
    },
    undefined,
    takeUpByWalks({ table, clock: systemClock, walks }),
  );
  return { service, walks };
}

const NOTHING: ReadonlySet<never> = new Set();

/** Says its name when something is asked of it. */
export function lacking<P extends 'jobs' | 'alarms' | 'secrets'>(name: P): Ports[P] {
  return new Proxy({} as Ports[P], {
    get: (_, asked) => {
      // On AWS no work is done inside the process that decides.
      if (asked === 'direct') return NOTHING;
      // Who asks for an end at once asks again for what a tick has asked Batch for, which knows no other than its half minute.
      if (asked === 'stop') return async () => {};
      throw new Defect(`this function has no ${name}`);
    },
  });
}
