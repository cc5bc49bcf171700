// The operators of a production line by the node that runs them, for those who draw it.
import type { OperatorReport, RunReport } from '#schemas/report.ts';

/** How it is spelled, and what it came to. */
export type Operator = readonly [name: string, report: OperatorReport];

export function operatorsByNode(report: RunReport): ReadonlyMap<string, readonly Operator[]> {
  const found = new Map<string, Operator[]>();
  for (const operator of Object.entries(report.operators ?? {})) {
    const known = found.get(operator[1].node);
    if (known === undefined) found.set(operator[1].node, [operator]);
    else known.push(operator);
  }
  return found;
}
