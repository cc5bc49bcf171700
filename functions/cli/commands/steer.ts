import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { patiently } from '../patience.ts';
import { steering } from '../reading.ts';
import { openSession, type Session } from '../session.ts';

export async function pause(context: Context, name: string): Promise<ExitCode> {
  return steering(context, async ({ control }) => {
    const run = await control.find(name);
    await control.pause(run);
    answer(context, run, 'paused');
    return EXIT.done;
  });
}

/** Where no engine is at work one is opened for it: programs that still run are ended, and the run with them. */
export async function cancel(context: Context, name: string, force: boolean): Promise<ExitCode> {
  // Looks first: where nothing ever ran there is nothing to make an engine for.
  const run = await steering(context, ({ control }) => control.find(name));
  const own = await patiently(async () => {
    const session = await openSession(context);
    try {
      await session.control.cancel(run, { force });
      if (session.own) await ended(session, run);
      return session.own;
    } finally {
      await session.close();
    }
  });
  answer(context, run, own ? 'cancelled' : 'cancelling');
  return EXIT.done;
}

async function ended(session: Session, run: string): Promise<void> {
  await session.control.adopt(run);
  await follow({
    run,
    after: '',
    control: () => session.control,
    onEvents: () => undefined,
    stopped: () => false,
    onLost: (error) => Promise.reject(error),
  });
}

function answer(context: Context, run: string, what: string): void {
  if (context.json) context.sayJson({ run, [what]: true });
  else if (!context.quiet) context.say(`${run} ${what}`);
}
