import { Conflict, Rejected, Transient } from '#errors/families.ts';
import type { Json } from '#schemas/values.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { pairOf } from '../pairs.ts';
import { steering } from '../reading.ts';

export interface Emitted {
  readonly event: string;
  readonly payload: readonly string[];
  readonly key: string | undefined;
}

export async function emit(context: Context, name: string, emitted: Emitted): Promise<ExitCode> {
  const { event, key } = emitted;
  if (!event.startsWith('external.') || event === 'external.')
    throw new Rejected(
      'invalid',
      `event "${event}": events from outside begin with "external.", as in external.go`,
    );
  const payload = payloadOf(emitted.payload);
  return steering(context, async ({ control }) => {
    const run = await control.find(name);
    const more = {
      ...(payload === undefined ? {} : { payload }),
      ...(key === undefined ? {} : { key }),
    };
    await control.emit(run, event, more).catch((error: unknown) => {
      // Without a key, telling it again could make two events of it.
      const twice = key === undefined && error instanceof Transient && error.details['asked'];
      if (twice !== true) throw error;
      throw new Conflict(
        'unavailable',
        `the engine went away before it answered: \`millrace events ${run}\` says whether ${event} was told; with --key it can be told again safely`,
      );
    });
    if (context.json) context.sayJson({ run, event });
    else if (!context.quiet) context.say(`${run} was told ${event}`);
    return EXIT.done;
  });
}

function payloadOf(pairs: readonly string[]): Json | undefined {
  if (pairs.length === 0) return undefined;
  return Object.fromEntries(pairs.map((pair) => pairOf(pair, 'payload')));
}
