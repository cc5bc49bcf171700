// Looks up the pipelines that nodes run, and checks what they are given. The core reads no files: whoever compiles gives a
// function that finds and compiles what is named.

import { parseTemplate } from '#core/expression/parse.ts';
import { hint, type Message, message, nearHint } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import { fileValue } from '#schemas/values.ts';
import type { Draft, PipelineReference, PipelineUse, Reading } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { listed, nearest, shown } from './nearest.ts';
import { anyMapping, entriesOf, toJson } from './read.ts';
import { member, type Place } from './tree.ts';
import { fitsType, nameOfType } from './types.ts';

/** A pipeline that was found and compiled. */
export interface SubPipeline {
  readonly plan: Plan;
  readonly digest: string;
  /** Relative to the folder of the file that names it. None of a stored one. */
  readonly file?: string;
  /** How many levels of pipelines are below it: 0 when it runs none. */
  readonly depth: number;
}

export type LookUp =
  | ({ readonly is: 'found' } & SubPipeline)
  /** It is there and does not compile. Its problems name its file. */
  | { readonly is: 'refused'; readonly problems: readonly Problem[] }
  | {
      readonly is: 'missing';
      readonly said: Message<'unknown_pipeline'>;
      readonly suggestion?: string;
    }
  /** From a file to itself. */
  | { readonly is: 'cycle'; readonly files: readonly string[] }
  | { readonly is: 'too_deep'; readonly files: readonly string[] };

/** Finds and compiles the pipeline that a node names. Asked once for each node; answers from memory what it was asked before. */
export type FindPipeline = (reference: PipelineReference) => LookUp;

/** What the look-ups came to. */
export interface Linked {
  readonly drafts: readonly Draft[];
  /** Of the files of sub-pipelines. */
  readonly problems: readonly Problem[];
  /** How many levels of pipelines are below this one. */
  readonly depth: number;
}

/** Looks up the pipelines that nodes run, and checks what they are given. */
export function linkPipelines(
  findings: Findings,
  reading: Reading,
  find: FindPipeline | undefined,
): Linked {
  const told = new Set<readonly Problem[]>();
  let depth = 0;
  const drafts = reading.drafts.map((draft) => {
    const { use } = draft;
    if (use === undefined) return draft;
    const found = lookUp(findings, use, find);
    if (found.is === 'refused') told.add(found.problems);
    if (found.is !== 'found') return draft;
    depth = Math.max(depth, found.depth + 1);
    if (found.depth + 1 > limits.subRunDepth) tooDeep(findings, use);
    checkInputs(findings, use, found.plan);
    return { ...draft, node: linkedNode(draft.node, found) };
  });
  return { drafts, problems: [...told].flat(), depth };
}

function lookUp(findings: Findings, use: PipelineUse, find: FindPipeline | undefined): LookUp {
  const { place, reference } = use;
  const found: LookUp = find?.(reference) ?? {
    is: 'missing',
    said: message('unknown_pipeline', 'not_looked'),
  };
  if (found.is === 'found') return found;
  const [subject, named, key] = [subjectOf(place), spelled(reference), keyOf(reference)];
  switch (found.is) {
    case 'refused':
      // Its own problems say what is wrong; without one here, this file would count as right.
      findings.error(message('unknown_pipeline', 'refused', { subject, named }), place, { key });
      break;
    case 'missing':
      findings.error(
        message('unknown_pipeline', 'missing', { subject, named, why: found.said.text }),
        place,
        { key, suggestion: found.suggestion },
      );
      break;
    case 'cycle':
      findings.error(
        message('cycle', 'pipelines', { subject, chain: found.files.join(' → ') }),
        place,
        { key },
      );
      break;
    case 'too_deep':
      tooDeep(findings, use);
  }
  return found;
}

function tooDeep(findings: Findings, { place, reference }: PipelineUse): void {
  const filling = { subject: subjectOf(place), most: limits.subRunDepth };
  findings.error(message('too_many', 'levels', filling), place, { key: keyOf(reference) });
}

const keyOf = (reference: PipelineReference): string => ('file' in reference ? 'file' : 'id');

const spelled = (reference: PipelineReference): string =>
  'file' in reference
    ? `the file "${shown(reference.file)}"`
    : `the pipeline "${shown(reference.id)}"`;

/** What its steps take to end, and a little for those who tell of it, is what the node needs to stop. */
function linkedNode(node: PlanNode, { plan, digest, file }: SubPipeline): PlanNode {
  const { executor } = node;
  if (executor.kind !== 'pipeline') return node;
  const graces = plan.nodes.map(({ grace }) => grace ?? limits.stopGrace);
  const grace = Math.min(Math.max(0, ...graces) + limits.backstop, limits.longestDuration);
  const lies = file === undefined ? {} : { file };
  return { grace, ...node, executor: { ...executor, id: plan.id, digest, ...lies } };
}

function checkInputs(findings: Findings, { place }: PipelineUse, plan: Plan): void {
  const inputs = member(place, 'inputs');
  const given = inputs === undefined ? undefined : anyMapping(findings, inputs);
  const known = Object.keys(plan.inputs);
  for (const at of given === undefined ? [] : entriesOf(given)) {
    const name = `${at.key}`;
    const declared = Object.hasOwn(plan.inputs, name) ? plan.inputs[name] : undefined;
    if (declared === undefined) {
      const near = nearest(name, known);
      const said = message('unknown_input', 'bound', {
        subject: subjectOf(at),
        pipeline: plan.id,
        name: shown(name),
        hint: nearHint(near, () =>
          known.length === 0 ? hint('takes_none') : hint('takes', { known: listed(known) }),
        ),
      });
      findings.error(said, at, { suggestion: near });
    } else checkLiteral(findings, at, declared.type);
  }
  for (const [name, input] of Object.entries(plan.inputs)) {
    if (input.default !== undefined || given?.tree.entries.has(name) === true) continue;
    const wanted = nameOfType(input.type);
    const filling = { subject: subjectOf(place), name, pipeline: plan.id, wanted };
    findings.error(message('missing_input', 'bound', filling), inputs ?? place, {
      expected: wanted,
    });
  }
}

/** The type of what is written out; what expressions give is seen when the run is made. */
function checkLiteral(findings: Findings, at: Place, type: Plan['inputs'][string]['type']): void {
  const value = toJson(at.tree);
  if (typeof value === 'string' && isOneExpression(value)) return;
  if (fitsType(value, type)) return;
  if (type === 'file' && fileValue.safeParse(value).success) return;
  const came = typeof value === 'string' ? 'a text' : shown(JSON.stringify(value));
  const wanted = nameOfType(type);
  const said = message('wrong_input', 'bound', { subject: subjectOf(at), came, wanted });
  findings.error(said, at, { expected: wanted });
}

function isOneExpression(value: string): boolean {
  if (!value.includes('{{')) return false;
  const parsed = parseTemplate(value);
  // What does not parse is said with the other bindings.
  return (
    !parsed.ok || (parsed.value.parts.length === 1 && typeof parsed.value.parts[0] !== 'string')
  );
}
