// The real service on a real table, with the order of every call of a port, crashes, zombies, duplicates and lost answers left to chance.
import { describe, test } from 'vitest';
import { simulateEngine } from './engine-simulation.ts';
import { overSeeds } from './seeds.ts';
import { simulatePriorities } from './service-priorities.ts';
import { simulateService } from './service-random.ts';

const SEEDS = 1_000;
const BLOCK = 250;
const blocks = Array.from({ length: SEEDS / BLOCK }, (_, block) => block * BLOCK);

describe('walkers in several processes: each effect at most once, no wake-up lost, nothing left over (H1 to H6)', () => {
  test.each(blocks)('seeds from %i', (from) =>
    overSeeds({ name: 'service', from, count: BLOCK }, (seed) => simulateService(seed)),
  );

  test('the plans and faults of the model, in orders by priorities', () =>
    overSeeds({ name: 'priorities', from: 0, count: SEEDS }, (seed) => simulatePriorities(seed)));
});

describe('the engine of one machine: killed at any call, it goes on where it was (S1 to S3, H3 to H5)', () => {
  test.each(blocks)('seeds from %i', (from) =>
    overSeeds({ name: 'engine', from, count: BLOCK }, (seed) => simulateEngine(seed)),
  );
});
