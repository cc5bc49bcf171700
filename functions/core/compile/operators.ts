// The dialect of data production lines: operators with environments, nodes that run them. Its names keep the user's spelling
// as labels; unknown keys are warnings, as the systems it comes from ignore them.

import { hint, message, nearHint, part } from '#core/messages.ts';
import { operatorsNode, operatorsPipeline } from '#schemas/dialect-operators.ts';
import { limits } from '#schemas/limits.ts';
import type { PlanNode } from '#schemas/plan.ts';
import { cycles } from './cycles.ts';
import type { Binding, Draft, Reading } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { freshId } from './ids.ts';
import { listed, nearest } from './nearest.ts';
import { OperatorTable } from './operator.ts';
import { type OperatorRead, operator } from './operators-operator.ts';
import { resource } from './operators-resource.ts';
import { nodePlaces } from './parts.ts';
import { anyMapping, list, type MapPlace, mapping, number, required, text } from './read.ts';
import { innerPlan } from './step.ts';
import { isNothing, member, type Place } from './tree.ts';

const KEYS = Object.keys(operatorsPipeline.shape);
const NODE_KEYS = Object.keys(operatorsNode.shape);

/** What a file of the dialect says. */
export function operatorsDialect(findings: Findings, root: Place): Reading | undefined {
  const map = mapping(findings, root, KEYS, 'warn');
  if (map === undefined) return undefined;
  const wanted = 'an id of the pipeline';
  const id = text(findings, required(findings, map, 'pipeline_id', wanted)) ?? 'pipeline';
  const name = text(findings, present(map, 'name'));
  const description = text(findings, present(map, 'description'));
  for (const key of ['s3_config', 'log_config']) anyMapping(findings, present(map, key));
  const table = new OperatorTable();
  const operators = readOperators(findings, map, table);
  const nodes = readNodes(findings, map, operators);
  checkUse(findings, operators, nodes);
  checkUpstream(findings, operators);
  return {
    id,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    inputs: {},
    group: { id, kind: 'pipeline', parent: -1, failFast: true },
    bindings: [],
    drafts: drafts(nodes),
    operators: table.list,
    preparesFirst: true,
  };
}

/** A value that is there and not null, which this dialect takes for absent. */
function present(map: MapPlace, key: string): Place | undefined {
  const place = member(map, key);
  return place === undefined || isNothing(place.tree) ? undefined : place;
}

function readOperators(
  findings: Findings,
  map: MapPlace,
  table: OperatorTable,
): ReadonlyMap<string, OperatorRead> {
  const found = new Map<string, OperatorRead>();
  for (const place of list(findings, required(findings, map, 'operators', 'a list of operators')) ??
    []) {
    const read = operator(findings, place, table);
    if (read === undefined) continue;
    if (found.has(read.spelling)) {
      const key = member(place, 'operator_id') ?? place;
      findings.error(message('duplicate_id', 'operator', { id: read.spelling }), key);
    } else found.set(read.spelling, read);
  }
  return found;
}

interface NodeRead {
  readonly place: MapPlace;
  readonly spelling: string;
  readonly runs: readonly { readonly operator: OperatorRead; readonly place: Place }[];
  readonly runners: number;
  readonly resources: PlanNode['resources'];
}

function readNodes(
  findings: Findings,
  map: MapPlace,
  operators: ReadonlyMap<string, OperatorRead>,
): readonly NodeRead[] {
  const taken = new Set<string>();
  return nodePlaces(findings, map).flatMap((at) => {
    const node = readNode(findings, at, operators);
    if (node === undefined) return [];
    if (!taken.has(node.spelling)) {
      taken.add(node.spelling);
      return [node];
    }
    const said = message('duplicate_id', 'node', { id: node.spelling });
    findings.error(said, member(at, 'node_id') ?? at);
    return [];
  });
}

function readNode(
  findings: Findings,
  place: Place,
  operators: ReadonlyMap<string, OperatorRead>,
): NodeRead | undefined {
  const map = mapping(findings, place, NODE_KEYS, 'warn');
  if (map === undefined) return undefined;
  const spelling = text(findings, required(findings, map, 'node_id', 'an id of the node'));
  const ids = required(findings, map, 'operator_ids', 'a list of operators');
  const places = list(findings, ids) ?? [];
  if (ids?.tree.kind === 'list' && places.length === 0) {
    findings.error(message('empty_value', 'operators', { subject: subjectOf(ids) }), ids);
  }
  if (places.length > limits.nodeSteps) {
    const [count, most] = [places.length, limits.nodeSteps];
    const filling = { subject: subjectOf(ids ?? map), count, most };
    findings.error(message('too_many', 'operators', filling), ids);
  }
  const runs = places.slice(0, limits.nodeSteps).flatMap((at) => {
    const found = known(findings, at, operators);
    return found === undefined ? [] : [{ operator: found, place: at }];
  });
  const runners = number(findings, present(map, 'runner_count'), { from: 1, whole: true }) ?? 1;
  const resources = resource(findings, present(map, 'resource'));
  return spelling === undefined ? undefined : { place: map, spelling, runs, runners, resources };
}

/** The operator that a text names. */
function known(
  findings: Findings,
  place: Place,
  operators: ReadonlyMap<string, OperatorRead>,
): OperatorRead | undefined {
  const name = text(findings, place);
  const found = name === undefined ? undefined : operators.get(name);
  if (name === undefined || found !== undefined) return found;
  const near = nearest(name, operators.keys());
  const said = message('unknown_operator', 'names', {
    subject: subjectOf(place),
    name,
    hint: nearHint(near, () => hint('has', { known: listed([...operators.keys()]) })),
  });
  findings.error(said, place, { suggestion: near });
  return undefined;
}

/** Each operator runs in exactly one node. */
function checkUse(
  findings: Findings,
  operators: ReadonlyMap<string, OperatorRead>,
  nodes: readonly NodeRead[],
): void {
  const used = new Map<string, string>();
  for (const { spelling: node, runs } of nodes) {
    for (const {
      operator: { spelling },
      place,
    } of runs) {
      const other = used.get(spelling);
      used.set(spelling, node);
      if (other === undefined) continue;
      const said =
        other === node
          ? message('duplicate_id', 'runs_twice', { operator: spelling, node })
          : message('duplicate_id', 'runs_in_two', { operator: spelling, other, node });
      findings.error(said, place);
    }
  }
  for (const { spelling, place } of operators.values()) {
    if (used.has(spelling)) continue;
    findings.warn(message('unknown_operator', 'unused', { name: spelling }), place);
  }
}

/** Whether all that operators wait for is there, and none waits for itself. */
function checkUpstream(findings: Findings, operators: ReadonlyMap<string, OperatorRead>): void {
  const all = [...operators.values()];
  const index = new Map(all.map(({ spelling }, at) => [spelling, at]));
  for (const { upstream } of all) {
    for (const { place } of upstream) known(findings, place, operators);
  }
  const edges = all.map(({ upstream }) => upstream.flatMap(({ name }) => index.get(name) ?? []));
  for (const cycle of cycles(edges)) {
    const chain = cycle.map((at) => all[at]?.spelling ?? '').join(' → ');
    const place = all[cycle[0] ?? 0]?.upstream[0]?.place;
    findings.error(message('cycle', 'operators', { chain }), place);
  }
}

function drafts(nodes: readonly NodeRead[]): readonly Draft[] {
  const taken = new Set<string>();
  const ids = new Map(nodes.map(({ spelling }) => [spelling, freshId(spelling, taken)]));
  const home = new Map<string, string>();
  for (const { spelling, runs } of nodes) {
    for (const run of runs) home.set(run.operator.spelling, spelling);
  }
  return nodes.map((node) => {
    const id = ids.get(node.spelling) ?? node.spelling;
    const steps = stepsOf(node);
    const made: PlanNode = {
      id,
      ...(id === node.spelling ? {} : { label: node.spelling }),
      group: 0,
      ...(node.resources === undefined ? {} : { resources: node.resources }),
      executor: { kind: 'steps', plan: innerPlan(id, 'operators', steps, node.runners) },
    };
    return {
      place: node.place,
      node: made,
      needs: needsOf(node, home, ids),
      conditions: [],
      bindings: node.runs.flatMap(({ operator: { bindings } }): readonly Binding[] => bindings),
      own: new Set<string>(),
      complete: true,
      spelled: id !== node.spelling,
      operators: [],
    };
  });
}

/** The operators of a node as steps; those of the same node that one waits for become its needs. */
function stepsOf(node: NodeRead): readonly PlanNode[] {
  const taken = new Set<string>();
  const index = new Map(node.runs.map(({ operator: { spelling } }, at) => [spelling, at]));
  return node.runs.map(({ operator: read }) => {
    const id = freshId(read.spelling, taken);
    const needs = [...new Set(read.upstream.flatMap(({ name }) => index.get(name) ?? []))];
    return {
      id,
      ...(id === read.spelling ? {} : { label: read.spelling }),
      ...read.step,
      ...(needs.length === 0 ? {} : { needs: needs.sort((a, b) => a - b) }),
    };
  });
}

/** Operators of other nodes that those of this one wait for, as needs of the node. */
function needsOf(
  node: NodeRead,
  home: ReadonlyMap<string, string>,
  ids: ReadonlyMap<string, string>,
): Draft['needs'] {
  const needs = new Map<string, Draft['needs'][number]>();
  for (const {
    operator: { spelling, upstream },
  } of node.runs) {
    for (const { name, place } of upstream) {
      const other = home.get(name);
      const id = other === undefined || other === node.spelling ? undefined : ids.get(other);
      if (id === undefined || needs.has(id)) continue;
      const pair = { operator: spelling, node: node.spelling };
      const because = part('waits', { ...pair, other: name, home: `${other}` });
      needs.set(id, { name: id, place, because });
    }
  }
  return [...needs.values()];
}
