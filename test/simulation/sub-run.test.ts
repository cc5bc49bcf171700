// Runs inside runs on a real table: a crash anywhere between parent and child loses nothing.
import { describe, test } from 'vitest';
import { overSeeds } from './seeds.ts';
import { simulateSubRuns } from './sub-run-simulation.ts';

const SEEDS = 400;

describe('a child and its parent agree, an attempt has one child, and nothing is left running', () => {
  test('walkers in several processes', () =>
    overSeeds({ name: 'sub-runs', from: 0, count: SEEDS }, (seed) =>
      simulateSubRuns('cloud', seed),
    ));

  test('one engine, killed at any call', () =>
    overSeeds({ name: 'sub-runs-engine', from: 0, count: SEEDS }, (seed) =>
      simulateSubRuns('engine', seed),
    ));
});
