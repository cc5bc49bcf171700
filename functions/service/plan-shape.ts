// What the schema of a plan cannot say: that what its parts name is there, and that nothing is inside itself. The compiler makes no other
// plan; one that was compiled elsewhere may come from anybody, and whoever walks it must come to an end.
import type { Plan, PlanNode } from '#schemas/plan.ts';

/** What stands between the parts of keys and addresses, and what members of objects may not be called. */
const UNFIT = /[#[\]/\p{Cc}]|^(?:__proto__|constructor|prototype)$/u;

/** What is wrong with a plan that was read by its schema; undefined for one that can be walked. */
export function shapeProblem(plan: Plan): string | undefined {
  const ids = new Set<string>();
  for (const [index, node] of plan.nodes.entries()) {
    const problem = ids.has(node.id) ? 'is there twice' : nodeProblem(plan, node, index);
    if (problem !== undefined) return `its node ${JSON.stringify(node.id)} ${problem}`;
    ids.add(node.id);
  }
  const looped = groupInItself(plan) ?? nodeBeforeItself(plan);
  return looped === undefined ? undefined : `its ${looped} comes before itself`;
}

function nodeProblem(plan: Plan, node: PlanNode, index: number): string | undefined {
  if (UNFIT.test(node.id)) return 'has a name that no node can have';
  if (plan.groups[node.group] === undefined) return 'is in a group that is not there';
  const named = [...(node.needs ?? []), ...(node.prepares ?? [])];
  if (named.some((other) => plan.nodes[other] === undefined)) return 'needs one that is not there';
  if (named.includes(index)) return 'needs itself';
  if (node.executor.kind !== 'steps') return undefined;
  const inside = shapeProblem(node.executor.plan);
  return inside === undefined ? undefined : `has steps that cannot be walked: ${inside}`;
}

/** Every group leads to one that is in none, in fewer steps than there are groups. */
function groupInItself({ groups }: Plan): string | undefined {
  const sound = new Set<number>([-1]);
  for (const [index, group] of groups.entries()) {
    const way: number[] = [];
    for (let at = index; !sound.has(at); at = groups[at]?.parent ?? at) {
      if (groups[at] === undefined || way.length > groups.length)
        return `group ${JSON.stringify(group.id)}`;
      way.push(at);
    }
    for (const each of way) sound.add(each);
  }
  return undefined;
}

/** Takes away what needs nothing that is left, until nothing is; only `needs` are looked at, by which most plans hang together. */
function nodeBeforeItself({ nodes }: Plan): string | undefined {
  const waits = nodes.map(({ needs = [] }) => needs.length);
  const dependents = nodes.map((): number[] => []);
  for (const [index, { needs = [] }] of nodes.entries())
    for (const other of needs) dependents[other]?.push(index);
  const free = [...waits.keys()].filter((index) => waits[index] === 0);
  let taken = 0;
  for (let next = free.pop(); next !== undefined; next = free.pop()) {
    taken += 1;
    for (const other of dependents[next] ?? []) {
      const left = (waits[other] ?? 0) - 1;
      waits[other] = left;
      if (left === 0) free.push(other);
    }
  }
  if (taken === nodes.length) return undefined;
  return `node ${JSON.stringify(nodes.find((_, index) => (waits[index] ?? 0) > 0)?.id)}`;
}
