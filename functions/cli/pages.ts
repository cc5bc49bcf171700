// Reads a run page after page: to the end of what there is, or on and on until nothing more can come.
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';
import type { OpenControl } from './backend.ts';
import type { Context } from './context.ts';
import { isBetweenEngines } from './session.ts';

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

/** Times in a row that nobody may answer, and milliseconds between them. */
const TRIES = 50;
const BETWEEN = 200;

/** An engine that ends meanwhile is no reason to stop: the next one is asked, or the files it left. */
export async function pages(context: Context, reading: Reading): Promise<void> {
  const wait = reading.follow ? { wait: limits.pollWait } : {};
  let after = '';
  let run = reading.name;
  for (let silent = 0; ; ) {
    const open = await context.backend.openControl(context.dataDir, { write: false }).catch(lost);
    try {
      if (open !== undefined) {
        // `latest` may be another one in a while.
        run = await open.control.find(run);
        while (!context.host.stdout.closed) {
          const { cursor, last, empty } = await reading.turn(open.control, run, { after, ...wait });
          silent = 0;
          after = cursor;
          if (last || (empty && !reading.follow)) return;
        }
        return;
      }
    } catch (error) {
      lost(error);
    } finally {
      await open?.close();
    }
    silent += 1;
    if (silent > TRIES) await giveUp(context);
    await sleep(BETWEEN);
  }
}

function lost(error: unknown): undefined {
  if (!isBetweenEngines(error)) throw error;
  return undefined;
}

/** Asks once more, for the error that says who does not answer. */
async function giveUp(context: Context): Promise<OpenControl> {
  return context.backend.openControl(context.dataDir, { write: false });
}
