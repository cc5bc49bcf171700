// Reads a run page after page: to the end of what there is, or on and on until nothing more can come.
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';
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
  const at: Position = { run: reading.name, after: '', silent: 0 };
  for (;;) {
    try {
      const open = await context.backend.openControl(context.dataDir, { write: false });
      try {
        return await readOn(context, reading, open.control, at);
      } finally {
        await open.close();
      }
    } catch (error) {
      at.silent += 1;
      if (!isBetweenEngines(error) || at.silent > TRIES) throw error;
    }
    await sleep(BETWEEN);
  }
}

interface Position {
  run: string;
  after: string;
  /** Times in a row that nobody answered. */
  silent: number;
}

async function readOn(
  context: Context,
  reading: Reading,
  control: Control,
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
    at.silent = 0;
    at.after = cursor;
    if (last || (empty && !reading.follow)) return;
  }
}
