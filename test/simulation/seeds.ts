// Runs one check over many seeds. A seed that fails is printed with the command that replays it.
import { Defect } from '#errors/families.ts';

export interface Seeds {
  readonly name: string;
  readonly from: number;
  readonly count: number;
}

/** How many failing seeds are shown before the rest is left. */
const SHOWN = 3;

export async function overSeeds(seeds: Seeds, check: (seed: number) => unknown): Promise<void> {
  const failures: string[] = [];
  let cause: unknown;
  for (let seed = seeds.from; seed < seeds.from + seeds.count && failures.length < SHOWN; seed++) {
    try {
      await check(seed);
    } catch (error) {
      cause ??= error;
      const message = error instanceof Error ? error.message : String(error);
      failures.push(
        `seed ${seed}: ${message}\n  replay: npm run soak -- ${seeds.name} --seed ${seed}`,
      );
    }
  }
  if (failures.length > 0) throw new Defect(failures.join('\n'), {}, cause);
}
