// A run inside a run would take the machine twice and could wait for itself: it must name a data directory of its own.
import path from 'node:path';
import { Rejected } from '#errors/families.ts';
import type { Context } from './context.ts';

export function refuseNested(context: Context): void {
  // A run on a server takes nothing of this machine.
  if (context.server !== undefined) return;
  const { env } = context.host;
  const outer = env['MILLRACE_RUN'] ?? '';
  if (outer === '') return;
  // The files of the outer run tell where it lives, should its data directory have been handed down.
  const files = env['MILLRACE_OUTPUTS'] ?? env['MILLRACE_ARTIFACTS'] ?? '';
  const same = files !== '' && path.resolve(files).startsWith(`${context.dataDir}${path.sep}`);
  if (context.dataDirNamed && !same) return;
  throw new Rejected(
    'not_permitted',
    `this is a program of run ${outer}: a run inside a run must name another data directory with --data-dir or MILLRACE_DATA_DIR`,
  );
}
