// Random plans in random orders against `walk`: what a run comes to is what the oracle says, and the invariants hold after each step.
import { describe, test } from 'vitest';
import { overSeeds } from './seeds.ts';
import { simulateFile, simulateWalk } from './walk-verdict.ts';

const SEEDS = 5_000;
const BLOCK = 500;

describe('a run comes to what its ends say, whatever the order (S2, S3, W1 to W8)', () => {
  const blocks = Array.from({ length: SEEDS / BLOCK }, (_, block) => block * BLOCK);
  test.each(blocks)('seeds from %i', (from) =>
    overSeeds({ name: 'walk', from, count: BLOCK }, (seed) => simulateWalk(seed)),
  );
});

test('a file of the native dialect comes to what its sketch says', () =>
  overSeeds({ name: 'file', from: 0, count: BLOCK }, (seed) => simulateFile(seed)));
