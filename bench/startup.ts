// Whole processes from the built bundle: help, validate, a small run.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchRow, elapsed, row, samples } from './row.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const BIN = join(ROOT, 'bin', 'millrace.js');

export async function rows(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    cpSync(join(ROOT, 'examples', 'hello'), join(folder, 'hello'), { recursive: true });
    const millrace = (...args: string[]): Promise<number> =>
      elapsed(() =>
        execFileSync(process.execPath, [BIN, ...args], {
          cwd: folder,
          stdio: 'ignore',
          env: { ...process.env, MILLRACE_CACHE_DIR: join(folder, 'cache') },
        }),
      );
    // The first call fills the compile cache.
    await millrace('--help');
    const help = await samples(5, () => millrace('--help'));
    await millrace('validate', 'hello/pipeline.yaml');
    const validate = await samples(5, () => millrace('validate', 'hello/pipeline.yaml'));
    await millrace('run', 'hello/pipeline.yaml');
    const run = await samples(5, () => millrace('run', 'hello/pipeline.yaml'));
    return [
      row('millrace --help, whole process', help, { atMost: 120, unit: 'ms' }),
      row('millrace validate, small file', validate, { atMost: 200, unit: 'ms' }),
      row('millrace run examples/hello', run, { atMost: 400, unit: 'ms' }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
