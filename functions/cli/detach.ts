// Starts a run that nobody watches: in the engine that is there, or in one that is left behind for it.
import { setTimeout as sleep } from 'node:timers/promises';
import { Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { RunRequest } from '#service/control.ts';
import type { Detached } from './backend.ts';
import type { Context } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { isBetweenEngines } from './patience.ts';
import { newRunId } from './session.ts';

/** Milliseconds between two looks for the engine. */
const LOOK = 50;
/** Milliseconds an engine that was left behind may take before another one is. */
const AGAIN = 5_000;

/** Prints the run's id and nothing else on standard output, so that a script can take it. */
export async function leaveRun(context: Context, request: RunRequest): Promise<ExitCode> {
  const run = newRunId(context);
  await startSomewhere(context, { ...request, run });
  if (context.json) context.sayJson({ run });
  else context.say(run);
  return EXIT.done;
}

/** The id was chosen here: asking again, because an answer was lost, cannot make two runs of it. */
async function startSomewhere(context: Context, request: RunRequest): Promise<void> {
  const until = context.host.now() + limits.engineWait;
  let left: { engine: Detached; at: number } | undefined;
  for (;;) {
    const now = context.host.now();
    const { held } = await context.backend.traceOf(context.dataDir);
    if (!held && (left === undefined || now - left.at > AGAIN))
      left = { engine: await context.backend.leaveEngine(context.dataDir, []), at: now };
    try {
      if (held && (await startThere(context, request))) return;
    } catch (error) {
      if (!isBetweenEngines(error) || now > until) throw error;
    }
    if (now > until)
      throw new Transient(
        'unavailable',
        `${context.dataDir}: no engine answered within ${limits.engineWait / 1000} s`,
      );
    await Promise.race([sleep(LOOK), left?.engine.failed ?? sleep(LOOK)]);
  }
}

async function startThere(context: Context, request: RunRequest): Promise<boolean> {
  const open = await context.backend.openControl(context.dataDir, { write: true });
  try {
    // One that only reads the files would leave the run to nobody.
    if (open.kind !== 'client') return false;
    await open.control.start(request);
    return true;
  } finally {
    await open.close();
  }
}
