// The tree of groups as a walk needs it: ranks (nodes ordered by group, groups in the order of their tree, so that all
// nodes of a group and of those below it are one range), and for every group which limits, fail-fast groups and
// timeouts hold in it. Never recursion: the tree may be as deep as it has groups.
import type { Plan } from '#schemas/plan.ts';

export interface Groups {
  /** Rank of a node, and the node at a rank. */
  readonly rankOf: Int32Array;
  readonly nodeAt: Int32Array;
  /** Ranks of the group's own nodes: `from` to before `ownEnd`; with the groups below it, to before `end`. */
  readonly from: Int32Array;
  readonly ownEnd: Int32Array;
  readonly end: Int32Array;
  /** Groups with `maxParallel`; `places` of the state counts the live attempts in each. */
  readonly limited: readonly { readonly group: number; readonly most: number }[];
  /** By group: indexes into `limited` that hold in it. A `prepare` group takes no place of those round it. */
  readonly limits: readonly (readonly number[])[];
  /** By group: itself and those round it that fail fast, from the inside. */
  readonly failFast: readonly (readonly number[])[];
  /** By group: itself and those round it that have a timeout. */
  readonly timed: readonly (readonly number[])[];
}

const NONE: readonly number[] = [];

export function linkGroups(plan: Plan): Groups {
  const order = preorder(plan);
  const ranges = rank(plan, order);
  const limited: { group: number; most: number }[] = [];
  const limits: (readonly number[])[] = [];
  const failFast: (readonly number[])[] = [];
  const timed: (readonly number[])[] = [];
  for (const index of order) {
    const group = plan.groups[index];
    if (!group) continue;
    const around = (lists: readonly (readonly number[])[]) => lists[group.parent] ?? NONE;
    const prepare = group.kind === 'prepare';
    limits[index] = prepare ? NONE : around(limits);
    if (group.maxParallel !== undefined) {
      limits[index] = [limited.length, ...limits[index]];
      limited.push({ group: index, most: group.maxParallel });
    }
    const fastAround = prepare ? NONE : around(failFast);
    failFast[index] = group.failFast ? [index, ...fastAround] : fastAround;
    const timedAround = prepare ? NONE : around(timed);
    timed[index] = group.timeout === undefined ? timedAround : [index, ...timedAround];
  }
  return { ...ranges, limited, limits, failFast, timed };
}

/** Groups so that each comes before those below it, which follow it without a gap. */
function preorder(plan: Plan): readonly number[] {
  const below: number[][] = plan.groups.map(() => []);
  const stack: number[] = [];
  for (const [index, group] of plan.groups.entries()) {
    if (group.parent < 0) stack.push(index);
    else below[group.parent]?.push(index);
  }
  stack.reverse();
  const order: number[] = [];
  while (stack.length > 0) {
    const index = stack.pop() ?? 0;
    order.push(index);
    for (const child of (below[index] ?? []).toReversed()) stack.push(child);
  }
  return order;
}

function rank(plan: Plan, order: readonly number[]) {
  const members: number[][] = plan.groups.map(() => []);
  for (const [index, node] of plan.nodes.entries()) members[node.group]?.push(index);
  const count = plan.groups.length;
  const from = new Int32Array(count);
  const ownEnd = new Int32Array(count);
  const end = new Int32Array(count);
  const rankOf = new Int32Array(plan.nodes.length);
  const nodeAt = new Int32Array(plan.nodes.length);
  let next = 0;
  for (const group of order) {
    from[group] = next;
    for (const node of members[group] ?? []) {
      rankOf[node] = next;
      nodeAt[next] = node;
      next++;
    }
    ownEnd[group] = next;
    end[group] = next;
  }
  // From the inside out: a group ends where the last one below it ends.
  for (const group of order.toReversed()) {
    const parent = plan.groups[group]?.parent ?? -1;
    if (parent >= 0) end[parent] = Math.max(end[parent] ?? 0, end[group] ?? 0);
  }
  return { from, ownEnd, end, rankOf, nodeAt };
}
