// The engine that a foreground command works with: its own, or the one that holds the data directory already.
import { setTimeout as sleep } from 'node:timers/promises';
import { Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Control, RunRequest } from '#service/control.ts';
import { createIds } from '#shared/ids.ts';
import type { Engine } from './backend.ts';
import type { Context } from './context.ts';
import { isBetweenEngines, patiently } from './patience.ts';

export interface Session {
  readonly control: Control;
  /** False: a client of another process, which goes on without us. */
  readonly own: boolean;
  /** Rejects when the own engine can save nothing any more. */
  readonly failed: Promise<never>;
  close(how?: Leave): Promise<void>;
}

/** What becomes of the runs of other commands when the own engine ends: another engine goes on with them, or they are parked. */
export interface Leave {
  readonly others?: 'go_on' | 'parked';
  /** A run that the command itself gives up. */
  readonly besides?: string;
}

export function openSession(context: Context, taken?: () => void): Promise<Session> {
  return patiently(() => openOnce(context, taken));
}

/** The same, answered as soon as the data directory is taken: what is done meanwhile costs no time. */
export async function beginSession(
  context: Context,
): Promise<{ readonly session: Promise<Session> }> {
  const begun = Promise.withResolvers<void>();
  const session = openSession(context, begun.resolve);
  // It may fail long before somebody asks for it.
  await Promise.race([begun.promise, session.catch(() => undefined)]);
  return { session };
}

async function openOnce(context: Context, taken?: () => void): Promise<Session> {
  // Looked at first: whoever tries for the lock itself waits for it a while.
  const { held } = await context.backend.traceOf(context.dataDir);
  if (held) return await clientSession(context);
  try {
    return await ownSession(context, taken);
  } catch (error) {
    if (!(error instanceof Transient) || error.code !== 'busy') throw error;
    return await clientSession(context);
  }
}

async function ownSession(context: Context, taken?: () => void): Promise<Session> {
  const engine = await context.backend.openEngine({
    dataDir: context.dataDir,
    adopt: 'none',
    serve: true,
    ...(taken === undefined ? {} : { taken }),
  });
  return {
    control: engine.control,
    own: true,
    failed: engine.failed,
    close: (how = {}) => leaveEngine(context, engine, how),
  };
}

/** Nobody's run ends because the command that happened to come first does: a background engine goes on with what others started. */
async function leaveEngine(context: Context, engine: Engine, how: Leave): Promise<void> {
  const handOver = how.others !== 'parked';
  const left = await engine.close({ park: true, handOver });
  const runs = left.filter((run) => run !== how.besides);
  if (!handOver || runs.length === 0) return;
  const what = runs.length === 1 ? `run ${runs[0]}` : `${runs.length} runs`;
  try {
    const { pid, log } = await context.backend.leaveEngine(context.dataDir, runs);
    context.note(`millrace: ${what} of other commands: process ${pid} goes on (its log: ${log})`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    context.host.stderr.write(
      `millrace: ${what} of other commands: parked, because ${why}; \`millrace resume\` goes on\n`,
    );
  }
}

async function clientSession(context: Context): Promise<Session> {
  const open = await context.backend.openControl(context.dataDir, { write: true });
  if (open.kind !== 'client') {
    // The engine that was in the way has just ended; the next try gets its place.
    await open.close();
    throw new Transient('busy', `${context.dataDir}: the engine there has just ended`);
  }
  return {
    control: open.control,
    own: false,
    failed: new Promise(() => undefined),
    close: () => open.close(),
  };
}

/**
 * Starts a run in the session, or in the next one, should its engine go away over it. The run gets its id here, so that asking
 * again cannot make two of it.
 */
export async function startIn(
  context: Context,
  first: Session,
  request: RunRequest,
): Promise<{ session: Session; run: string }> {
  let session = first;
  const named = session.own ? request : { ...request, run: newRunId(context) };
  try {
    return await patiently(async () => {
      try {
        const { run } = await session.control.start(named);
        return { session, run };
      } catch (error) {
        if (session.own || !isBetweenEngines(error)) throw error;
        await session.close();
        session = await openSession(context);
        throw error;
      }
    });
  } catch (error) {
    await session.close();
    throw error;
  }
}

export function newRunId({ host }: Context): string {
  return createIds({ clock: { now: () => host.now() } }).ulid();
}

/** What became of a run whose engine went away: a session that goes on with it, or it was parked on purpose. */
export type Rejoined = Session | 'parked';

/** Milliseconds between two looks at who holds the data directory. */
const LOOK = 50;

/**
 * After the connection to an engine was lost: joins the one that takes over, or takes over itself, which it says.
 *
 * @throws Transient when nobody can be reached within `limits.engineWait`
 */
export async function rejoin(
  context: Context,
  run: string,
  say: (text: string) => void,
): Promise<Rejoined> {
  const until = context.host.now() + limits.engineWait;
  for (;;) {
    const { held, holder } = await context.backend.traceOf(context.dataDir);
    if (holder?.leaving === 'parked') return 'parked';
    const late = context.host.now() > until;
    const awaited = held || (holder?.leaving === 'handed_over' && !late);
    try {
      const session = awaited ? await clientSession(context) : await ownSession(context);
      await adoptIn(session, run);
      if (session.own)
        say(`millrace: the engine${nameOf(holder)} is gone; this command goes on with its run`);
      return session;
    } catch (error) {
      if (!isBetweenEngines(error) || late) throw error;
    }
    await sleep(LOOK);
  }
}

async function adoptIn(session: Session, run: string): Promise<void> {
  try {
    await session.control.adopt(run);
  } catch (error) {
    await session.close();
    throw error;
  }
}

function nameOf(holder: { readonly pid: number } | undefined): string {
  return holder === undefined ? '' : ` (process ${holder.pid})`;
}
