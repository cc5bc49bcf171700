// What this machine can give to programs at once.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { parseSize } from '#core/compile/units.ts';
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { environmentCacheSetting, gpuSettings, roomSettings } from './settings.ts';

export interface Machine {
  /** Cores. */
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
  readonly gpu: number;
  /** What the graphics processors are called, as `CUDA_VISIBLE_DEVICES` names them; counted from 0 when absent. */
  readonly gpus?: readonly string[];
  /** Bytes that built environments may take together; 0 where nothing bounds them. */
  readonly cacheBytes?: number;
}

const CGROUP_LIMITS = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

/**
 * The machine, or the part of it that a container may use.
 *
 * @throws Rejected when `MILLRACE_CPUS`, `MILLRACE_MEMORY`, `MILLRACE_GPUS` or `MILLRACE_ENV_CACHE_SIZE` is none
 */
export function thisMachine(): Machine {
  const gpus = gpuNames();
  return {
    cpu: declaredCores() ?? availableParallelism(),
    memory: declaredMemory() ?? Math.min(totalmem(), containerMemory()),
    gpu: gpus.length,
    gpus,
    cacheBytes: environmentCacheBytes(),
  };
}

/** Bytes that built environments may take together; 0 where nothing bounds them. */
export function environmentCacheBytes(): number {
  const declared = environmentCacheSetting();
  if (declared === undefined) return limits.environmentCacheBytes;
  if (declared === '0' || declared === 'none') return 0;
  const size = parseSize(declared);
  if (size.ok && size.value > 0) return size.value;
  throw new Rejected(
    'invalid',
    `MILLRACE_ENV_CACHE_SIZE is "${declared}"; wanted is a size such as 50GiB, or "none"`,
  );
}

/** What is declared is believed: less leaves room for others, more lets programs share what they do not use. */
function declaredCores(): number | undefined {
  const { cpus } = roomSettings();
  if (cpus === undefined) return undefined;
  const count = /^\d+(\.\d+)?$/.test(cpus) ? Number(cpus) : Number.NaN;
  if (count > 0 && count <= limits.cores) return count;
  throw new Rejected(
    'invalid',
    `MILLRACE_CPUS is "${cpus}"; wanted is a number of cores from 0.1 to ${limits.cores}`,
  );
}

function declaredMemory(): number | undefined {
  const { memory } = roomSettings();
  if (memory === undefined) return undefined;
  const size = parseSize(memory);
  if (size.ok && size.value > 0) return size.value;
  throw new Rejected('invalid', `MILLRACE_MEMORY is "${memory}"; wanted is a size such as 64GiB`);
}

function containerMemory(): number {
  for (const file of CGROUP_LIMITS) {
    try {
      const bytes = Number(readFileSync(file, 'utf8').trim());
      if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
    } catch {
      // The other kind of control groups, or none.
    }
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * The graphics processors that may be handed out: as many as `MILLRACE_GPUS` says, of those that `CUDA_VISIBLE_DEVICES` leaves to this
 * process, of those of the machine.
 */
function gpuNames(): readonly string[] {
  const { declared, visible } = gpuSettings();
  const there = visible === undefined ? installedGpus() : visibleGpus(visible);
  if (declared === undefined) return there;
  const count = /^\d+$/.test(declared) ? Number(declared) : Number.NaN;
  if (!(count <= limits.gpus))
    throw new Rejected(
      'invalid',
      `MILLRACE_GPUS is "${declared}"; wanted is a number of graphics processors from 0 to ${limits.gpus}`,
    );
  // What is declared is believed: a test may have a machine that has none.
  const names = new Set(there.slice(0, count));
  for (let index = 0; names.size < count; index += 1) names.add(String(index));
  return [...names];
}

/** As the driver reads the variable: what follows an entry that names nothing counts no more. */
function visibleGpus(visible: string): readonly string[] {
  const names = visible.split(',').map((name) => name.trim());
  const end = names.findIndex((name) => !/^(?:\d+|GPU-[\w-]+|MIG-[\w/-]+)$/.test(name));
  return [...new Set(end < 0 ? names : names.slice(0, end))];
}

function installedGpus(): readonly string[] {
  try {
    return readdirSync('/dev')
      .flatMap((name) => /^nvidia(\d+)$/.exec(name)?.[1] ?? [])
      .sort((a, b) => Number(a) - Number(b));
  } catch {
    return [];
  }
}
