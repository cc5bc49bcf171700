// Who of those that wait for room on this machine goes first. A policy compares two of them, and that is all it does: room, claims, and that
// nobody waits for ever are the business of the queue. How one is added: docs/production-lines.md.
import type { Scheduling } from '#schemas/plan.ts';
import type { Machine, Share } from './room.ts';

/** An order that waits, as a policy sees it. */
export interface Candidate {
  /** The higher, the sooner; 0 where nothing was said. */
  readonly priority: number;
  /** How many nodes of its run come before it, one after the other. */
  readonly rank: number;
  readonly share: Share;
}

/** Below 0 where the first goes before the second, 0 where the one goes first that came first. Only orders of one run are compared. */
export type Policy = (one: Candidate, other: Candidate, machine: Machine) => number;

export const POLICIES: Readonly<Record<Scheduling, Policy>> = {
  /** What others wait for the longest chain of: those with the fewest nodes before them. */
  topological: (one, other) => one.rank - other.rank || other.priority - one.priority,
  priority: (one, other) => other.priority - one.priority || one.rank - other.rank,
  /** The largest first, because what is small finds room beside it later: first fit, decreasing. */
  packing: (one, other, machine) =>
    partOf(other.share, machine) - partOf(one.share, machine) ||
    other.priority - one.priority ||
    one.rank - other.rank,
};

/** The part of the machine that it takes, of what it takes most of. */
function partOf(share: Share, machine: Machine): number {
  const kinds = ['cpu', 'memory', 'gpu', 'programs'] as const;
  return Math.max(...kinds.map((kind) => share[kind] / Math.max(machine[kind], 1e-9)));
}
