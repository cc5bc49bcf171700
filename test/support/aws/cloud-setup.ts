// Runs once before the tests of the project `cloud`: bundles, emulator and stack, which they share. A small number of ticks to an execution
// lets walks hand over all the time.
import type { TestProject } from 'vitest/node';
import { buildBundles, type Ground, layGround } from './cloud.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined where this machine has no emulator. */
    readonly ground: Ground | undefined;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await buildBundles();
  const laid = await layGround({ context: { ticksPerExecution: '6' } });
  if (laid === undefined)
    project.vitest.logger.warn('MISSING: ministack (make it by: node tools/emulators.mjs)');
  project.provide('ground', laid?.ground);
  return async () => await laid?.end();
}
