// What this machine can give to programs at once.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

export interface Machine {
  /** Cores. */
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
  readonly gpu: number;
}

const CGROUP_LIMITS = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

/** The machine, or the part of it that a container may use. */
export function thisMachine(): Machine {
  return {
    cpu: availableParallelism(),
    memory: Math.min(totalmem(), containerMemory()),
    gpu: gpus(),
  };
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

function gpus(): number {
  try {
    return readdirSync('/dev').filter((name) => /^nvidia\d+$/.test(name)).length;
  } catch {
    return 0;
  }
}
