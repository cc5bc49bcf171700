// Reads a run page after page: to the end of what there is, or on and on until nothing more can come.
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';
import type { Context } from './context.ts';
import { patiently } from './patience.ts';

export interface Place {
  readonly after: string;
  readonly wait?: number;
}

export interface Turned {
  readonly cursor: string;
  readonly last: boolean;
  readonly empty: boolean;
}

export interface Reading {
  readonly name: string;
  readonly follow: boolean;
  turn(control: Control, run: string, place: Place): Promise<Turned>;
}

/** An engine that ends meanwhile is no reason to stop: the next one is asked, or the files it left. */
export async function pages(context: Context, reading: Reading): Promise<void> {
  const at: Position = { run: reading.name, after: '' };
  await patiently(async (progress) => {
    const open = await context.backend.openControl(context.dataDir, { write: false });
    try {
      await readOn({ context, reading, control: open.control, progress }, at);
    } finally {
      await open.close();
    }
  });
}

interface Position {
  run: string;
  after: string;
}

interface Reader {
  readonly context: Context;
  readonly reading: Reading;
  readonly control: Control;
  progress(): void;
}

async function readOn(
  { context, reading, control, progress }: Reader,
  at: Position,
): Promise<void> {
  const wait = reading.follow ? { wait: limits.pollWait } : {};
  // Kept: `latest` may be another one in a while.
  at.run = await control.find(at.run);
  while (!context.host.stdout.closed) {
    const { cursor, last, empty } = await reading.turn(control, at.run, {
      after: at.after,
      ...wait,
    });
    progress();
    at.after = cursor;
    if (last || (empty && !reading.follow)) return;
  }
}
