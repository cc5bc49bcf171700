// The entry of a container: does the one order it was started for, and ends.
//
// It begins twice. The first time it only puts aside what it was told and becomes the same program again, by `exec`, with an environment
// that holds nothing of that: what a process was started with can be read by every other one of the same user.
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { Defect, MillraceError } from '#errors/families.ts';
import { hostEnvironment } from '#runner/host.ts';
import { imageVariables } from '#schemas/job.ts';
import { exitCodes } from './exit-codes.ts';
import { runJob } from './job.ts';
import { say } from './say.ts';
import { handOver, settingsOf, takeOver, withoutSettings } from './settings.ts';

async function main(): Promise<number> {
  const host = hostEnvironment();
  const handover = host[imageVariables.handover];
  if (handover === undefined) become(host);
  else {
    const settings = takeOver(handover);
    return runJob(settings, withoutSettings(host));
  }
  return exitCodes.defect;
}

/** Does not return. */
function become(host: NodeJS.ProcessEnv): void {
  const settings = settingsOf(host);
  const environment = { ...withoutSettings(host), [imageVariables.handover]: handOver(settings) };
  const self = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)];
  const init = host[imageVariables.init];
  // Process 1 must wait for every process whose parent is gone; a program made for that does.
  const program = init === undefined || process.pid !== 1 ? self : [init, '--', ...self];
  if (process.execve === undefined)
    throw new Defect('this system cannot let a program become another one');
  process.execve(program[0] ?? '', program, environment);
}

try {
  process.exit(await main());
} catch (error) {
  const isOurs = error instanceof MillraceError && error.family !== 'defect';
  say(isOurs ? error.message : inspect(error));
  process.exit(isOurs ? exitCodes.unreachable : exitCodes.defect);
}
