// Which approvals of a run wait for somebody, from its report.
import type { RunReport } from '#schemas/report.ts';

export interface WaitingApproval {
  /** As `approve` takes it: a node, or `review[3]`. */
  readonly address: string;
  /** What is asked. */
  readonly asked: string | undefined;
  readonly waitsFor: string;
  /** Milliseconds; of a node, not of its instances. */
  readonly since: number | undefined;
}

export function waitingIn(report: RunReport): readonly WaitingApproval[] {
  return Object.entries(report.nodes).flatMap(([id, node]) => {
    const since = node.startedAt === undefined ? undefined : Date.parse(node.startedAt);
    const own = { address: id, asked: node.message, waitsFor: node.waitsFor ?? '', since };
    if (node.status === 'queued' && node.reason === 'approval') return [own];
    return (node.instances ?? [])
      .filter(({ status, reason }) => status === 'queued' && reason === 'approval')
      .map(({ index, message, waitsFor }) => ({
        address: `${id}[${index}]`,
        asked: message,
        waitsFor: waitsFor ?? '',
        since,
      }));
  });
}
