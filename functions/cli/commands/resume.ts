import type { Control } from '#service/control.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { foreground } from '../foreground.ts';
import { type LineLog, lineLogOf } from '../log-feed.ts';
import { patiently } from '../patience.ts';
import { refuseNested } from '../refuse-nested.ts';
import { hasEnded } from '../run-status.ts';
import { openSession, type Session } from '../session.ts';

export async function resume(context: Context, name: string): Promise<ExitCode> {
  refuseNested(context);
  // Again, should an engine end that was asked in its last moment.
  const resumed = await patiently(() => resumeOnce(context, name));
  return foreground(context, { ...resumed, output: context.host.stdout });
}

async function resumeOnce(
  context: Context,
  name: string,
): Promise<{ session: Session; run: string; after: string; log: LineLog | undefined }> {
  const session = await openSession(context);
  try {
    const run = await session.control.find(name);
    // What happened before was shown before.
    const after = await endOfEvents(session.control, run);
    const report = await session.control.report(run);
    const { status } = report;
    // It may have ended in the very moment in which its engine was killed: then there is nothing left but to say how.
    if (hasEnded(status)) context.note(`millrace: run ${run} is ${status} already`);
    else await session.control.resume(run);
    return { session, run, after, log: lineLogOf(report) };
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function endOfEvents(control: Control, run: string): Promise<string> {
  let after = '';
  for (;;) {
    const page = await control.events(run, { after });
    if (page.events.length === 0 || page.last) return page.cursor;
    after = page.cursor;
  }
}
