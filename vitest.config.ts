import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Most files wait for other processes: vitest's own number, one less than the processors, leaves half of two idle. */
const FILES_AT_ONCE = Math.max(2, availableParallelism() - 1);

const project = (
  name: string,
  options: {
    testTimeout?: number;
    fileParallelism?: boolean;
    globalSetup?: string;
    include?: string[];
    exclude?: string[];
  } = {},
) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], ...options },
});

/** Those that need the whole system share one, one after the other. */
const CLOUD = 'test/aws/cloud-*.test.ts';

/** Those that need pixi itself, which is built meanwhile where it is not there yet. */
const PIXI = [
  'test/runner/pixi.test.ts',
  'test/runner/killed-builds.test.ts',
  'test/aws/document-line.test.ts',
  'test/aws/production-line.test.ts',
  'test/aws/conda-archive.test.ts',
];

export default defineConfig({
  test: {
    reporters: ['default', './tools/closing-line.ts'],
    passWithNoTests: true,
    maxWorkers: FILES_AT_ONCE,
    // Patience with what comes in time by itself: beside other work a few seconds are soon over.
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['functions/**/*.ts', 'schemas/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
    projects: [
      project('unit', { testTimeout: 30_000 }),
      project('contract', { testTimeout: 30_000 }),
      project('simulation', { testTimeout: 120_000 }),
      project('service', { testTimeout: 30_000 }),
      // What stands on AWS, against emulators that are started once for all of its files.
      project('aws', {
        testTimeout: 60_000,
        globalSetup: './test/support/aws/global-setup.ts',
        exclude: [CLOUD, ...PIXI],
      }),
      project('cloud', {
        include: [CLOUD],
        testTimeout: 120_000,
        fileParallelism: false,
        globalSetup: './test/support/aws/cloud-setup.ts',
      }),
      project('runner', { testTimeout: 60_000, exclude: PIXI }),
      project('pixi', {
        include: PIXI,
        testTimeout: 120_000,
        globalSetup: './test/support/aws/global-setup.ts',
      }),
      project('repository', { testTimeout: 60_000 }),
      project('infra', { testTimeout: 60_000 }),
      project('e2e', { testTimeout: 120_000 }),
    ],
  },
});
