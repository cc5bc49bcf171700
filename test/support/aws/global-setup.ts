// Runs once before the tests of the project `aws`: the emulators that they share, and where those are.
import type { TestProject } from 'vitest/node';
import { startDynamodbLocal, startMinistack } from './emulators.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Addresses; empty where the emulator is not there. */
    readonly ministack: string;
    readonly dynamodbLocal: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [ministack, dynamodbLocal] = await Promise.all([startMinistack(), startDynamodbLocal()]);
  project.provide('ministack', ministack?.endpoint ?? '');
  project.provide('dynamodbLocal', dynamodbLocal?.endpoint ?? '');
  for (const [name, emulator] of Object.entries({ ministack, dynamodbLocal }))
    if (emulator === undefined)
      project.vitest.logger.warn(`MISSING: ${name} (make it by: node tools/emulators.mjs)`);
  return async () => {
    await Promise.all([ministack?.end(), dynamodbLocal?.end()]);
  };
}
