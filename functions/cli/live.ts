// A run as a tree that is drawn again and again. Events say that something changed; what it is now, the report says.
import { createLogUpdate } from 'log-update';
import type { RunReport } from '#schemas/report.ts';
import { reportsBelow } from './below.ts';
import type { Context } from './context.ts';
import { type LineLog, LogFeed } from './log-feed.ts';
import { renderLogLine, type ShownLine } from './render/log-line.ts';
import type { Palette } from './render/palette.ts';
import { renderTree } from './render/tree.ts';
import { summaryOf, type Viewer, type ViewerOptions } from './view.ts';

/** Milliseconds between two drawings, and between two questions when no event asked for one. */
const DRAW = 120;
const ASK = 1_000;
/** Lines of the tree that stays. */
const FINAL_ROWS = 40;
/** A large run's report takes its time: asking may use one part in so many. */
const SHARE = 8;

export function liveViewer(context: Context, options: ViewerOptions): Viewer {
  const { host } = context;
  const { output } = options;
  const paint = output === host.stdout ? context.paint : context.paintError;
  const draw = createLogUpdate(output.stream, { showCursor: false });
  let report: RunReport | undefined;
  let below: ReadonlyMap<string, RunReport> = new Map();
  const asking = asker(options, host.now, (fresh, under) => {
    report = fresh;
    below = under;
  });
  const frame = (rows: number) => ({ now: host.now(), columns: output.columns, rows, paint });
  const timer = setInterval(() => {
    asking.tick();
    // A line stays free for the cursor, or the terminal would scroll at each drawing.
    if (report !== undefined) draw(renderTree(report, { ...frame(output.rows - 1), below }));
  }, DRAW);
  // The tree stands below what operators print.
  const feed =
    options.log === undefined ? undefined : persisting(options, options.log, { paint, draw });
  let stopped = false;
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    clearInterval(timer);
    feed?.stop();
    draw.done();
  };
  return {
    onEvents: (events) => {
      asking.soon();
      feed?.onEvents(events);
    },
    note: (text) => draw.persist(text),
    finish: async (last) => {
      await feed?.end();
      const summary = await summaryOf(context, options, last, false);
      draw.clear();
      stop();
      // What stays may be longer than the screen.
      output.write(`${renderTree(last, frame(FINAL_ROWS))}\n${summary}`);
    },
    stop,
  };
}

function persisting(
  { run, control }: ViewerOptions,
  log: LineLog,
  { paint, draw }: { paint: Palette; draw: ReturnType<typeof createLogUpdate> },
): LogFeed {
  const how = { paint, isTerminal: true };
  const show = (lines: readonly ShownLine[]): void =>
    draw.persist(lines.map((line) => renderLogLine(line, how)).join('\n'));
  return new LogFeed({ run, log, control, show });
}

/** Asks for the report when something happened or a while is over, one question at a time. */
function asker(
  options: ViewerOptions,
  now: () => number,
  take: (report: RunReport, below: ReadonlyMap<string, RunReport>) => void,
): { soon(): void; tick(): void } {
  let wanted = true;
  let busy = false;
  let notBefore = 0;
  const ask = async (): Promise<void> => {
    const began = now();
    wanted = false;
    try {
      const control = options.control();
      const report = await control.report(options.run);
      take(report, await reportsBelow(control, report));
    } catch {
      // Whoever follows the run deals with an engine that went away; the last picture stays.
      wanted = true;
    }
    notBefore = now() + (now() - began) * SHARE;
    busy = false;
    asked = now();
  };
  let asked = 0;
  return {
    soon: () => {
      wanted = true;
    },
    tick: () => {
      const due = wanted || now() - asked > ASK;
      if (busy || !due || now() < notBefore) return;
      busy = true;
      void ask();
    },
  };
}
