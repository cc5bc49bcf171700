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

/** Where to begin in an attempt's log for lines of a time: found out by an earlier page. */
export type LogHints = Map<string, { at: number; n: number }>;

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
    linesOf: (attempt, at) => folderLines({ dataDir, ref, attempt, at, hints }),
    settle: limits.logSettle,
  });

interface Reading {
  readonly dataDir: string;
  readonly ref: RunRef;
  readonly attempt: AttemptItem;
  readonly at: number;
  readonly hints: LogHints;
}

async function* folderLines(reading: Reading): AsyncGenerator<LogLine> {
  const { ref, attempt, at, hints } = reading;
  const folder = logFolder(reading.dataDir, {
    ...ref,
    address: attempt.address,
    attempt: attempt.attempt,
  });
  const hint = hints.get(folder);
  let after = hint !== undefined && hint.at <= at ? hint.n : 0;
  for (;;) {
    const page = await readLog(folder, { after, limit: limits.page });
    for (const line of page.lines) {
      if (line.at < at) remember(hints, folder, line);
      yield line;
    }
    after = page.after;
    if (!page.more) return;
  }
}

function remember(hints: LogHints, folder: string, line: { at: number; n: number }): void {
  if (hints.size >= MOST_HINTS) hints.clear();
  hints.set(folder, { at: line.at, n: line.n });
}
