// What this process is told by its environment, read in one place.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where mirrors of code and built environments lie: `MILLRACE_CACHE_DIR`, or the user's cache folder. */
export function cacheDirectory(): string {
  const named = process.env['MILLRACE_CACHE_DIR'];
  if (named !== undefined && named !== '') return named;
  const base = process.env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'millrace');
}

/** What tools like git see: the user's own proxies, certificates, credential helpers. */
export const hostEnvironment = (): NodeJS.ProcessEnv => process.env;

/** What there is to be given out, where it is not what the machine has: cores (`MILLRACE_CPUS`), and memory (`MILLRACE_MEMORY`). */
export const roomSettings = (): {
  readonly cpus: string | undefined;
  readonly memory: string | undefined;
} => ({
  cpus: process.env['MILLRACE_CPUS'] || undefined,
  memory: process.env['MILLRACE_MEMORY'] || undefined,
});

/** What built environments may take together (`MILLRACE_ENV_CACHE_SIZE`). */
export const environmentCacheSetting = (): string | undefined =>
  process.env['MILLRACE_ENV_CACHE_SIZE'] || undefined;

/** How many graphics processors there are to be (`MILLRACE_GPUS`), and which of them this process may use. */
export const gpuSettings = (): {
  readonly declared: string | undefined;
  readonly visible: string | undefined;
} => ({
  declared: process.env['MILLRACE_GPUS'] || undefined,
  visible: process.env['CUDA_VISIBLE_DEVICES'],
});
