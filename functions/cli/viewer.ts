// How a run is shown while it goes on: as objects, as a tree, as lines, or not at all.
import type { Context } from './context.ts';
import { type LineLog, LogFeed } from './log-feed.ts';
import { renderLogLine } from './render/log-line.ts';
import { renderEvent } from './render/plain.ts';
import { summaryOf, type Viewer, type ViewerOptions } from './view.ts';

export async function openViewer(context: Context, options: ViewerOptions): Promise<Viewer> {
  if (context.json) return objects(context);
  if (context.quiet) return silent(context, options);
  if (!context.isWatched(options.output)) {
    return options.log === undefined
      ? lines(context, options)
      : logLines(context, options, options.log);
  }
  const { liveViewer } = await import('./live.ts');
  return liveViewer(context, options);
}

function objects(context: Context): Viewer {
  return {
    onEvents: (events) => {
      // One write a page: of a wide run thousands come at once.
      context.host.stdout.write(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    },
    note: (text) => context.host.stderr.write(`${text}\n`),
    finish: async (report) => context.sayJson(report),
    stop: () => undefined,
  };
}

function lines(context: Context, options: ViewerOptions): Viewer {
  const { output } = options;
  return {
    onEvents: (events) => {
      const paint = output === context.host.stdout ? context.paint : context.paintError;
      // What was found before the run began was told before.
      const shown = events.filter(({ event }) => event !== 'pipeline.warning');
      output.write(shown.map((event) => `${renderEvent(event, paint)}\n`).join(''));
    },
    note: (text) => context.host.stderr.write(`${text}\n`),
    finish: async (report) => output.write(await summaryOf(context, options, report, true)),
    stop: () => undefined,
  };
}

/** What operators print between the events, all in one shape. */
function logLines(context: Context, options: ViewerOptions, log: LineLog): Viewer {
  const { output, run, control } = options;
  const paint = output === context.host.stdout ? context.paint : context.paintError;
  const how = { paint, isTerminal: output.isTerminal };
  const feed = new LogFeed({
    run,
    log,
    control,
    show: (shown) => output.write(shown.map((line) => `${renderLogLine(line, how)}\n`).join('')),
  });
  return {
    onEvents: (events) => feed.onEvents(events),
    note: (text) => context.host.stderr.write(`${text}\n`),
    finish: async (report) => {
      await feed.end();
      output.write(await summaryOf(context, options, report, true));
    },
    stop: () => feed.stop(),
  };
}

/** Only what went wrong. */
function silent(context: Context, options: ViewerOptions): Viewer {
  return {
    onEvents: () => undefined,
    note: (text) => context.host.stderr.write(`${text}\n`),
    finish: async (report) => {
      if (report.status === 'completed') return;
      context.host.stderr.write(await summaryOf(context, options, report, true));
    },
    stop: () => undefined,
  };
}
