// The native dialect: a pipeline of nodes with conditions.
import { message } from '#core/messages.ts';
import { nodesInput, nodesPipeline } from '#schemas/dialect-nodes.ts';
import { limits } from '#schemas/limits.ts';
import { type PlanGroup, type PlanInput, scheduling } from '#schemas/plan.ts';
import { type InputType, inputType, type Json } from '#schemas/values.ts';
import type { Draft, Reading } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { pipelineId } from './ids.ts';
import { inputName, node } from './node.ts';
import { OperatorTable } from './operator.ts';
import { nodePlaces, variables } from './parts.ts';
import {
  anyMapping,
  boolean,
  duration,
  entriesOf,
  type MapPlace,
  mapping,
  number,
  required,
  text,
  toJson,
  word,
  written,
  writtenText,
} from './read.ts';
import { bindingsIn } from './texts.ts';
import { member, type Place } from './tree.ts';
import { fitsType, nameOfType } from './types.ts';

const KEYS = Object.keys(nodesPipeline.shape);
const INPUT_KEYS = Object.keys(nodesInput.shape);

/** What a file of the native dialect says. */
export function nodesDialect(findings: Findings, root: Place): Reading | undefined {
  const map = mapping(findings, root, KEYS);
  if (map === undefined) return undefined;
  const id = pipelineId(findings, required(findings, map, 'id', 'an id of the pipeline'));
  const table = new OperatorTable();
  const drafts = nodes(findings, map, table);
  const env = member(map, 'env');
  const version = writtenText(findings, member(map, 'version'));
  const name = text(findings, member(map, 'name'));
  const description = text(findings, member(map, 'description'));
  return {
    id: id ?? 'pipeline',
    version,
    name,
    description,
    inputs: inputs(findings, member(map, 'inputs')),
    group: group(findings, map, id ?? 'pipeline'),
    bindings:
      env === undefined
        ? []
        : bindingsIn(findings, env, { secrets: true, own: false, element: false }),
    ...outputs(findings, member(map, 'outputs')),
    drafts,
    operators: table.list,
    preparesFirst: false,
    scheduling: word(findings, member(map, 'scheduling'), scheduling.options),
  };
}

/** What a run gives: asked when it has ended, so that any node may be named. */
function outputs(findings: Findings, place: Place | undefined): Pick<Reading, 'outputs'> {
  const map = anyMapping(findings, place);
  if (map === undefined) return {};
  const values: Record<string, Json> = {};
  for (const entry of entriesOf(map)) {
    const name = `${entry.key}`;
    const why = inputName(name);
    if (why === undefined) values[name] = toJson(entry.tree);
    else {
      const filling = { subject: subjectOf(map), name, why };
      findings.error(message('bad_id', 'output', filling), map, { key: name });
    }
  }
  const bindings = bindingsIn(findings, map, { secrets: false, own: false, element: false });
  return { outputs: { values, bindings } };
}

function nodes(findings: Findings, map: MapPlace, table: OperatorTable): readonly Draft[] {
  const drafts: Draft[] = [];
  const taken = new Map<string, Place>();
  for (const at of nodePlaces(findings, map)) {
    const draft = node(findings, at, table);
    if (draft === undefined) continue;
    const first = taken.get(draft.node.id);
    if (first === undefined) {
      taken.set(draft.node.id, at);
      drafts.push(draft);
      continue;
    }
    const line = findings.position(first.tree.at).line;
    findings.error(
      message('duplicate_id', 'node_line', { id: draft.node.id, line }),
      member(at, 'id'),
    );
  }
  return drafts;
}

function group(findings: Findings, map: MapPlace, id: string): PlanGroup {
  const env = variables(findings, member(map, 'env'));
  const timeout = duration(findings, member(map, 'timeout'));
  const failFast = boolean(findings, member(map, 'failFast'));
  const maxParallel = number(findings, member(map, 'maxParallel'), { from: 1, whole: true });
  return {
    id,
    kind: 'pipeline',
    parent: -1,
    ...(env === undefined ? {} : { env }),
    ...(timeout === undefined ? {} : { timeout }),
    failFast: failFast ?? false,
    ...(maxParallel === undefined ? {} : { maxParallel }),
  };
}

function inputs(findings: Findings, place: Place | undefined): Record<string, PlanInput> {
  const map = anyMapping(findings, place);
  const made: Record<string, PlanInput> = {};
  if (map === undefined) return made;
  const entries = entriesOf(map);
  if (entries.length > limits.pipelineInputs) {
    const filling = { count: entries.length, most: limits.pipelineInputs };
    findings.error(message('too_many', 'inputs', filling), map);
  }
  for (const entry of entries.slice(0, limits.pipelineInputs)) {
    const name = `${entry.key}`;
    const why = inputName(name);
    if (why !== undefined) {
      findings.error(message('bad_id', 'input', { name, why }), map, { key: name });
    }
    const read = input(findings, entry);
    if (read !== undefined && why === undefined) made[name] = read;
  }
  return made;
}

function input(findings: Findings, place: Place): PlanInput | undefined {
  const map = mapping(findings, place, INPUT_KEYS);
  if (map === undefined) return undefined;
  const typePlace = required(findings, map, 'type', `one of ${inputType.options.join(', ')}`);
  const type = word(findings, typePlace, inputType.options);
  const description = text(findings, member(map, 'description'));
  const fallback = member(map, 'default');
  // An input of a type that is none still counts as declared.
  if (type === undefined) return { type: 'string' };
  if (fallback !== undefined) checkDefault(findings, fallback, type);
  return {
    type,
    ...(fallback === undefined ? {} : { default: toJson(fallback.tree) }),
    ...(description === undefined ? {} : { description }),
  };
}

function checkDefault(findings: Findings, place: Place, type: InputType): void {
  if (fitsType(toJson(place.tree), type)) return;
  const wanted = nameOfType(type);
  const filling = { subject: subjectOf(place), came: written(place.tree), wanted };
  findings.error(message('wrong_type', 'input_default', filling), place, { expected: wanted });
}
