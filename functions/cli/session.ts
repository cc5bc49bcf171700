// The engine that a foreground command works with: its own, or the one that holds the data directory already.
import { Transient } from '#errors/families.ts';
import type { Control } from '#service/control.ts';
import type { Context } from './context.ts';
import { patiently } from './patience.ts';

export interface Session {
  readonly control: Control;
  /** False: a client of another process, which goes on without us. */
  readonly own: boolean;
  /** Makes the own engine go on with a run that another one left. */
  adopt(run: string): Promise<void>;
  /** Rejects when the own engine can save nothing any more. */
  readonly failed: Promise<never>;
  close(how: { park: boolean }): Promise<void>;
}

export function openSession(context: Context): Promise<Session> {
  return patiently(() => openOnce(context));
}

async function openOnce(context: Context): Promise<Session> {
  try {
    return await ownSession(context);
  } catch (error) {
    if (!(error instanceof Transient) || error.code !== 'busy') throw error;
    return await clientSession(context);
  }
}

async function ownSession(context: Context): Promise<Session> {
  const engine = await context.backend.openEngine({
    dataDir: context.dataDir,
    adopt: 'none',
    serve: true,
  });
  return {
    control: engine.control,
    own: true,
    adopt: (run) => engine.adopt(run),
    failed: engine.failed,
    close: (how) => engine.close(how),
  };
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
    adopt: () => Promise.resolve(),
    failed: new Promise(() => undefined),
    close: () => open.close(),
  };
}
