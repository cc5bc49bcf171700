// The embedded adapters as test doubles: a table in memory, objects in a passing folder, a clock that is set, ids in order,
// alarms that ring when the clock is moved, and jobs that do nothing but remember until the test says how they went.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAlarms, type LocalAlarms } from '#embedded/alarms.ts';
import { createSettableClock, type SettableClock } from '#embedded/clock.ts';
import { createObjects, type LocalObjects } from '#embedded/objects.ts';
import { createSecrets } from '#embedded/secrets.ts';
import { openTable, type SqliteTable, type TableOptions } from '#embedded/table.ts';
import type { Ids, Secrets } from '#ports/small.ts';
import type { Namespace, RunId } from '#schemas/ids.ts';
import { createIds } from '#shared/ids.ts';
import { createRecordingJobs, type RecordingJobs } from './recording-jobs.ts';

/** Saturday, 1 January 2028. */
export const TEST_START = Date.UTC(2028, 0, 1);

export interface TestPorts {
  readonly table: SqliteTable;
  readonly objects: LocalObjects;
  readonly secrets: Secrets;
  readonly jobs: RecordingJobs;
  readonly alarms: LocalAlarms;
  readonly clock: SettableClock;
  readonly ids: Ids;
  /** Runs that alarms have rung, unless `ring` was given. */
  readonly rung: { readonly namespace: Namespace; readonly run: RunId }[];
  /** The passing folder. */
  readonly folder: string;
  close(): void;
}

export interface TestPortsOptions {
  readonly start?: number;
  readonly bounds?: NonNullable<TableOptions['bounds']>;
  /** A file, for tests that open it again; otherwise memory. */
  readonly database?: string;
  readonly ring?: (namespace: Namespace, run: RunId) => void;
}

export function testPorts(options: TestPortsOptions = {}): TestPorts {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  const rung: { namespace: Namespace; run: RunId }[] = [];
  const ring = options.ring ?? ((namespace, run) => rung.push({ namespace, run }));
  const clock = createSettableClock(options.start ?? TEST_START, () => alarms.ringDue());
  const alarms = createAlarms({ clock, ring, timer: false });
  const bounds = options.bounds === undefined ? {} : { bounds: options.bounds };
  const table = openTable(options.database ?? ':memory:', bounds);
  return {
    table,
    objects: createObjects(join(folder, 'objects')),
    secrets: createSecrets({
      file: join(folder, 'secrets.json'),
      keyFile: join(folder, 'secrets.key'),
    }),
    jobs: createRecordingJobs(clock),
    alarms,
    clock,
    ids: createIds({ clock, chance: (bytes) => new Uint8Array(bytes) }),
    rung,
    folder,
    close: () => {
      alarms.close();
      table.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
