// Reads a run page after page: to the end of what there is, or on and on until nothing more can come.
import { Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Control } from '#service/control.ts';
import type { Context } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { patiently } from './patience.ts';

/** Milliseconds that files without an engine are read on, before an engine is looked for. */
const LOOK = 1_000;

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

/**
 * An engine that ends meanwhile is no reason to stop: the next one is asked, or the files it left. One that parked the run is:
 * nothing more comes until somebody resumes it.
 */
export async function pages(context: Context, reading: Reading): Promise<ExitCode> {
  const at: Position = { run: reading.name, after: '', followed: false, told: false };
  return await patiently(async (progress) => {
    const open = await context.backend.openControl(context.dataDir, { write: false });
    const alone = open.kind === 'reader';
    if (!alone) Object.assign(at, { followed: true, told: false });
    try {
      return await readOn({ context, reading, control: open.control, progress, alone }, at);
    } finally {
      await open.close();
    }
  });
}

interface Position {
  run: string;
  after: string;
  /** Some engine was asked already. */
  followed: boolean;
  /** It was said that no engine is at work. */
  told: boolean;
}

interface Reader {
  readonly context: Context;
  readonly reading: Reading;
  readonly control: Control;
  progress(): void;
  /** Nobody walks the run: its files are read. */
  readonly alone: boolean;
}

async function readOn(reader: Reader, at: Position): Promise<ExitCode> {
  const { context, reading, control, progress } = reader;
  // Without an engine the next one is looked for now and then.
  const wait = reading.follow ? { wait: reader.alone ? LOOK : limits.pollWait } : {};
  // Kept: `latest` may be another one in a while.
  at.run = await control.find(at.run);
  while (!context.host.stdout.closed) {
    const { cursor, last, empty } = await reading.turn(control, at.run, {
      after: at.after,
      ...wait,
    });
    progress();
    at.after = cursor;
    if (last || (empty && !reading.follow)) break;
    if (empty && reader.alone && (await engineless(context, at)) === 'parked') return EXIT.parked;
  }
  return EXIT.done;
}

/** What it means that nobody walks a run that is followed; said once. */
async function engineless(context: Context, at: Position): Promise<'waits' | 'parked'> {
  const { held, holder } = await context.backend.traceOf(context.dataDir);
  if (held) throw new Transient('unavailable', `${context.dataDir}: an engine has come`);
  // Also for one who came too late to see the engine end.
  const parked = holder?.leaving === 'parked';
  if (at.told || (at.followed && holder?.leaving === 'handed_over')) return 'waits';
  at.told = true;
  const why = parked
    ? 'the engine was told to end and has parked the run'
    : at.followed
      ? `the engine (process ${holder?.pid}) is gone`
      : 'no engine is at work on the run';
  const then = parked ? 'goes on' : 'goes on; waiting for that';
  context.host.stderr.write(`millrace: ${why}; \`millrace resume ${at.run}\` ${then}\n`);
  return parked ? 'parked' : 'waits';
}
