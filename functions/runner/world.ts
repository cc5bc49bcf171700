// What attempts need of the runner they run in.
import type { Peaks } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import type { Archive } from './archive.ts';
import type { Cages } from './cage.ts';
import type { Pipes } from './shell.ts';
import type { Spool } from './spool.ts';
import type { Standby } from './standby.ts';
import type { Sweeper } from './sweep.ts';
import type { Watch } from './watch.ts';
import type { Workspaces } from './workspaces.ts';

export interface World {
  readonly dataDir: string;
  readonly cacheDir: string;
  /** What built environments may take; no bound where it is undefined. */
  cacheBytes(): number | undefined;
  readonly job: string;
  readonly host: NodeJS.ProcessEnv;
  /** Where other machines find what this one makes; undefined on one that is alone. */
  readonly archive?: Archive | undefined;
  readonly spool: Spool;
  readonly watch: Watch;
  readonly cages: Cages;
  readonly pipes: Pipes;
  readonly standby: Standby;
  readonly sweeper: Sweeper;
  readonly workspaces: Workspaces;
  secrets(
    name: AttemptName,
    names: readonly string[],
  ): Promise<{ values: Readonly<Record<string, string>>; missing: readonly string[] }>;
  /** A program was started: what can be done ahead may be done now. */
  started(): void;
  /** How far it is, where that is known, and what it is doing. */
  progress(name: AttemptName, progress: number | undefined, message: string): void;
}

const HIGHEST = ['memoryBytes', 'gpuMemoryBytes', 'gpuPercent'] as const;

/** The peaks of steps that ran one after another or side by side: processor time adds up, of all else it is the highest. */
export function joinPeaks(all: readonly (Peaks | undefined)[]): Peaks {
  const joined: Peaks = {};
  for (const peaks of all) {
    if (peaks?.cpuSeconds !== undefined)
      joined.cpuSeconds = (joined.cpuSeconds ?? 0) + peaks.cpuSeconds;
    for (const name of HIGHEST) {
      const value = peaks?.[name];
      if (value !== undefined) joined[name] = Math.max(joined[name] ?? 0, value);
    }
  }
  return joined;
}
