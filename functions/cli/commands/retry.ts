import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { foreground } from '../foreground.ts';
import { lineLogOf } from '../log-feed.ts';
import { refuseNested } from '../refuse-nested.ts';
import { openSession } from '../session.ts';

/** The new run's id is all that standard output gets, so that a script can take it; what happens goes beside it. */
export async function retry(
  context: Context,
  name: string,
  from: string | undefined,
): Promise<ExitCode> {
  refuseNested(context);
  const session = await openSession(context);
  let started: { run: string };
  try {
    started = await session.control.retry(name, from === undefined ? {} : { from });
  } catch (error) {
    await session.close();
    throw error;
  }
  if (context.json) context.sayJson(started);
  else context.say(started.run);
  const { run } = started;
  if (session.own) {
    const log = context.json ? undefined : lineLogOf(await session.control.report(run));
    return foreground(context, { run, session, output: context.host.stderr, log });
  }
  await session.close();
  return EXIT.done;
}
