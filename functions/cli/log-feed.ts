// What operators print and what becomes of them, in the order in which it happened, while a run goes on.

import { isWarning } from '#runner/event-lines.ts';
import type { Names } from '#runner/log-shape.ts';
import { limits } from '#schemas/limits.ts';
import type { EventLine, RunReport } from '#schemas/report.ts';
import { LOG_LEVELS, type LogLevel } from '#schemas/work-dir.ts';
import type { Control } from '#service/control.ts';
import {
  type Entered,
  entryLine,
  eventLines,
  namesInReport,
  type ShownLine,
} from './render/log-line.ts';

/** Of a production line: which lines are shown, and how its nodes are called. */
export interface LineLog {
  readonly level: LogLevel;
  readonly names: Names;
}

/** Undefined where the run is of no production line. */
export function lineLogOf(report: RunReport): LineLog | undefined {
  const { log } = report;
  return log === undefined ? undefined : { level: log.level, names: namesInReport(report) };
}

export interface Feed {
  readonly run: string;
  readonly log: LineLog;
  control(): Control;
  show(lines: readonly ShownLine[]): void;
}

export class LogFeed {
  readonly #feed: Feed;
  readonly #least: number;
  readonly #timer: NodeJS.Timeout;
  #events: ShownLine[] = [];
  #after = '';
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #ended = false;

  constructor(feed: Feed) {
    this.#feed = feed;
    this.#least = LOG_LEVELS.indexOf(feed.log.level);
    this.#timer = setInterval(() => this.#soon(), limits.tailInterval);
  }

  onEvents(events: readonly EventLine[]): void {
    for (const event of events)
      if (!isWarning(event)) this.#events.push(...eventLines(this.#feed.log.names, event));
    this.#soon();
  }

  /** Shows what is left. */
  async end(): Promise<void> {
    this.stop();
    this.#ended = true;
    await this.#turn;
    this.#soon();
    await this.#turn;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One turn after the other; one that waits is enough. */
  #soon(): void {
    if (this.#waiting > 1) return;
    this.#waiting += 1;
    this.#turn = this.#turn
      .then(() => this.#read())
      // Whoever follows the run deals with an engine that went away.
      .catch(() => undefined)
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  async #read(): Promise<void> {
    const { run, control, log } = this.#feed;
    for (;;) {
      // Lines are shown when no earlier one can come any more. Events wait as long, or they would stand before what led to them.
      const settled = Date.now() - limits.logSettle;
      const { lines, cursor, last } = await control().logs(run, { after: this.#after });
      this.#after = cursor;
      const printed: Entered[] = [];
      for (const line of lines) printed.push(entryLine(log.names, line, printed.at(-1)));
      const more = !last && lines.length >= limits.page;
      const over = last || (this.#ended && !more);
      const newest = over
        ? Number.POSITIVE_INFINITY
        : Math.max(printed.at(-1)?.at ?? 0, more ? 0 : settled);
      const [due, later] = parted(this.#events, (event) => event.at <= newest);
      this.#events = later;
      this.#show([...due, ...printed]);
      if (!more) return;
    }
  }

  #show(lines: readonly ShownLine[]): void {
    const shown = lines.filter(({ level }) => LOG_LEVELS.indexOf(level) >= this.#least);
    if (shown.length > 0) this.#feed.show(shown.sort((left, right) => left.at - right.at));
  }
}

function parted<T>(all: readonly T[], fits: (one: T) => boolean): [T[], T[]] {
  return [all.filter(fits), all.filter((one) => !fits(one))];
}
