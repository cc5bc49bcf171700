// The real service on a real table, with the order of every call of a port, crashes, zombies, duplicates and lost answers left to chance.
import { describe, test } from 'vitest';
import { overSeeds } from './seeds.ts';
import { simulateService } from './service-random.ts';

const SEEDS = 600;
const BLOCK = 100;

describe('each effect at most once, no wake-up lost, nothing left over (H1 to H6, S1 to S3)', () => {
  const blocks = Array.from({ length: SEEDS / BLOCK }, (_, block) => block * BLOCK);
  test.each(blocks)('seeds from %i', (from) =>
    overSeeds({ name: 'service', from, count: BLOCK }, (seed) => simulateService(seed)),
  );
});
