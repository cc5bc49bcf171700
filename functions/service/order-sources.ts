// Which commits a node's operators are. On one machine a run begins with all of them; where nobody could look before it began, it is
// what was found when an operator was prepared.
import { limits } from '#schemas/limits.ts';
import type { OperatorSource, PlanNode } from '#schemas/plan.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { RunStart } from '#schemas/run-start.ts';
import { attemptOf } from './bulk.ts';
import { attemptKey } from './keys.ts';
import type { Held, RunMemory } from './service.ts';

export type Prepared = NonNullable<AttemptReport['prepared']>;
type Sources = RunStart['sources'];

/** What was found is found for good: the nodes that use an operator start when it has been prepared. */
const remembered = new WeakMap<RunMemory, Map<string, Prepared>>();

/** `<git>#<tag>` → what this run uses, for every operator of the node that is known by now. Costs nothing where the run knows all. */
export async function sourcesOf(held: Held, node: PlanNode): Promise<Sources> {
  const known = held.memory.start.sources;
  const found: [string, Sources[string]][] = [];
  for (const operator of operatorsOf(node)) {
    if (!('git' in operator) || known[sourceKey(operator)] !== undefined) continue;
    const commit = (await preparedOf(held, node, operator))?.commit;
    if (commit !== undefined) found.push([sourceKey(operator), { commit }]);
  }
  return found.length === 0 ? known : { ...known, ...Object.fromEntries(found) };
}

/** What was found when the operator was prepared, which has ended before the node starts. */
export async function preparedOf(
  { service, ref, memory }: Held,
  node: PlanNode,
  operator: OperatorSource,
): Promise<Prepared | undefined> {
  const wanted = nameOf(operator);
  const known = remembered.get(memory) ?? new Map<string, Prepared>();
  remembered.set(memory, known);
  for (const index of node.prepares ?? []) {
    const prepare = memory.linked.plan.nodes[index];
    if (prepare?.executor.kind !== 'prepare' || nameOf(prepare.executor.operator) !== wanted)
      continue;
    const before = known.get(prepare.id);
    if (before !== undefined) return before;
    for (let attempt = 1; attempt <= limits.interruptions + 1; attempt += 1) {
      const item = await service.table.get(attemptKey(ref, prepare.id, attempt));
      const prepared = item === undefined ? undefined : attemptOf(item).report?.prepared;
      if (prepared === undefined) continue;
      known.set(prepare.id, prepared);
      return prepared;
    }
  }
  return undefined;
}

function operatorsOf({ executor }: PlanNode): readonly OperatorSource[] {
  if (executor.kind !== 'steps') return [];
  return executor.plan.nodes.flatMap(({ executor: step }) =>
    step.kind === 'command' && step.operator !== undefined ? [step.operator] : [],
  );
}

const sourceKey = ({ git, tag }: { readonly git: string; readonly tag: string }): string =>
  `${git}#${tag}`;

const nameOf = (operator: OperatorSource): string =>
  'git' in operator ? sourceKey(operator) : `path ${operator.path}`;
