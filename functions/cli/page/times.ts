// When the attempts of a run began and ended, read from its events: the report keeps only the first start and the last end.
import { limits } from '#schemas/limits.ts';
import type { EventLine } from '#schemas/report.ts';
import type { Control } from '#service/control.ts';

/** Milliseconds since 1970. `to` is absent while the attempt runs. */
export interface Span {
  readonly from: number;
  readonly to?: number;
  /** How it ended: `completed`, `failed`, `retrying`, … */
  readonly how?: string;
}

/** Of a node or an instance (`per_region[3]`), in order. */
export type Times = ReadonlyMap<string, readonly Span[]>;

const ENDS: ReadonlySet<string> = new Set([
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'retrying',
]);

/** Reads the whole log of a run, up to `limits.reportEvents`. */
export async function readTimes(control: Control, run: string): Promise<Times> {
  const times = new Map<string, Span[]>();
  let after = '';
  for (let read = 0; read < limits.reportEvents; ) {
    const page = await control.events(run, { after, limit: limits.page });
    for (const event of page.events) note(times, event);
    if (page.last || page.events.length === 0 || page.cursor === after) break;
    read += page.events.length;
    after = page.cursor;
  }
  return times;
}

function note(times: Map<string, Span[]>, { at, node, event }: EventLine): void {
  if (node === undefined) return;
  const what = event.slice(event.lastIndexOf('.') + 1);
  if (what === 'started') {
    const known = times.get(node);
    const span = { from: Date.parse(at) };
    if (known === undefined) times.set(node, [span]);
    else known.push(span);
    return;
  }
  if (!ENDS.has(what)) return;
  const spans = times.get(node);
  const open = spans?.at(-1);
  if (spans === undefined || open === undefined || open.to !== undefined) return;
  spans[spans.length - 1] = { from: open.from, to: Date.parse(at), how: what };
}
