// The last words of programs that failed.
import type { RunReport } from '#schemas/report.ts';
import type { Control, LogEntry } from '#service/control.ts';
import { failedNodes } from './render/summary.ts';

/** Lines shown of one node, nodes shown, and pages read to get at the end of a long log. */
const LINES = 10;
const NODES = 5;
const PAGES = 200;

export async function tailsOf(
  control: Control,
  report: RunReport,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const tails = new Map<string, readonly string[]>();
  for (const [node] of failedNodes(report).slice(0, NODES)) {
    const lines = await lastLines(control, report.run, { node, count: LINES });
    tails.set(
      node,
      lines.map(({ text }) => text),
    );
  }
  return tails;
}

/** Of a node, its instances included, or of one instance. */
export async function lastLines(
  control: Control,
  run: string,
  { node, count }: { readonly node: string; readonly count: number },
): Promise<readonly LogEntry[]> {
  let kept: readonly LogEntry[] = [];
  let after = '';
  for (let page = 0; page < PAGES; page += 1) {
    const { lines, cursor, last } = await control.logs(run, { node, after });
    kept = [...kept, ...lines].slice(-count);
    if (last || lines.length === 0 || cursor === after) break;
    after = cursor;
  }
  return kept;
}
