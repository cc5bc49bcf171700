// A large random graph on the emulated cloud comes to what the embedded engine makes of the same file, and no node is begun twice.
import { afterAll, beforeAll, describe, inject, test } from 'vitest';
import { type Cloud, openCloud } from '#support/aws/cloud.ts';
import { compareOnCloud, largeSketch, SketchedJobs } from '#support/aws/random-clouds.ts';

const ground = inject('ground');
const NODES = 150;
const FIRST_SEED = 4_400;

describe.skipIf(ground === undefined)('a random graph', () => {
  let cloud: Cloud;
  const jobs = new SketchedJobs();

  beforeAll(async () => {
    if (ground !== undefined) cloud = await openCloud(ground, { containers: jobs.containers });
  });
  afterAll(() => cloud?.close());

  test(`of ${NODES} nodes and more, from seed ${FIRST_SEED} on, comes to the same as on one machine`, async () => {
    await compareOnCloud(cloud, jobs, largeSketch(FIRST_SEED, NODES).sketch);
  });
});
