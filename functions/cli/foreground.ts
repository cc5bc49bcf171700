// Watches one run until it ends or a signal comes: what `run`, `resume` and `retry` share.
import { Transient } from '#errors/families.ts';
import type { RunReport } from '#schemas/report.ts';
import type { Context } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { follow } from './follow.ts';
import type { Output } from './host.ts';
import { isBetweenEngines } from './patience.ts';
import { exitCodeOf, hasEnded } from './run-status.ts';
import { openSession, type Session } from './session.ts';
import type { Viewer } from './view.ts';
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
  let viewer: Viewer | undefined;
  const ending = Promise.withResolvers<'parked'>();
  // A signal may come before anybody waits for it.
  ending.promise.catch(() => undefined);
  const signals = listen(context, {
    cancel: (force) => session.control.cancel(run, { force }),
    park: () => ending.resolve('parked'),
    note: (text) => {
      if (viewer === undefined) context.host.stderr.write(`${text}\n`);
      else viewer.note(text);
    },
  });
  try {
    session.failed.catch(ending.reject);
    viewer = await openViewer(context, {
      run,
      output: watch.output,
      control: () => session.control,
    });
    const followed = follow({
      run,
      after: watch.after ?? '',
      control: () => session.control,
      onEvents: viewer.onEvents,
      stopped: () => signals.parked(),
      onLost: async (error) => {
        if (session.own || !isBetweenEngines(error)) throw error;
        await session.close({ park: true }).catch(() => undefined);
        session = await openSession(context);
        session.failed.catch(ending.reject);
        if (session.own) await session.adopt(run);
      },
    });
    const outcome = await Promise.race([followed, ending.promise]);
    if (outcome === 'parked') {
      viewer.stop();
      return sayParked(context, run, session);
    }
    await viewer.finish(outcome);
    return endOf(context, outcome);
  } catch (error) {
    viewer?.stop();
    if (error instanceof Transient)
      context.host.stderr.write(`millrace: \`millrace resume ${run}\` goes on with the run\n`);
    throw error;
  } finally {
    viewer?.stop();
    await session.close({ park: true });
    // Only now: a signal that comes twice must not cut off what the first one began.
    signals.end();
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
function listen(context: Context, reactions: Reactions): { end(): void; parked(): boolean } {
  let interrupts = 0;
  let parked = false;
  const park = (): void => {
    parked = true;
    reactions.park();
  };
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
    host.onSignal('SIGTERM', park),
    host.onSignal('SIGHUP', park),
  ];
  return {
    parked: () => parked,
    end: () => {
      for (const off of offs) off();
    },
  };
}
