// Watches one run until it ends or a signal comes: what `run`, `resume` and `retry` share.
import { Transient } from '#errors/families.ts';
import type { RunReport } from '#schemas/report.ts';
import type { Context } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { follow } from './follow.ts';
import type { Output } from './host.ts';
import type { LineLog } from './log-feed.ts';
import { isBetweenEngines, patiently } from './patience.ts';
import { exitCodeOf, hasEnded } from './run-status.ts';
import { rejoin, type Session } from './session.ts';
import type { Viewer } from './view.ts';
import { openViewer } from './viewer.ts';

export interface Watch {
  readonly run: string;
  readonly session: Session;
  /** Events behind this place are shown. */
  readonly after?: string;
  readonly output: Output;
  readonly log?: LineLog | undefined;
}

/** Follows the run and closes the session. Answers the exit code that the run comes to. */
export async function foreground(context: Context, watch: Watch): Promise<ExitCode> {
  const { run } = watch;
  let { session } = watch;
  let viewer: Viewer | undefined;
  let others: 'go_on' | 'parked' = 'go_on';
  const ending = Promise.withResolvers<Parked>();
  // A signal may come before anybody waits for it.
  ending.promise.catch(() => undefined);
  const note = (text: string): void => {
    if (viewer === undefined) context.host.stderr.write(`${text}\n`);
    else viewer.note(text);
  };
  const watchOver = (engine: Session): void => {
    engine.failed.catch((error: unknown) => {
      // What cannot be saved here cannot be saved by another engine either.
      others = 'parked';
      ending.reject(error);
    });
  };
  const signals = listen(context, {
    cancel: (force) => patiently(() => session.control.cancel(run, { force })),
    park: () => ending.resolve(session.own ? 'parked' : 'left'),
    note,
  });
  try {
    watchOver(session);
    viewer = await openViewer(context, {
      run,
      output: watch.output,
      log: watch.log,
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
        await session.close().catch(() => undefined);
        const next = await rejoin(context, run, note);
        if (next === 'parked') {
          ending.resolve('engine_parked');
          return await new Promise(() => undefined);
        }
        session = next;
        watchOver(session);
      },
    });
    const outcome = await Promise.race([followed, ending.promise]);
    if (typeof outcome === 'string') {
      viewer.stop();
      others = 'parked';
      return sayParked(context, run, outcome);
    }
    await viewer.finish(outcome);
    return endOf(context, outcome);
  } catch (error) {
    viewer?.stop();
    if (error instanceof Transient)
      context.host.stderr.write(`millrace: ${goesOn(context, run)}\n`);
    throw error;
  } finally {
    viewer?.stop();
    await session.close({ others, besides: run });
    // Only now: a signal that comes twice must not cut off what the first one began.
    signals.end();
  }
}

function goesOn({ server }: Context, run: string): string {
  return server === undefined
    ? `\`millrace resume ${run}\` goes on with the run`
    : `run ${run} goes on without being watched; \`millrace events ${run} -f\` watches it again`;
}

function endOf(context: Context, report: RunReport): ExitCode {
  if (!hasEnded(report.status))
    context.host.stderr.write(
      `millrace: ${report.message ?? `the run is ${report.status}`}; \`millrace resume ${report.run}\` goes on\n`,
    );
  return exitCodeOf(report.status);
}

/** Why a command leaves a run that is not over: its own engine parks it, another one goes on with it, or another one has parked it. */
type Parked = 'parked' | 'left' | 'engine_parked';

function sayParked(context: Context, run: string, how: Parked): ExitCode {
  const texts: Readonly<Record<Parked, string>> = {
    parked: `parked; \`millrace resume ${run}\` goes on`,
    left: `left; ${context.server === undefined ? 'another engine' : context.server.url} goes on with run ${run}`,
    engine_parked: `the engine was told to end and has parked the run; \`millrace resume ${run}\` goes on`,
  };
  context.host.stderr.write(`millrace: ${texts[how]}\n`);
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
