// From what was read to the plan: names become indexes, and operators become nodes that prepare them.
import { FORMAT, LANGUAGE } from '#schemas/ids.ts';
import type { Dialect, Plan, PlanNode } from '#schemas/plan.ts';
import type { Draft, PlanOperator, Reading } from './draft.ts';

/** The plan. Only when nothing was wrong: every name is known. */
export function assemble(reading: Reading, dialect: Dialect): Plan {
  const index = new Map(reading.drafts.map((draft, at) => [draft.node.id, at]));
  const first = reading.drafts.length;
  const all = reading.operators.map((_, at) => first + at);
  const nodes = reading.drafts.map((draft) =>
    finished(draft, index, reading.preparesFirst ? all : draft.operators.map((at) => first + at)),
  );
  const { version, name, description, operators } = reading;
  return {
    v: FORMAT,
    language: LANGUAGE,
    dialect,
    id: reading.id,
    ...(version === undefined ? {} : { version }),
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    inputs: reading.inputs,
    ...(reading.outputs === undefined ? {} : { outputs: reading.outputs.values }),
    ...schedulingOf(reading),
    groups:
      operators.length === 0
        ? [reading.group]
        : [reading.group, { id: '@prepare', kind: 'prepare', parent: 0, failFast: false }],
    nodes: [...nodes, ...operators.map(prepareNode)],
  };
}

/** The usual one is not said. */
function schedulingOf({ scheduling }: Reading): Pick<Plan, 'scheduling'> {
  return scheduling === undefined || scheduling === 'topological' ? {} : { scheduling };
}

function finished(
  draft: Draft,
  index: ReadonlyMap<string, number>,
  prepares: readonly number[],
): PlanNode {
  const needs = new Set(draft.needs.flatMap(({ name }) => index.get(name) ?? []));
  return {
    ...draft.node,
    ...(needs.size === 0 || draft.node.start !== undefined
      ? {}
      : { needs: [...needs].sort((a, b) => a - b) }),
    ...(prepares.length === 0 ? {} : { prepares: [...prepares] }),
  };
}

/** Fetches the code and builds the environment; events and wildcards do not see it. */
function prepareNode(operator: PlanOperator): PlanNode {
  return {
    id: `@${operator.name}`,
    ...(operator.label === undefined ? {} : { label: operator.label }),
    group: 1,
    executor: { kind: 'prepare', operator: operator.source, environment: operator.environment },
  };
}
