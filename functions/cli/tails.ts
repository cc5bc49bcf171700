// The last words of programs that failed.
import type { RunReport } from '#schemas/report.ts';
import type { Control } from '#service/control.ts';
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
  for (const [node] of failedNodes(report).slice(0, NODES))
    tails.set(node, await tailOf(control, report.run, node));
  return tails;
}

async function tailOf(control: Control, run: string, node: string): Promise<readonly string[]> {
  let kept: readonly string[] = [];
  let after = '';
  for (let page = 0; page < PAGES; page += 1) {
    const { lines, cursor } = await control.logs(run, { node, after });
    if (lines.length === 0 || cursor === after) break;
    kept = [...kept, ...lines.map(({ text }) => text)].slice(-LINES);
    after = cursor;
  }
  return kept;
}
