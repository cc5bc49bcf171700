// One node of the native dialect.

import { parseTemplate } from '#core/expression/parse.ts';
import { message, part } from '#core/messages.ts';
import { EXECUTORS_TO_COME, nodesNode } from '#schemas/dialect-nodes.ts';
import { limits } from '#schemas/limits.ts';
import type { Executor, PlanNode } from '#schemas/plan.ts';
import { approvalNode } from './approval.ts';
import { cacheOf, checkCache } from './cache.ts';
import type { Binding, ConditionText, ConditionUse, Draft, PipelineUse } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { functionNode } from './function.ts';
import { id, writtenId } from './ids.ts';
import type { OperatorTable } from './operator.ts';
import { priorityOf, resources, retry, variables } from './parts.ts';
import { pipelineNode } from './pipeline-node.ts';
import {
  anyMapping,
  duration,
  entriesOf,
  list,
  type MapPlace,
  mapping,
  number,
  required,
  text,
  toJson,
  wrongType,
} from './read.ts';
import { sqlNode } from './sql.ts';
import { innerPlan, type StepsRead, steps } from './step.ts';
import { bindingsIn, conditionText, hasBraces } from './texts.ts';
import { items, member, type Place } from './tree.ts';

const EXECUTORS = ['steps', 'sql', 'approval', 'pipeline', 'function'] as const;
const LATER: readonly string[] = EXECUTORS_TO_COME;
const NODE_KEYS: readonly string[] = [...Object.keys(nodesNode.shape), ...LATER];
const NO_NAMES: ReadonlySet<string> = new Set();
const CONDITIONS: readonly ConditionUse[] = ['startWhen', 'stopWhen', 'skipWhen'];

/** A node, or undefined when it is no mapping. */
export function node(findings: Findings, place: Place, table: OperatorTable): Draft | undefined {
  const map = mapping(findings, place, NODE_KEYS);
  if (map === undefined) return undefined;
  const idPlace = required(findings, map, 'id', 'an id');
  const own = id(findings, idPlace) ?? writtenId(idPlace) ?? `node ${place.key}`;
  const conditions = CONDITIONS.flatMap((use) => condition(findings, map, use));
  const element = member(map, 'forEach') !== undefined;
  const work = executor(findings, map, { id: own, table, element });
  const inputs = ownInputs(findings, map);
  const again = cacheOf(findings, map, { executor: work.executor, element });
  const bindings = [
    ...nodeBindings(findings, map, element),
    ...work.read.bindings,
    ...again.bindings,
  ];
  checkCache(findings, map, again.cache, bindings);
  const needs = needsOf(findings, map, conditions);
  const settings = scheduling(findings, map);
  const label = text(findings, member(map, 'name'));
  const made: PlanNode = {
    id: own,
    ...(label === undefined ? {} : { label }),
    group: 0,
    ...textsOf(conditions),
    ...(inputs === undefined ? {} : { inputs }),
    ...settings,
    ...(again.cache === undefined ? {} : { cache: again.cache }),
    executor: work.executor,
  };
  return {
    place: map,
    node: made,
    needs,
    conditions,
    bindings,
    own: inputs === undefined ? NO_NAMES : new Set(Object.keys(inputs)),
    complete: LATER.every((key) => member(map, key) === undefined),
    spelled: false,
    operators: work.read.operators,
    ...(work.use === undefined ? {} : { use: work.use }),
  };
}

function textsOf(conditions: readonly ConditionText[]): Partial<PlanNode> {
  const texts: Partial<PlanNode> = {};
  for (const { use, place } of conditions) {
    const value = `${place.tree.value}`.trim();
    if (use === 'startWhen') texts.start = value;
    else if (use === 'stopWhen') texts.stop = value;
    else texts.skip = value;
  }
  return texts;
}

function condition(findings: Findings, map: MapPlace, use: ConditionUse): readonly ConditionText[] {
  const place = member(map, use);
  if (place === undefined) return [];
  if (place.tree.kind === 'scalar' && typeof place.tree.value === 'boolean') {
    const subject = subjectOf(place);
    const said = place.tree.value
      ? message('constant_condition', 'boolean_true', { subject })
      : message('constant_condition', 'boolean_false', { subject });
    findings.error(said, place);
    return [];
  }
  if (text(findings, place) === undefined) return [];
  const read = conditionText(findings, place, use);
  return read === undefined ? [] : [read];
}

/** Names under `needs`; one alone may stand without a list. */
function needsOf(
  findings: Findings,
  map: MapPlace,
  conditions: readonly ConditionText[],
): Draft['needs'] {
  const place = member(map, 'needs');
  if (place === undefined) return [];
  const start = conditions.find((candidate) => candidate.use === 'startWhen');
  const places = place.tree.kind === 'scalar' ? [place] : (list(findings, place) ?? []);
  const names = places.flatMap((at) => {
    const name = text(findings, at);
    return name === undefined ? [] : [{ name: name.normalize('NFC'), place: at }];
  });
  if (member(map, 'startWhen') !== undefined) {
    const events = names.map(({ name }) => `event:${name}.completed`);
    const old = start === undefined ? [] : [`${start.place.tree.value}`];
    findings.error(message('needs_and_start', 'both', { subject: subjectOf(map) }), place, {
      suggestion: `startWhen: ${[...events, ...old.map((one) => (one.includes('||') ? `(${one})` : one))].join(' && ')}`,
    });
  }
  return names;
}

function ownInputs(findings: Findings, map: MapPlace): PlanNode['inputs'] {
  const inputs = anyMapping(findings, member(map, 'inputs'));
  if (inputs === undefined) return undefined;
  const made: NonNullable<PlanNode['inputs']> = {};
  for (const entry of entriesOf(inputs)) {
    const name = `${entry.key}`;
    const why = inputName(name);
    if (why === undefined) made[name] = toJson(entry.tree);
    else {
      const filling = { subject: subjectOf(inputs), name, why };
      findings.error(message('bad_id', 'node_input', filling), inputs, { key: name });
    }
  }
  return made;
}

/** What is wrong with the name of an input, which is a bare name in expressions. */
export function inputName(name: string): string | undefined {
  if (!/^[\p{L}_][\p{L}\p{M}\p{Nd}_]*$/u.test(name)) return part('input_letters');
  if (name.length > limits.idLength) return part('input_length', { most: limits.idLength });
  const words = ['pipeline', 'system', 'secret', 'item', 'index', 'true', 'false', 'null'];
  return words.includes(name) ? part('input_word') : undefined;
}

function nodeBindings(findings: Findings, map: MapPlace, element: boolean): readonly Binding[] {
  const found: Binding[] = [];
  const env = member(map, 'env');
  const inputs = member(map, 'inputs');
  const forEach = member(map, 'forEach');
  if (inputs !== undefined) {
    found.push(...bindingsIn(findings, inputs, { secrets: false, own: false, element }));
  }
  if (env !== undefined)
    found.push(...bindingsIn(findings, env, { secrets: true, own: true, element }));
  if (forEach !== undefined) {
    found.push(...bindingsIn(findings, forEach, { secrets: false, own: false, element: false }));
  }
  return found;
}

function scheduling(findings: Findings, map: MapPlace): Partial<PlanNode> {
  const env = variables(findings, member(map, 'env'));
  const each = forEach(findings, member(map, 'forEach'));
  const most = number(findings, member(map, 'maxParallel'), { from: 1, whole: true });
  const again = retry(findings, member(map, 'retry'));
  const asked = resources(findings, member(map, 'resources'));
  const priority = priorityOf(findings, member(map, 'priority'));
  const timeout = duration(findings, member(map, 'timeout'));
  const grace = duration(findings, member(map, 'grace'));
  if (most !== undefined && member(map, 'forEach') === undefined) {
    findings.warn(message('wrong_value', 'max_parallel', { subject: subjectOf(map) }), map, {
      key: 'maxParallel',
    });
  }
  return {
    ...(env === undefined ? {} : { env }),
    ...(each === undefined ? {} : { forEach: each }),
    ...(most === undefined ? {} : { maxParallel: most }),
    ...(again === undefined ? {} : { retry: again }),
    ...(asked === undefined ? {} : { resources: asked }),
    ...(priority === undefined ? {} : { priority }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(grace === undefined ? {} : { grace }),
  };
}

/** A list, or a text that is one `{{ }}` and nothing else. */
function forEach(findings: Findings, place: Place | undefined): PlanNode['forEach'] {
  if (place === undefined) return undefined;
  const { tree } = place;
  const wanted = 'a list, or one {{ expression }} that gives a list';
  if (tree.kind === 'map') {
    wrongType(findings, place, wanted);
    return undefined;
  }
  if (tree.kind === 'list') {
    if (tree.items.length > limits.instances) {
      const count = tree.items.length;
      const filling = { subject: subjectOf(place), count, most: limits.instances };
      findings.error(message('too_many', 'elements', filling), place);
      return undefined;
    }
    return items(place).map((item) => toJson(item.tree));
  }
  if (tree.broken === true) return undefined;
  if (!hasBraces(tree)) {
    wrongType(findings, place, wanted);
    return undefined;
  }
  // What does not parse is said with the other bindings.
  const parsed = parseTemplate(`${tree.kind === 'scalar' ? tree.value : ''}`);
  if (parsed.ok && (parsed.value.parts.length !== 1 || typeof parsed.value.parts[0] === 'string')) {
    findings.error(
      message('wrong_value', 'for_each_text', { subject: subjectOf(place), wanted }),
      place,
    );
  }
  return toJson(tree);
}

interface Work {
  readonly id: string;
  readonly table: OperatorTable;
  readonly element: boolean;
}

const NO_STEPS: StepsRead = { steps: [], bindings: [], operators: [] };

function executor(
  findings: Findings,
  map: MapPlace,
  work: Work,
): { executor: Executor; read: StepsRead; use?: PipelineUse | undefined } {
  const named = [...EXECUTORS, ...EXECUTORS_TO_COME].filter(
    (key) => member(map, key) !== undefined,
  );
  if (named.length > 1) {
    const filling = { subject: subjectOf(map), keys: named.join(' and ') };
    findings.error(message('several_executors', 'keys', filling), map, { key: named[1] });
  }
  for (const key of LATER) {
    if (member(map, key) === undefined) continue;
    const known = `${EXECUTORS.join(', ')}, and nodes without an executor`;
    const filling = { subject: subjectOf(map), key, known };
    findings.error(message('executor_missing', 'key', filling), map, { key });
  }
  const handler = member(map, 'function');
  if (handler !== undefined) {
    const { executor: run, bindings } = functionNode(findings, map, handler, work.element);
    return { executor: run, read: { ...NO_STEPS, bindings } };
  }
  const pipeline = member(map, 'pipeline');
  if (pipeline !== undefined) {
    const { executor: run, bindings, use } = pipelineNode(findings, pipeline, work.element);
    return { executor: run, read: { ...NO_STEPS, bindings }, use };
  }
  const sql = member(map, 'sql');
  if (sql !== undefined) {
    const read = sqlNode(findings, sql, work.element);
    return { executor: { kind: 'steps', plan: innerPlan(work.id, 'nodes', read.steps) }, read };
  }
  const approval = member(map, 'approval');
  if (approval !== undefined) {
    const { executor: wait, bindings } = approvalNode(findings, map, approval, work.element);
    return { executor: wait, read: { ...NO_STEPS, bindings } };
  }
  const place = member(map, 'steps');
  if (place === undefined) return { executor: { kind: 'join' }, read: NO_STEPS };
  const read = steps(findings, place, work.table, work.element);
  return { executor: { kind: 'steps', plan: innerPlan(work.id, 'nodes', read.steps) }, read };
}
