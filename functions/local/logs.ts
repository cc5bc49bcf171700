// Reads the logs of a run's attempts from the data directory, merged by time.
//
// A cursor is a time and how many lines of that millisecond were read. Lines are shown once they have settled, so that a line
// of another program that was written a moment later but bears an earlier time cannot slip behind a cursor.
import { Rejected } from '#errors/families.ts';
import { readLog } from '#runner/log-reader.ts';
import { logFolder } from '#runner/names.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptItem } from '#schemas/run.ts';
import type { LogEntry, LogPage } from '#service/control.ts';
import type { RunRef } from '#service/keys.ts';
import { attemptsOf } from '#service/outputs.ts';
import type { Service } from '#service/service.ts';

interface Place {
  readonly at: number;
  /** Lines of that millisecond that were read. */
  readonly count: number;
}

/** Where to begin in an attempt's log for lines of a time: found out by an earlier page. */
export type LogHints = Map<string, { at: number; n: number }>;

const BEGIN: Place = { at: 0, count: 0 };
const MOST_HINTS = 10_000;

function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined || cursor === '') return BEGIN;
  const match = /^(\d{1,15})\.(\d{1,9})$/.exec(cursor);
  if (match === null)
    throw new Rejected('invalid', `"${cursor.slice(0, 100)}" is no cursor of a run's logs`);
  return { at: Number(match[1]), count: Number(match[2]) };
}

export interface LogQuery {
  /** The id of a node: its lines and those of its instances. */
  readonly node?: string;
  readonly after?: string;
  readonly limit?: number;
  /** The run is over: nothing is written any more. */
  readonly ended: boolean;
  readonly hints: LogHints;
}

/** One page of a run's logs, oldest line first. */
export async function readLogs(
  service: Service,
  dataDir: string,
  ref: RunRef,
  query: LogQuery,
): Promise<LogPage> {
  const place = placeOf(query.after);
  const most = Math.min(query.limit ?? limits.page, limits.page);
  const settled = query.ended ? Number.POSITIVE_INFINITY : service.clock.now() - limits.logSettle;
  const found: LogEntry[] = [];
  let more = false;
  for (const attempt of await attemptsOf(service, ref, query.node)) {
    if (!mayHaveLines(attempt, place)) continue;
    const lines = await linesOf({
      dataDir,
      ref,
      attempt,
      place,
      settled,
      hints: query.hints,
      most: most + place.count + 1,
    });
    more ||= lines.length > most + place.count;
    found.push(...lines);
  }
  found.sort(
    (left, right) =>
      left.at - right.at ||
      compare(left.node, right.node) ||
      left.attempt - right.attempt ||
      left.n - right.n,
  );
  const fresh = found.slice(found[0]?.at === place.at ? place.count : 0);
  const lines = fresh.slice(0, most);
  return {
    lines,
    cursor: cursorOf(lines, place),
    last: query.ended && !more && lines.length === fresh.length,
  };
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

/** An attempt that was over before the cursor has nothing new to say. */
function mayHaveLines(attempt: AttemptItem, place: Place): boolean {
  if (attempt.status === 'offered' || attempt.status === 'fenced') return false;
  return attempt.report === undefined || attempt.report.endedAt + limits.logSettle >= place.at;
}

interface Reading {
  readonly dataDir: string;
  readonly ref: RunRef;
  readonly attempt: AttemptItem;
  readonly place: Place;
  readonly settled: number;
  readonly hints: LogHints;
  readonly most: number;
}

async function linesOf(reading: Reading): Promise<LogEntry[]> {
  const { ref, attempt, place, hints } = reading;
  const folder = logFolder(reading.dataDir, {
    ...ref,
    address: attempt.address,
    attempt: attempt.attempt,
  });
  const hint = hints.get(folder);
  let after = hint !== undefined && hint.at <= place.at ? hint.n : 0;
  const lines: LogEntry[] = [];
  for (;;) {
    const page = await readLog(folder, { after, limit: limits.page });
    for (const line of page.lines) {
      if (line.at > reading.settled || lines.length >= reading.most) return lines;
      if (line.at < place.at) remember(hints, folder, line);
      else lines.push({ ...line, node: attempt.address, attempt: attempt.attempt });
    }
    after = page.after;
    if (!page.more) return lines;
  }
}

function remember(hints: LogHints, folder: string, line: { at: number; n: number }): void {
  if (hints.size >= MOST_HINTS) hints.clear();
  hints.set(folder, { at: line.at, n: line.n });
}

function cursorOf(lines: readonly LogEntry[], place: Place): string {
  const last = lines.at(-1);
  if (last === undefined) return `${place.at}.${place.count}`;
  const same = lines.filter((line) => line.at === last.at).length;
  return `${last.at}.${same + (last.at === place.at ? place.count : 0)}`;
}
