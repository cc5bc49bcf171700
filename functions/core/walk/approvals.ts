// Approvals: nodes whose work a person does. They start like others, but no command goes to the shell; they end by the outcome that a
// decision puts into the inbox, by their own deadline, or at once when they are told to stop: there is no program to wait for.
import type { PlanNode } from '#schemas/plan.ts';
import type { Outputs } from '#schemas/values.ts';
import { type Graph, nodeOf } from './graph.ts';
import type { NodeRecord } from './records.ts';
import { COMPLETED, EVENT_APPROVED, endBits } from './words.ts';

/** What an approval gives that was approved because nobody decided in time. */
export const UNDECIDED: Outputs = { by: null, comment: null };

type Approval = Extract<PlanNode['executor'], { kind: 'approval' }>;

/** The approval that a node is; undefined of any other. */
export function approvalOf(graph: Graph, node: number): Approval | undefined {
  const { executor } = nodeOf(graph, node);
  return executor.kind === 'approval' ? executor : undefined;
}

/** The events that came with the end of a node. */
export function endEvents(graph: Graph, node: number, record: NodeRecord): number {
  const bits = endBits(record.status, record.reason === 'rejected');
  const approved = record.status === COMPLETED && approvalOf(graph, node) !== undefined;
  return approved ? bits | EVENT_APPROVED : bits;
}
