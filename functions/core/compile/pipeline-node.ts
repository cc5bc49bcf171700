// A node that runs another pipeline, as it is written. Which plan that is, is found out by link-pipelines.ts.
import { message } from '#core/messages.ts';
import { nodesSubPipeline } from '#schemas/dialect-nodes.ts';
import type { Executor } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';
import type { Binding, PipelineReference, PipelineUse } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { shown } from './nearest.ts';
import { anyMapping, entriesOf, type MapPlace, mapping, text, toJson } from './read.ts';
import { safePath } from './safe.ts';
import { bindingsIn } from './texts.ts';
import { member, type Place } from './tree.ts';

export interface PipelineRead {
  readonly executor: Executor;
  readonly bindings: readonly Binding[];
  readonly use: PipelineUse | undefined;
}

const KEYS = Object.keys(nodesSubPipeline.shape);
/** Keys of a node that only a program could mind. */
const FOR_PROGRAMS = ['env', 'resources'];
/** Until the look-up has been made. */
const OPEN = '0'.repeat(64);

/** The member `pipeline` of a node; which plan it is, is found out by `linkPipelines`. */
export function pipelineNode(findings: Findings, place: Place, element: boolean): PipelineRead {
  const open: Executor = { kind: 'pipeline', id: '', digest: OPEN };
  if (place.up !== undefined) checkNode(findings, place.up);
  const map = mapping(findings, place, KEYS);
  if (map === undefined) return { executor: open, bindings: [], use: undefined };
  const inputs = anyMapping(findings, member(map, 'inputs'));
  const bindings =
    inputs === undefined
      ? []
      : bindingsIn(findings, inputs, { secrets: false, own: true, element });
  const reference = referenceOf(findings, map);
  return {
    executor: inputs === undefined ? open : { ...open, inputs: bound(inputs) },
    bindings,
    use: reference === undefined ? undefined : { place: map, reference },
  };
}

/** No program runs for the node itself: its run has its own variables, its nodes ask for their own resources. */
function checkNode(findings: Findings, node: Place): void {
  for (const key of FOR_PROGRAMS) {
    if (member(node, key) === undefined) continue;
    const subject = subjectOf(node);
    findings.warn(message('wrong_value', 'pipeline_unused', { subject, key }), node, { key });
  }
}

function bound(inputs: MapPlace): Record<string, Json> {
  return Object.fromEntries(entriesOf(inputs).map((each) => [`${each.key}`, toJson(each.tree)]));
}

function referenceOf(findings: Findings, map: MapPlace): PipelineReference | undefined {
  const filePlace = member(map, 'file');
  const idPlace = member(map, 'id');
  const file = text(findings, filePlace);
  const id = text(findings, idPlace);
  if (filePlace !== undefined && idPlace !== undefined) {
    const said = message('wrong_value', 'file_and_id', { subject: subjectOf(map) });
    findings.error(said, map, { key: 'id' });
    return undefined;
  }
  if (filePlace === undefined && idPlace === undefined) {
    const wanted = 'the file of a pipeline, as in file: ./publish.yaml';
    const said = message('missing_key', 'key', { subject: subjectOf(map), key: 'file', wanted });
    findings.error(said, map, { key: 'file', expected: wanted });
    return undefined;
  }
  if (id !== undefined) return { id };
  if (file === undefined || filePlace === undefined) return undefined;
  return isRelative(findings, filePlace, file) ? { file } : undefined;
}

/** Beside the pipeline, below it or elsewhere in the project; never absolute, or it would be another file on another machine. */
function isRelative(findings: Findings, place: Place, file: string): boolean {
  if (!safePath(findings, place, file)) return false;
  if (!/^[\\/~]|^[A-Za-z]:|:\/\/|\{\{/.test(file)) return true;
  const filling = { subject: subjectOf(place), came: shown(file) };
  findings.error(message('unsafe_value', 'relative', filling), place);
  return false;
}
