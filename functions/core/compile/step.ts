// Steps of the native dialect: the inner plan of a node.
import { message } from '#core/messages.ts';
import { nodesStep } from '#schemas/dialect-nodes.ts';
import { FORMAT, LANGUAGE } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Environment, OperatorSource, Plan, PlanNode } from '#schemas/plan.ts';
import type { Binding } from './draft.ts';
import { environment, needsOperator } from './environment.ts';
import { type Findings, subjectOf } from './findings.ts';
import { id } from './ids.ts';
import { type OperatorTable, operatorSource } from './operator.ts';
import { retry, variables } from './parts.ts';
import { duration, list, type MapPlace, mapping, required, text } from './read.ts';
import { safeInside } from './safe.ts';
import { bindingsIn } from './texts.ts';
import { member, type Place } from './tree.ts';

const STEP_KEYS = Object.keys(nodesStep.shape);

export interface StepsRead {
  readonly steps: readonly PlanNode[];
  readonly bindings: readonly Binding[];
  readonly operators: readonly number[];
}

/** The steps of a node, each after the one before it. */
export function steps(
  findings: Findings,
  place: Place,
  table: OperatorTable,
  element: boolean,
): StepsRead {
  const read = { steps: [] as PlanNode[], bindings: [] as Binding[], operators: new Set<number>() };
  const places = list(findings, place) ?? [];
  if (place.tree.kind === 'list' && places.length === 0) {
    findings.error(message('empty_value', 'steps', { subject: subjectOf(place) }), place);
  }
  if (places.length > limits.nodeSteps) {
    const [count, most] = [places.length, limits.nodeSteps];
    const said = message('too_many', 'steps', { subject: subjectOf(place), count, most });
    findings.error(said, place);
  }
  const taken = ownIds(findings, places.slice(0, limits.nodeSteps));
  for (const [index, at] of places.slice(0, limits.nodeSteps).entries()) {
    const map = mapping(findings, at, STEP_KEYS);
    if (map === undefined) continue;
    const step = oneStep(findings, map, table);
    const last = read.steps.length - 1;
    read.steps.push({
      ...step.node,
      id: taken[index] ?? `step_${index + 1}`,
      ...(last < 0 ? {} : { needs: [last] }),
    });
    if (step.operator !== undefined) read.operators.add(step.operator);
    for (const key of ['command', 'env'] as const) {
      const texts = member(map, key);
      if (texts === undefined) continue;
      read.bindings.push(...bindingsIn(findings, texts, { secrets: true, own: true, element }));
    }
  }
  return { ...read, operators: [...read.operators] };
}

/** The ids of the steps, those that have none called by their number. */
function ownIds(findings: Findings, places: readonly Place[]): readonly string[] {
  const seen = new Set<string>();
  const given = places.map((place) => {
    const own = member(place, 'id');
    const value = own === undefined ? undefined : id(findings, own);
    if (value === undefined || own === undefined) return undefined;
    if (seen.has(value)) {
      const said = message('duplicate_id', 'step', { subject: subjectOf(own), id: value });
      findings.error(said, own);
      return undefined;
    }
    seen.add(value);
    return value;
  });
  return given.map((value, index) => {
    if (value !== undefined) return value;
    let name = `step_${index + 1}`;
    while (seen.has(name)) name = `${name}_`;
    seen.add(name);
    return name;
  });
}

function oneStep(
  findings: Findings,
  map: MapPlace,
  table: OperatorTable,
): { node: Omit<PlanNode, 'id'>; operator: number | undefined } {
  const command = text(findings, required(findings, map, 'command', 'a shell command'));
  const operatorPlace = member(map, 'operator');
  const environmentPlace = member(map, 'environment');
  const source = operatorPlace === undefined ? undefined : operatorSource(findings, operatorPlace);
  const kind = environment(findings, environmentPlace);
  if (environmentPlace !== undefined && kind !== undefined) {
    needsOperator(findings, environmentPlace, kind, operatorPlace);
  }
  const label = text(findings, member(map, 'name'));
  const env = variables(findings, member(map, 'env'));
  const timeout = duration(findings, member(map, 'timeout'));
  const again = retry(findings, member(map, 'retry'));
  const cwd = folder(findings, member(map, 'cwd'));
  return {
    node: {
      ...(label === undefined ? {} : { label }),
      group: 0,
      ...(env === undefined ? {} : { env }),
      ...(again === undefined ? {} : { retry: again }),
      ...(timeout === undefined ? {} : { timeout }),
      executor: {
        kind: 'command',
        command: command ?? '',
        environment: kind ?? { kind: 'host' },
        ...(source === undefined ? {} : { operator: source }),
        ...(cwd === undefined ? {} : { cwd }),
      },
    },
    operator: tableIndex(table, source, kind, map),
  };
}

function tableIndex(
  table: OperatorTable,
  source: OperatorSource | undefined,
  kind: Environment | undefined,
  place: MapPlace,
): number | undefined {
  if (source === undefined || kind === undefined) return undefined;
  return table.add({ source, environment: kind, place });
}

function folder(findings: Findings, place: Place | undefined): string | undefined {
  const value = text(findings, place);
  if (value === undefined || place === undefined) return undefined;
  return safeInside(findings, place, value) ? value : undefined;
}

/** The plan of steps that one runner walks. */
export function innerPlan(
  id: string,
  dialect: Plan['dialect'],
  steps: readonly PlanNode[],
  maxParallel?: number,
): Plan {
  return {
    v: FORMAT,
    language: LANGUAGE,
    dialect,
    id,
    inputs: {},
    groups: [
      {
        id,
        kind: 'pipeline',
        parent: -1,
        failFast: true,
        ...(maxParallel === undefined ? {} : { maxParallel }),
      },
    ],
    nodes: [...steps],
  };
}
