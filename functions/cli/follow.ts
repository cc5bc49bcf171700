// Follows a run through any Control, event by event, until it has ended or somebody says stop.
import type { EventLine, RunReport } from '#schemas/report.ts';
import type { Control } from '#service/control.ts';
import { hasEnded } from './run-status.ts';

/** Milliseconds one question may wait for something to happen. */
const PATIENCE = 10_000;

export interface Follower {
  readonly run: string;
  /** Events behind this cursor. */
  readonly after: string;
  /** The one to ask now; it changes when another engine takes over. */
  control(): Control;
  onEvents(events: readonly EventLine[]): void;
  /** True as soon as nobody wants to know any more. */
  stopped(): boolean;
  /** Called when nobody answered. Rejects with the error when nothing can be done about it. */
  onLost(error: unknown): Promise<void>;
}

/** Answers with the report: of a run that has ended, or that cannot go on by itself, or where it was when one stopped. */
export async function follow(follower: Follower): Promise<RunReport> {
  let cursor = follower.after;
  for (;;) {
    try {
      const page = await follower.control().events(follower.run, { after: cursor, wait: PATIENCE });
      cursor = page.cursor;
      if (page.events.length > 0) follower.onEvents(page.events);
      if (page.last || follower.stopped()) return await follower.control().report(follower.run);
      if (page.events.length === 0) {
        const report = await follower.control().report(follower.run);
        if (hasEnded(report.status) || report.status === 'halted') return report;
      }
    } catch (error) {
      if (follower.stopped()) throw error;
      await follower.onLost(error);
    }
  }
}
