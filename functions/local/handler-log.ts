// The log of one attempt that is done by a handler: the same lines in the same segments as those of a program.
import { inspect } from 'node:util';
import { cutLines, LogWriter } from '#runner/log-writer.ts';
import type { Mask } from '#runner/mask.ts';

/** What a handler logs with. Nothing is written for one that logs nothing. */
export interface HandlerLog {
  (text: unknown): void;
  info(text: unknown): void;
  warn(text: unknown): void;
  error(text: unknown): void;
}

export interface AttemptLog {
  readonly log: HandlerLog;
  /** What the engine says. */
  say(text: string): void;
  close(): void;
}

/** @param folder where the segments go, asked for with the first line */
export function attemptLog(folder: () => string, mask: () => Mask): AttemptLog {
  let writer: LogWriter | undefined;
  let closed = false;
  const write = (stream: 'stdout' | 'stderr' | 'millrace', text: unknown): void => {
    // What a handler says after its attempt is over belongs to nobody.
    if (closed) return;
    writer ??= new LogWriter(folder());
    const plain = mask().text(typeof text === 'string' ? text : inspect(text));
    writer.write('', stream, cutLines(plain.endsWith('\n') ? plain.slice(0, -1) : plain));
  };
  const info = (text: unknown): void => write('stdout', text);
  const error = (text: unknown): void => write('stderr', text);
  return {
    log: Object.assign((text: unknown) => info(text), { info, warn: error, error }),
    say: (text) => write('millrace', text),
    close: () => {
      closed = true;
      writer?.close();
    },
  };
}
