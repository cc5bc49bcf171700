// The log of a run: the lines of its attempts, merged by time, a page at a time. Where the lines of one attempt come from is for others.
//
// A cursor is a time and how many lines of that millisecond were read. Lines are shown once they have settled, so that a line
// of another program that was written a moment later but bears an earlier time cannot slip behind a cursor.
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptItem } from '#schemas/run.ts';
import type { LogLine } from '#schemas/runner-protocol.ts';
import type { LogEntry, LogPage } from './control.ts';
import { inParallel } from './in-parallel.ts';
import type { RunRef } from './keys.ts';
import { partLines } from './log-shelf.ts';
import { attemptsSeen } from './outputs.ts';
import type { Service } from './service.ts';

export interface LogQuery {
  /** The id of a node: its lines and those of its instances. */
  readonly node?: string;
  readonly after?: string;
  readonly limit?: number;
  /** The run is over: nothing is written any more. */
  readonly ended: boolean;
}

/**
 * Lines of one attempt in their order. What is earlier than `at` may be left out; of those of that millisecond the first `skip` are,
 * where it is given.
 */
export type LinesOf = (attempt: AttemptItem, at: number, skip?: number) => AsyncIterable<LogLine>;

export interface LogSource {
  readonly linesOf: LinesOf;
  /** Milliseconds after which no line with an earlier time is expected any more. */
  readonly settle: number;
  /** It leaves out what it is told to. */
  readonly skips?: boolean;
}

/** One page of a run's logs, oldest line first, where jobs sent them: each part is an object. */
export const readRunLogs = (service: Service, ref: RunRef, query: LogQuery): Promise<LogPage> =>
  mergeLogs(service, ref, query, {
    linesOf: (attempt, at) => partLines(service, ref, attempt, at),
    settle: limits.logPartSettle,
  });

interface Place {
  readonly at: number;
  /** Lines of that millisecond that were read. */
  readonly count: number;
}

/** One page of a run's logs, oldest line first. Rejects with `invalid` a cursor that is none. */
export async function mergeLogs(
  service: Service,
  ref: RunRef,
  query: LogQuery,
  source: LogSource,
): Promise<LogPage> {
  const place = placeOf(query.after);
  const most = Math.min(query.limit ?? limits.page, limits.page);
  const attempts = await attemptsSeen(service, ref, query.node);
  const begun = attempts.filter(({ status }) => status === 'claimed' || status === 'reported');
  // Attempts of one address come one after the other: no line of another one can come in between.
  const alone = begun.every(({ address }) => address === begun[0]?.address);
  const settled =
    query.ended || alone ? Number.POSITIVE_INFINITY : service.clock.now() - source.settle;
  const telling = begun.filter((attempt) => mayHaveLines(attempt, place, source.settle));
  // Alone it has printed all lines of that millisecond. A program may print thousands in one.
  const skip = source.skips === true && telling.length === 1 ? place.count : 0;
  const read = place.count - skip;
  const found = await inParallel(telling, limits.callsAtOnce, (attempt) =>
    linesOf(source, attempt, { place, settled, most: most + read + 1, skip }),
  );
  const more = found.some((lines) => lines.length > most + read);
  const all = found.length === 1 ? (found[0] ?? []) : found.flat().sort(byTime);
  const fresh = all.slice(all[0]?.at === place.at ? read : 0);
  const lines = fresh.slice(0, most);
  return {
    lines,
    cursor: cursorOf(lines, place),
    last: query.ended && !more && lines.length === fresh.length,
  };
}

const byTime = (left: LogEntry, right: LogEntry): number =>
  left.at - right.at ||
  compare(left.node, right.node) ||
  left.attempt - right.attempt ||
  left.n - right.n;

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined || cursor === '') return { at: 0, count: 0 };
  const match = /^(\d{1,15})\.(\d{1,9})$/.exec(cursor);
  if (match === null)
    throw new Rejected('invalid', `"${cursor.slice(0, 100)}" is no cursor of a run's logs`);
  return { at: Number(match[1]), count: Number(match[2]) };
}

/** An attempt that was over before the cursor has nothing new to say. */
function mayHaveLines(attempt: AttemptItem, place: Place, settle: number): boolean {
  return attempt.report === undefined || attempt.report.endedAt + settle >= place.at;
}

async function linesOf(
  source: LogSource,
  attempt: AttemptItem,
  { place, settled, most, skip }: { place: Place; settled: number; most: number; skip: number },
): Promise<LogEntry[]> {
  const lines: LogEntry[] = [];
  for await (const line of source.linesOf(attempt, place.at, skip)) {
    if (line.at > settled || lines.length >= most) break;
    if (line.at >= place.at)
      lines.push({ ...line, node: attempt.address, attempt: attempt.attempt });
  }
  return lines;
}

function cursorOf(lines: readonly LogEntry[], place: Place): string {
  const last = lines.at(-1);
  if (last === undefined) return `${place.at}.${place.count}`;
  const same = lines.filter((line) => line.at === last.at).length;
  return `${last.at}.${same + (last.at === place.at ? place.count : 0)}`;
}
