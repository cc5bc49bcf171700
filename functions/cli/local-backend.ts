// The engine on this machine, loaded when a command first needs it: help and wrong usage never do.
import type { Backend } from './backend.ts';

export const localBackend: Backend = {
  openEngine: async ({ taken, ...options }) => {
    const { holdDirectory } = await import('#local/hold.ts');
    const hold = holdDirectory(options);
    taken?.();
    return (await import('#local/engine.ts')).openEngine({ ...options, hold });
  },
  openControl: async (dataDir, options) =>
    (await import('#local/open.ts')).openControl(dataDir, options),
  leaveEngine: async (dataDir, runs) => {
    const args = [...process.execArgv, process.argv[1] ?? ''];
    const { startDetached } = await import('#local/detach.ts');
    return startDetached({ dataDir, runs, program: { command: process.execPath, args } });
  },
  traceOf: async (dataDir) => (await import('#local/trace.ts')).traceOf(dataDir),
  prepareRun: async (options) => (await import('#local/prepare-run.ts')).prepareRun(options),
};
