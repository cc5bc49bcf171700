// The runs below a run that are under way, for those who draw it: those of its nodes, and of the nodes of these.
import { NotFound } from '#errors/families.ts';
import type { NodeReport, RunReport } from '#schemas/report.ts';
import type { Control } from '#service/control.ts';

/** Sub-runs that are drawn at once. */
const MOST = 8;

/** Reports by run, at most a handful of them. */
export async function reportsBelow(
  control: Control,
  report: RunReport,
): Promise<ReadonlyMap<string, RunReport>> {
  const found = new Map<string, RunReport>();
  const open = liveIn(report);
  // What is found is looked through as well.
  for (const run of open) {
    if (found.size >= MOST) break;
    const child = await control.report(run).catch((error: unknown) => {
      if (error instanceof NotFound) return undefined;
      throw error;
    });
    if (child === undefined) continue;
    found.set(run, child);
    open.push(...liveIn(child));
  }
  return found;
}

function liveIn(report: RunReport): string[] {
  return Object.values(report.nodes).flatMap((node) => subRunsOf(node).map(({ run }) => run));
}

/** Sub-runs of a node that are under way; of a forEach node each with its index. */
export function subRunsOf(node: NodeReport): readonly { run: string; index?: number }[] {
  if (node.status !== 'running') return [];
  if (node.subRun !== undefined) return [{ run: node.subRun }];
  return (node.instances ?? []).flatMap(({ status, subRun, index }) =>
    status === 'running' && subRun !== undefined ? [{ run: subRun, index }] : [],
  );
}
