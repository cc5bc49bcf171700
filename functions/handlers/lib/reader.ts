// The service of a function that only looks: nothing is written, and nobody is woken.
import { systemClock } from '#aws/clock.ts';
import { openTable, tableClient } from '#aws/table.ts';
import { Defect, Rejected } from '#errors/families.ts';
import type { Table } from '#ports/table.ts';
import { tableBells } from '#service/bell.ts';
import { createService, type Service } from '#service/service.ts';
import { createIds } from '#shared/ids.ts';
import { openObjects } from './ports.ts';
import type { Settings } from './settings.ts';

export function openReader(settings: Settings<'table' | 'bucket'>): Service {
  const table = readOnly(openTable(tableClient(), settings.table));
  return createService({
    table,
    objects: openObjects(settings),
    jobs: { direct: new Set(), start: nothing, stop: nothing, adopt: nothing },
    alarms: { wake: nothing },
    secrets: { get: nothing, put: nothing, remove: nothing, names: nothing },
    clock: systemClock,
    ids: createIds({ clock: systemClock }),
    bells: tableBells(table, nothing, systemClock),
  });
}

/** Whoever would only keep what it made out goes on without (the family says so); all else must not happen here. */
export function readOnly(table: Table): Table {
  const refuse = (): Promise<never> =>
    Promise.reject(new Rejected('read_only', 'this function writes nothing'));
  return { ...table, putIfAbsent: refuse, update: refuse, transact: refuse };
}

const nothing = (): Promise<never> =>
  Promise.reject(new Defect('a function that only reads was to do something'));
