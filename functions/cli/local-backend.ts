// The engine on this machine, loaded when a command first needs it: help and wrong usage never do.
import type { Backend } from './backend.ts';

export const localBackend: Backend = {
  openEngine: async (options) => (await import('#local/engine.ts')).openEngine(options),
  openControl: async (dataDir, options) =>
    (await import('#local/open.ts')).openControl(dataDir, options),
  prepareRun: async (options) => (await import('#local/prepare-run.ts')).prepareRun(options),
};
