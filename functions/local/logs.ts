// Where the lines of a run's attempts come from on one machine: the folders of the data directory that the runner writes them to.
import { readLog } from '#runner/log-reader.ts';
import { logFolder } from '#runner/names.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptItem } from '#schemas/run.ts';
import type { LogLine } from '#schemas/runner-protocol.ts';
import type { LogPage } from '#service/control.ts';
import type { RunRef } from '#service/keys.ts';
import { type LogQuery as AnyLogQuery, mergeLogs } from '#service/logs.ts';
import type { Service } from '#service/service.ts';

/** What earlier pages found out of an attempt's log. */
export interface LogHint {
  /** The number of a line, and its time: what is later stands behind it. */
  at: number;
  n: number;
  /** Of the page that was read last: the numbers of the first lines of its milliseconds. */
  readonly firsts: ReadonlyMap<number, number>;
}
export type LogHints = Map<string, LogHint>;

const MOST_HINTS = 10_000;

export interface LogQuery extends AnyLogQuery {
  readonly hints: LogHints;
}

/** One page of a run's logs, oldest line first. */
export const readLogs = (
  service: Service,
  dataDir: string,
  ref: RunRef,
  { hints, ...query }: LogQuery,
): Promise<LogPage> =>
  mergeLogs(service, ref, query, {
    linesOf: (attempt, at, skip = 0) => folderLines({ dataDir, ref, attempt, at, skip, hints }),
    settle: limits.logSettle,
    skips: true,
  });

interface Reading {
  readonly dataDir: string;
  readonly ref: RunRef;
  readonly attempt: AttemptItem;
  readonly at: number;
  readonly skip: number;
  readonly hints: LogHints;
}

async function* folderLines(reading: Reading): AsyncGenerator<LogLine> {
  const { ref, attempt, at, hints } = reading;
  const folder = logFolder(reading.dataDir, {
    ...ref,
    address: attempt.address,
    attempt: attempt.attempt,
  });
  const { first, ...begin } = beginning(reading, hints.get(folder));
  let { after, left, last } = begin;
  const firsts = new Map(first === undefined ? [] : [[at, first]]);
  const hint: LogHint = { at: 0, n: 0, ...hints.get(folder), firsts };
  if (hints.size >= MOST_HINTS) hints.clear();
  hints.set(folder, hint);
  for (;;) {
    const page = await readLog(folder, { after, limit: limits.page });
    for (const line of page.lines) {
      if (line.at < at) Object.assign(hint, { at: line.at, n: line.n });
      else if (line.at !== last) firsts.set(line.at, line.n);
      last = line.at;
      if (line.at === at && left > 0) left -= 1;
      else yield line;
    }
    after = page.after;
    if (!page.more) return;
  }
}

interface Beginning {
  /** The line behind which reading begins. */
  readonly after: number;
  /** Lines of the wanted millisecond that are to be left out. */
  readonly left: number;
  /** The time of the line before: the next one of another time is the first of its own. */
  readonly last: number;
  /** The first line of the wanted millisecond, where that is known. */
  readonly first: number | undefined;
}

function beginning({ at, skip }: Reading, hint: LogHint | undefined): Beginning {
  const first = hint?.firsts.get(at);
  if (first !== undefined) return { after: first - 1 + skip, left: 0, last: at, first };
  if (hint === undefined || hint.at >= at) return { after: 0, left: skip, last: -1, first };
  return { after: hint.n, left: skip, last: hint.at, first };
}
