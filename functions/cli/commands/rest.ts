// Every command but `run` and `validate`, which load nothing that is not theirs.
// biome-ignore lint/performance/noBarrelFile: loaded only when a command is called; file by file that would take longer
export { approve } from './approve.ts';
export { decodeText, encodeText } from './codec.ts';
export { completeNames, printCompletion } from './completion.ts';
export { doctor } from './doctor.ts';
export { emit } from './emit.ts';
export { buildEnvironments, listEnvironments, pruneEnvironments, whyEnvironment } from './env.ts';
export { evaluateInRun, evaluateText } from './eval.ts';
export { events } from './events.ts';
export { explain } from './explain.ts';
export { init } from './init.ts';
export { logs } from './logs.ts';
export { plan } from './plan.ts';
export { reject } from './reject.ts';
export { resume } from './resume.ts';
export { retry } from './retry.ts';
export { runs } from './runs.ts';
export { printSchema } from './schema.ts';
export { listSecrets, removeSecret, setSecret } from './secret.ts';
export { serve } from './serve.ts';
export { show } from './show.ts';
export { cancel, pause } from './steer.ts';
