// What every way of showing a run has in common.
import type { EventLine, RunReport } from '#schemas/report.ts';
import type { Control } from '#service/control.ts';
import type { Context } from './context.ts';
import type { Output } from './host.ts';
import type { LineLog } from './log-feed.ts';
import { renderSummary } from './render/summary.ts';
import { tailsOf } from './tails.ts';

export interface Viewer {
  onEvents(events: readonly EventLine[]): void;
  /** Something beside the run, for the person who watches. */
  note(text: string): void;
  finish(report: RunReport): Promise<void>;
  /** Leaves the terminal in order. May be called again. */
  stop(): void;
}

export interface ViewerOptions {
  readonly run: string;
  readonly output: Output;
  /** Of a production line: what its operators print is shown as well. */
  readonly log?: LineLog | undefined;
  control(): Control;
}

/** What is printed last: where the outputs lie, what went wrong. */
export async function summaryOf(
  context: Context,
  options: ViewerOptions,
  report: RunReport,
  headline: boolean,
): Promise<string> {
  const { dataDir, host } = context;
  const paint = options.output === host.stdout ? context.paint : context.paintError;
  const tails = await tailsOf(options.control(), report);
  return renderSummary(report, { paint, dataDir, cwd: host.cwd, tails, headline });
}
