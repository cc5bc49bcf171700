// Opens what a command needs to look at runs or to steer them, and closes it whatever happens.
import type { Control } from '#service/control.ts';
import type { OpenControl } from './backend.ts';
import type { Context } from './context.ts';
import { patiently } from './patience.ts';

/** Looks only: adopts nothing, starts nothing. Looks again when an engine comes or goes meanwhile. */
export function reading<T>(context: Context, work: (control: Control) => Promise<T>): Promise<T> {
  return patiently(async () => {
    const open = await context.backend.openControl(context.dataDir, { write: false });
    return closing(open, ({ control }) => work(control));
  });
}

/**
 * Steers: through the engine that holds the data directory, else by what the next one finds. Asks again when an engine goes away over
 * it, so `work` must bear being done twice.
 */
export function steering<T>(context: Context, work: (open: OpenControl) => Promise<T>): Promise<T> {
  return patiently(async () =>
    closing(await context.backend.openControl(context.dataDir, { write: true }), work),
  );
}

async function closing<T>(open: OpenControl, work: (open: OpenControl) => Promise<T>): Promise<T> {
  try {
    return await work(open);
  } finally {
    await open.close();
  }
}
