// Opens the way to a data directory that a command needs: the engine that holds it, or its own hands.
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemClock } from '#embedded/clock.ts';
import { type DataDirectory, readDataDirectory } from '#embedded/data-directory.ts';
import { readLock } from '#embedded/lock.ts';
import { createObjects } from '#embedded/objects.ts';
import { createSecrets } from '#embedded/secrets.ts';
import { openTable } from '#embedded/table.ts';
import { NotFound, Rejected, Transient } from '#errors/families.ts';
import type { Jobs } from '#ports/jobs.ts';
import type { LockHolder } from '#schemas/data-directory.ts';
import { tableBells } from '#service/bell.ts';
import type { Control } from '#service/control.ts';
import { createService } from '#service/service.ts';
import { createIds } from '#shared/ids.ts';
import { createClient } from './client.ts';
import { createLocalControl } from './control.ts';
import { NAMESPACE } from './names.ts';
import { VERSION } from './version.ts';

export interface OpenControl {
  readonly control: Control;
  /** `client` of an engine; `reader` of the data directory where none runs. */
  readonly kind: 'engine' | 'client' | 'reader';
  close(): Promise<void>;
}

/**
 * Control over a data directory.
 *
 * With an engine at work it is that engine's client. Without one, commands are written where the next engine finds them
 * (`write`), or runs are only read.
 *
 * @throws NotFound where nothing has run yet; Rejected `newer_format`; Transient `unavailable` for an engine that does not answer
 */
export async function openControl(
  dataDir: string,
  options: { write: boolean },
): Promise<OpenControl> {
  const directory = readDataDirectory(dataDir);
  const lock = readLock(directory.lock);
  if (lock.held) return client(directory, lock.holder);
  return reader(directory, options);
}

function client(directory: DataDirectory, holder: LockHolder | undefined): OpenControl {
  if (holder !== undefined) refuseStranger(directory, holder);
  if (holder?.leaving !== undefined)
    throw new Transient('unavailable', `${directory.path}: process ${holder.pid} is leaving it`);
  if (holder?.socket === undefined || !existsSync(holder.socket)) {
    throw new Transient(
      'unavailable',
      `${directory.path} is held by ${holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`}, which does not answer yet`,
    );
  }
  const control = createClient({ socketPath: holder.socket });
  return { control, kind: 'client', close: async () => {} };
}

/** An engine of another version speaks another language, and one of another host is out of a socket's reach. */
function refuseStranger(directory: DataDirectory, holder: LockHolder): void {
  const who = `process ${holder.pid} on ${holder.host}`;
  if (holder.version !== VERSION)
    throw new Rejected(
      'busy',
      `${directory.path} is held by version ${holder.version} (${who}); this is version ${VERSION}. Use that version, or wait until its runs have ended`,
    );
  if (holder.host !== hostname())
    throw new Rejected(
      'busy',
      `${directory.path} is held by ${who}; this is ${hostname()}. Ask there, or name another data directory with --data-dir`,
    );
}

function reader(directory: DataDirectory, options: { write: boolean }): OpenControl {
  if (!existsSync(directory.database))
    throw new NotFound(`${directory.path}: nothing has run here yet`);
  const table = openTable(directory.database, { readOnly: !options.write });
  const service = createService({
    table,
    objects: createObjects(directory.objects),
    jobs: noJobs,
    alarms: { wake: async () => {} },
    secrets: createSecrets({ file: directory.secrets, keyFile: directory.secretKey }),
    clock: systemClock,
    ids: createIds({ clock: systemClock }),
    // What is asked for waits on the table until an engine walks the run.
    bells: tableBells(table, async () => {}),
  });
  const control = createLocalControl({ service, namespace: NAMESPACE, directory });
  return { control, kind: 'reader', close: async () => table.close() };
}

const none = (): Promise<never> =>
  Promise.reject(new Transient('unavailable', 'no engine is at work on this data directory'));

/** A reader starts nothing. */
const noJobs: Jobs = { direct: new Set(), start: none, stop: none, adopt: async () => [] };
