// Opens what a command needs to look at runs or to steer them, and closes it whatever happens.
import type { Control } from '#service/control.ts';
import type { OpenControl } from './backend.ts';
import type { Context } from './context.ts';

/** Looks only: adopts nothing, starts nothing. */
export function reading<T>(context: Context, work: (control: Control) => Promise<T>): Promise<T> {
  return opened(context, false, ({ control }) => work(control));
}

/** Steers: through the engine that holds the data directory, else through one of its own. */
export function steering<T>(context: Context, work: (open: OpenControl) => Promise<T>): Promise<T> {
  return opened(context, true, work);
}

async function opened<T>(
  context: Context,
  write: boolean,
  work: (open: OpenControl) => Promise<T>,
): Promise<T> {
  const open = await context.backend.openControl(context.dataDir, { write });
  try {
    return await work(open);
  } finally {
    await open.close();
  }
}
