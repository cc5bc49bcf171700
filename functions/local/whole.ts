// All that commands ask of engines, here and on servers.
// biome-ignore lint/performance/noBarrelFile: loaded only when a command needs an engine; file by file that would take longer
export { createClient } from './client.ts';
export { startDetached } from './detach.ts';
export { openEngine } from './engine.ts';
export { openControl } from './open.ts';
export { prepareRemote } from './prepare-remote.ts';
export { prepareRun } from './prepare-run.ts';
