// A node that waits for a person: how it is written, and what means nothing on it.
import { message } from '#core/messages.ts';
import { nodesApproval } from '#schemas/dialect-nodes.ts';
import { limits } from '#schemas/limits.ts';
import type { Executor } from '#schemas/plan.ts';
import type { Binding } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { listed, nearest, shown } from './nearest.ts';
import { duration, list, type MapPlace, mapping, text, word, wrongType } from './read.ts';
import { bindingsIn } from './texts.ts';
import { member, type Place } from './tree.ts';

const KEYS = Object.keys(nodesApproval.shape);
const ON_DEADLINE = ['reject', 'approve'] as const;
const ROLES = ['platform_admin', 'namespace_admin', 'editor', 'viewer'];
/** Keys of a node that only a program could mind. */
const FOR_PROGRAMS = ['env', 'resources', 'grace'];

export interface ApprovalRead {
  readonly executor: Executor;
  readonly bindings: readonly Binding[];
}

/** The member `approval` of a node: `true`, nothing, or a mapping. */
export function approvalNode(
  findings: Findings,
  node: MapPlace,
  place: Place,
  element: boolean,
): ApprovalRead {
  checkNode(findings, node);
  const open: Executor = { kind: 'approval', onDeadline: 'reject' };
  const map = mappingOf(findings, place);
  if (map === undefined) return { executor: open, bindings: [] };
  const asked = member(map, 'message');
  const said = text(findings, asked);
  const approvers = approversOf(findings, member(map, 'approvers'));
  const deadline = duration(findings, member(map, 'deadline'));
  const late = member(map, 'onDeadline');
  const onDeadline = word(findings, late, ON_DEADLINE) ?? 'reject';
  if (late !== undefined && member(map, 'deadline') === undefined)
    findings.warn(message('wrong_value', 'on_deadline', { subject: subjectOf(map) }), map, {
      key: 'onDeadline',
    });
  return {
    executor: {
      kind: 'approval',
      ...(said === undefined ? {} : { message: said }),
      ...(approvers === undefined ? {} : { approvers }),
      ...(deadline === undefined ? {} : { deadline }),
      onDeadline,
    },
    bindings:
      asked === undefined
        ? []
        : bindingsIn(findings, asked, { secrets: false, own: true, element }),
  };
}

function mappingOf(findings: Findings, place: Place): MapPlace | undefined {
  const { tree } = place;
  if (tree.kind === 'map') return mapping(findings, place, KEYS);
  const plain = tree.kind === 'scalar' && (tree.value === true || tree.value === null);
  if (!plain) wrongType(findings, place, 'true, or a mapping such as { deadline: 2d }');
  return undefined;
}

function approversOf(findings: Findings, place: Place | undefined): string[] | undefined {
  if (place === undefined) return undefined;
  const places = place.tree.kind === 'scalar' ? [place] : (list(findings, place) ?? []);
  const names = places.flatMap((at) => approver(findings, at));
  if (places.length === 0 && place.tree.kind === 'list')
    findings.error(message('empty_value', 'approvers', { subject: subjectOf(place) }), place);
  return names;
}

function approver(findings: Findings, place: Place): readonly string[] {
  const name = text(findings, place);
  if (name === undefined) return [];
  const role = name.startsWith('role:') ? name.slice('role:'.length) : undefined;
  const fits = name.length <= limits.idLength && name.trim() !== '';
  if (fits && (role === undefined || ROLES.includes(role))) return [name];
  const near = role === undefined ? undefined : nearest(role, ROLES);
  const said = message('wrong_value', 'approver', {
    subject: subjectOf(place),
    came: shown(name),
    known: listed(ROLES.map((each) => `role:${each}`)),
  });
  findings.error(said, place, near === undefined ? {} : { suggestion: `role:${near}` });
  return [];
}

/** A timeout and a retry would change what the approval means, so they are refused; what only programs mind is a warning. */
function checkNode(findings: Findings, node: MapPlace): void {
  const subject = subjectOf(node);
  if (member(node, 'timeout') !== undefined)
    findings.error(message('wrong_value', 'approval_timeout', { subject }), node, {
      key: 'timeout',
      suggestion: 'approval: { deadline: … }',
    });
  if (member(node, 'retry') !== undefined)
    findings.error(message('wrong_value', 'approval_retry', { subject }), node, { key: 'retry' });
  for (const key of FOR_PROGRAMS) {
    if (member(node, key) === undefined) continue;
    findings.warn(message('wrong_value', 'approval_unused', { subject, key }), node, { key });
  }
}
