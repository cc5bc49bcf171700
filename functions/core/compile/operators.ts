// The dialect of data production lines: operators with environments, nodes that run them. Its names keep the user's spelling
// as labels; unknown keys are warnings, as the systems it comes from ignore them.

import { message, part } from '#core/messages.ts';
import { operatorsNode, operatorsPipeline } from '#schemas/dialect-operators.ts';
import { limits } from '#schemas/limits.ts';
import type { PlanNode } from '#schemas/plan.ts';
import { cycles } from './cycles.ts';
import type { Binding, Draft, Reading } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { freshId } from './ids.ts';
import { listed } from './nearest.ts';
import { OperatorTable } from './operator.ts';
import { checkFallbacks, placesOf, startOf } from './operators-failure.ts';
import { Names, SAID } from './operators-names.ts';
import { type Line, type OperatorRead, operator } from './operators-operator.ts';
import { resource } from './operators-resource.ts';
import { settings, storeOf } from './operators-settings.ts';
import { nodePlaces, priorityOf } from './parts.ts';
import { list, type MapPlace, mapping, number, present, required, text } from './read.ts';
import { innerPlan } from './step.ts';
import { member, type Place } from './tree.ts';

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
  const around = settings(findings, map);
  const table = new OperatorTable();
  const store = storeOf(map);
  const { operators, nameless } = readOperators(findings, map, { table, store });
  const named = new Names(findings, operators, nameless);
  const nodes = readNodes(findings, map, named);
  checkUse(findings, named, nodes);
  checkUpstream(findings, named);
  checkFallbacks(findings, operators, homesOf(nodes));
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
    scheduling: around.scheduling,
    settings: around,
  };
}

interface OperatorsRead {
  readonly operators: ReadonlyMap<string, OperatorRead>;
  /** Whether there are some whose id could not be read. */
  readonly nameless: boolean;
}

function readOperators(findings: Findings, map: MapPlace, line: Line): OperatorsRead {
  const found = new Map<string, OperatorRead>();
  let nameless = false;
  for (const place of list(findings, required(findings, map, 'operators', 'a list of operators')) ??
    []) {
    const read = operator(findings, place, line);
    nameless ||= read === undefined;
    if (read === undefined) continue;
    if (found.has(read.spelling)) {
      const key = member(place, 'operator_id') ?? place;
      findings.error(message('duplicate_id', 'operator', { id: read.spelling }), key);
    } else found.set(read.spelling, read);
  }
  return { operators: found, nameless };
}

interface NodeRead {
  readonly place: MapPlace;
  readonly spelling: string;
  readonly runs: readonly { readonly operator: OperatorRead; readonly place: Place }[];
  /** Whether all that it runs could be read. */
  readonly whole: boolean;
  readonly runners: number;
  readonly resources: PlanNode['resources'];
  readonly priority: number | undefined;
}

function readNodes(findings: Findings, map: MapPlace, operators: Names): readonly NodeRead[] {
  const taken = new Set<string>();
  return nodePlaces(findings, map).flatMap((at) => {
    const node = readNode(findings, at, operators);
    if (node === undefined) return [];
    const id = node.spelling;
    if (taken.has(id))
      findings.error(message('duplicate_id', 'node', { id }), member(at, 'node_id') ?? at);
    taken.add(id);
    // One that is wrong in itself runs what it names all the same: of its operators nothing more is said.
    return [node];
  });
}

function readNode(findings: Findings, place: Place, operators: Names): NodeRead | undefined {
  const map = mapping(findings, place, NODE_KEYS, 'warn');
  if (map === undefined) return undefined;
  const spelling =
    text(findings, required(findings, map, 'node_id', 'an id of the node')) ?? subjectOf(map);
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
    const found = operators.known(at);
    return found === undefined ? [] : [{ operator: found, place: at }];
  });
  const runners = number(findings, present(map, 'runner_count'), { from: 1, whole: true }) ?? 1;
  const resources = resource(findings, present(map, 'resource'));
  const priority = priorityOf(findings, present(map, 'priority'));
  const whole = ids?.tree.kind === 'list';
  const node = { place: map, spelling, runs, whole, runners, resources, priority };
  checkNeeds(findings, node);
  return node;
}

const GIB = 1024 ** 3;

/** What an operator needs more than its node may use it will never get. */
function checkNeeds(findings: Findings, { spelling: node, runs, resources }: NodeRead): void {
  for (const { operator: read, place } of runs) {
    for (const resource of ['cpu', 'memory', 'gpu'] as const) {
      const wanted = read.need[resource];
      const bound =
        resources?.limits?.[resource] ?? (resource === 'gpu' ? resources?.gpu : undefined);
      const most = resource === 'memory' && bound !== undefined ? bound / GIB : bound;
      if (wanted === undefined || most === undefined || wanted <= most) continue;
      const filling = { operator: read.spelling, resource, node, wanted, most };
      findings.error(message('wrong_value', 'need', filling), place);
    }
  }
}

function homesOf(nodes: readonly NodeRead[]): ReadonlyMap<string, string> {
  return new Map(
    nodes.flatMap(({ spelling, runs }) =>
      runs.map((run): [string, string] => [run.operator.spelling, spelling]),
    ),
  );
}

/** Each operator runs in exactly one node. */
function checkUse(
  findings: Findings,
  { operators, meant }: Names,
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
  // Where there are no nodes, or one whose operators could not be read, that is what is wrong.
  if (nodes.length === 0 || nodes.some(({ whole }) => !whole)) return;
  const unused = [...operators.values()].filter(
    ({ spelling }) => !used.has(spelling) && !meant.has(spelling),
  );
  const [first] = unused;
  if (first !== undefined && unused.length > SAID) {
    const names = listed(unused.map(({ spelling }) => spelling));
    findings.error(message('unknown_operator', 'unused_many', { names }), first.place);
    return;
  }
  for (const { spelling: name, place } of unused)
    findings.error(message('unknown_operator', 'unused', { name }), place);
}

/** Whether all that operators wait for is there, and none waits for itself. */
function checkUpstream(findings: Findings, named: Names): void {
  const all = [...named.operators.values()];
  const index = new Map(all.map(({ spelling }, at) => [spelling, at]));
  for (const { upstream } of all) {
    for (const { place } of upstream) named.known(place);
  }
  const edges = all.map(({ upstream }) => upstream.flatMap(({ name }) => index.get(name) ?? []));
  for (const cycle of cycles(edges)) {
    const chain = cycle.map((at) => all[at]?.spelling ?? '').join(' → ');
    const [first = 0, next = 0] = cycle;
    const place = all[first]?.upstream.find(({ name }) => index.get(name) === next)?.place;
    const said =
      first === next
        ? message('cycle', 'operator', { operator: all[first]?.spelling ?? '' })
        : message('cycle', 'operators', { chain });
    findings.error(said, place);
  }
}

function drafts(nodes: readonly NodeRead[]): readonly Draft[] {
  const taken = new Set<string>();
  const ids = new Map(nodes.map(({ spelling }) => [spelling, freshId(spelling, taken)]));
  const home = homesOf(nodes);
  const fallbacks = nodeFallbacks(nodes, home, ids);
  const goOn = thoseThatGoOn(nodes);
  return nodes.map((node) => {
    const id = ids.get(node.spelling) ?? node.spelling;
    const steps = stepsOf(node, goOn);
    const waits = needsOf(node, home, ids);
    const names = waits.map(({ name }) => name);
    const start = startOf(id, names, fallbacks);
    const made: PlanNode = {
      id,
      ...(id === node.spelling ? {} : { label: node.spelling }),
      group: 0,
      ...(start === undefined ? {} : { start }),
      ...(node.resources === undefined ? {} : { resources: node.resources }),
      ...(node.priority === undefined ? {} : { priority: node.priority }),
      // Where only some of them do, the attempt tells whether it was one of these.
      ...(node.runs.every(({ operator: read }) => goOn.has(read.spelling))
        ? { failFast: false as const }
        : {}),
      executor: { kind: 'steps', plan: innerPlan(id, 'operators', steps, node.runners) },
    };
    return {
      place: node.place,
      node: made,
      needs: [...waits, ...placesTaken(node, { id, names, fallbacks })],
      conditions: [],
      bindings: node.runs.flatMap(({ operator: { bindings } }): readonly Binding[] => bindings),
      own: new Set<string>(),
      complete: true,
      spelled: id !== node.spelling,
      operators: [],
    };
  });
}

/** By id of a node that runs one operator: the one whose only operator takes its place when it fails. */
function nodeFallbacks(
  nodes: readonly NodeRead[],
  home: ReadonlyMap<string, string>,
  ids: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { spelling, runs } of nodes) {
    const then = runs[0]?.operator.onFailure;
    const other = then?.kind === 'fallback' ? home.get(then.name) : undefined;
    if (other === undefined || other === spelling) continue;
    found.set(ids.get(spelling) ?? spelling, ids.get(other) ?? other);
  }
  return found;
}

/** Nodes that its condition names besides those it waits for: none of them may wait for it. */
function placesTaken(
  { place }: NodeRead,
  node: {
    readonly id: string;
    readonly names: readonly string[];
    readonly fallbacks: ReadonlyMap<string, string>;
  },
): Draft['needs'] {
  const { id, names, fallbacks } = node;
  const failing = [...fallbacks].flatMap(([from, to]) => (to === id ? [from] : []));
  const instead = names.flatMap((name) => placesOf(name, fallbacks).slice(1));
  const found = new Set([...failing, ...instead].filter((name) => !names.includes(name)));
  return [...found].map((name) => ({ name, place }));
}

/** The operators of a node as steps; those of the same node that one waits for become its needs, or its condition where one has a fallback. */
function stepsOf(node: NodeRead, goOn: ReadonlySet<string>): readonly PlanNode[] {
  const taken = new Set<string>();
  const ids = new Map(
    node.runs.map(({ operator: { spelling } }) => [spelling, freshId(spelling, taken)]),
  );
  const index = new Map([...ids.values()].map((id, at) => [id, at]));
  const fallbacks = fallbacksOf(node, ids);
  return node.runs.map(({ operator: read }) => {
    const id = ids.get(read.spelling) ?? read.spelling;
    const waits = [...new Set(read.upstream.flatMap(({ name }) => ids.get(name) ?? []))];
    const start = startOf(id, waits, fallbacks);
    const needs = waits.flatMap((need) => index.get(need) ?? []).sort((a, b) => a - b);
    return {
      id,
      ...(id === read.spelling ? {} : { label: read.spelling }),
      ...read.step,
      ...(goOn.has(read.spelling) ? { failFast: false as const } : {}),
      ...(start === undefined ? (needs.length === 0 ? {} : { needs }) : { start }),
    };
  });
}

/** Operators whose failure lets the others go on; where one has a fallback, what the last of these says counts. */
function thoseThatGoOn(nodes: readonly NodeRead[]): ReadonlySet<string> {
  const all = nodes.flatMap(({ runs }) => runs.map(({ operator: read }) => read));
  const after = new Map(all.map(({ spelling, onFailure: then }) => [spelling, then]));
  const goesOn = (spelling: string): boolean => {
    const seen = new Set([spelling]);
    for (const each of seen) {
      const then = after.get(each);
      if (then?.kind === 'fallback') seen.add(then.name);
      else return then?.kind === 'continue';
    }
    return false;
  };
  return new Set(all.flatMap(({ spelling }) => (goesOn(spelling) ? [spelling] : [])));
}

/** By id of a step: the one that takes its place when it fails. */
function fallbacksOf(
  node: NodeRead,
  ids: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { operator: read } of node.runs) {
    const then = read.onFailure;
    const own = ids.get(read.spelling);
    const other = then?.kind === 'fallback' ? ids.get(then.name) : undefined;
    if (own !== undefined && other !== undefined) found.set(own, other);
  }
  return found;
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
