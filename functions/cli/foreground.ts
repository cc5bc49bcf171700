// Watches one run until it ends or a signal comes: what `run`, `resume` and `retry` share.
import { Transient } from '#errors/families.ts';
import type { RunReport } from '#schemas/report.ts';
import type { Context } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { follow } from './follow.ts';
import type { Output } from './host.ts';
import { exitCodeOf, hasEnded } from './run-status.ts';
import { isBetweenEngines, openSession, type Session } from './session.ts';
import { openViewer } from './viewer.ts';

export interface Watch {
  readonly run: string;
  readonly session: Session;
  /** Events behind this place are shown. */
  readonly after?: string;
  readonly output: Output;
}

/** Follows the run and closes the session. Answers the exit code that the run comes to. */
export async function foreground(context: Context, watch: Watch): Promise<ExitCode> {
  const { run } = watch;
  let { session } = watch;
  let stopped = false;
  const viewer = await openViewer(context, {
    run,
    output: watch.output,
    control: () => session.control,
  });
  const parking = Promise.withResolvers<'parked'>();
  const broken = Promise.withResolvers<never>();
  session.failed.catch(broken.reject);
  const signals = listen(context, {
    cancel: (force) => session.control.cancel(run, { force }),
    park: () => {
      stopped = true;
      parking.resolve('parked');
    },
    note: (text) => viewer.note(text),
  });
  const followed = follow({
    run,
    after: watch.after ?? '',
    control: () => session.control,
    onEvents: (events) => viewer.onEvents(events),
    stopped: () => stopped,
    onLost: async (error) => {
      if (session.own || !(error instanceof Transient) || !isBetweenEngines(error)) throw error;
      await session.close({ park: true }).catch(() => undefined);
      session = await openSession(context);
      if (session.own) await session.adopt(run);
      session.failed.catch(broken.reject);
    },
  });
  // When a signal or a broken engine was faster nobody asks any more how following ended.
  followed.catch(() => undefined);
  broken.promise.catch(() => undefined);
  try {
    const outcome = await Promise.race([followed, parking.promise, broken.promise]);
    if (outcome !== 'parked') {
      await viewer.finish(outcome);
      return endOf(context, outcome);
    }
    viewer.stop();
    return sayParked(context, run, session);
  } finally {
    viewer.stop();
    signals.end();
    await session.close({ park: true });
  }
}

function endOf(context: Context, report: RunReport): ExitCode {
  if (!hasEnded(report.status))
    context.host.stderr.write(
      `millrace: ${report.message ?? `the run is ${report.status}`}; \`millrace resume ${report.run}\` goes on\n`,
    );
  return exitCodeOf(report.status);
}

function sayParked(context: Context, run: string, session: Session): ExitCode {
  const text = session.own
    ? `millrace: parked; \`millrace resume ${run}\` goes on\n`
    : `millrace: left; another engine goes on with run ${run}\n`;
  context.host.stderr.write(text);
  return EXIT.parked;
}

interface Reactions {
  cancel(force: boolean): Promise<void>;
  park(): void;
  note(text: string): void;
}

/** SIGINT cancels gracefully, a second one at once; SIGTERM and SIGHUP park. */
function listen(context: Context, reactions: Reactions): { end(): void } {
  let interrupts = 0;
  const interrupt = (): void => {
    interrupts += 1;
    reactions.note(
      interrupts === 1
        ? 'millrace: cancelling; once more ends it at once'
        : 'millrace: cancelling at once',
    );
    reactions.cancel(interrupts > 1).catch((error: unknown) => {
      reactions.note(
        `millrace: could not cancel: ${error instanceof Error ? error.message : error}`,
      );
    });
  };
  const { host } = context;
  const offs = [
    host.onSignal('SIGINT', interrupt),
    host.onSignal('SIGTERM', () => reactions.park()),
    host.onSignal('SIGHUP', () => reactions.park()),
  ];
  return {
    end: () => {
      for (const off of offs) off();
    },
  };
}
