// Decides an approval. The decision and the item of the inbox that tells the walk are one transaction, which goes through only while
// the node still waits: so a decision and a deadline never both stand.
import { nodeView } from '#core/walk/view.ts';
import { Conflict, Rejected } from '#errors/families.ts';
import type { Write } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptReport, Decision, WalkEvent } from '#schemas/run.ts';
import { attemptOf } from './bulk.ts';
import { attemptKey, headKey, outcomeKey, type RunRef, splitAddress } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { demandInstance, placeNamed } from './retry-run.ts';
import type { Service } from './service.ts';

/** What somebody says to an approval. */
export interface Verdict {
  readonly approve: boolean;
  /** Who decides: a user's name. */
  readonly by: string;
  readonly comment?: string;
}

/**
 * Makes a decision durable and rings. The same word of the same person, said again, is the same decision.
 *
 * @param name the node, by id or label, or an instance of it: `review[3]`
 * @throws NotFound for an unknown node; Rejected `wrong_state` when it is no approval, does not wait, or was decided before (and by whom);
 *   `not_permitted` for somebody who is not among its approvers; `too_large` for the comment
 */
export async function decideApproval(
  service: Service,
  ref: RunRef,
  name: string,
  verdict: Verdict,
): Promise<void> {
  if ((verdict.comment ?? '').length > limits.messageLength)
    throw new Rejected('too_large', `the comment is over ${limits.messageLength} characters`);
  for (let round = 0; round < limits.advanceConflicts; round += 1) {
    const waiting = await waitingFor(service, ref, { name, verdict });
    if (waiting === undefined) return;
    try {
      await service.table.transact(decisionWrites(service, ref, { ...waiting, verdict }));
    } catch (error) {
      // The run went on, or somebody else decided: look again.
      if (!(error instanceof Conflict)) throw error;
      continue;
    }
    await service.bells.ring(ref);
    return;
  }
  throw new Conflict('busy', `run ${ref.run} is being advanced by somebody else`);
}

/** Who got no answer asks again: the same word of the same person is the same decision. */
function isSame(report: AttemptReport | undefined, verdict: Verdict): boolean {
  const decision = report?.decision;
  if (decision === undefined) return false;
  const approved = decision.decision === 'approved';
  const { by, comment } = decision;
  return approved === verdict.approve && by === verdict.by && comment === verdict.comment;
}

/** The first decision stands; whoever comes second is told whose it was. */
function refuseSecond(ref: RunRef, name: string, report: AttemptReport | undefined): never {
  const { decision } = report ?? {};
  const subject = `"${name}" of run ${ref.run}`;
  if (decision === undefined) {
    const message = 'it ended without a decision: nobody decided in time, or it was stopped';
    throw new Rejected('wrong_state', `${subject} waits no more: ${message}`);
  }
  const { decision: what, by, at, comment } = decision;
  const said = comment === undefined ? '' : ` (“${comment}”)`;
  throw new Rejected(
    'wrong_state',
    `${subject} was ${what} before, by ${by} at ${new Date(at).toISOString()}${said}`,
    { decision: what, by, at },
  );
}

/** Who may decide, where users are named. Roles are for whoever lets people in: here nobody has one, or everybody. */
function demandApprover(name: string, approvers: readonly string[] | undefined, by: string): void {
  if (approvers === undefined || approvers.includes(by)) return;
  if (approvers.length === 0 || approvers.some((each) => each.startsWith('role:'))) return;
  throw new Rejected(
    'not_permitted',
    `"${name}" may be decided by ${approvers.join(' or ')}; ${by} is not among them`,
  );
}

interface Waiting {
  readonly address: string;
  readonly attempt: number;
  readonly sequence: number;
}

/** Undefined when just this was decided before. */
async function waitingFor(
  service: Service,
  ref: RunRef,
  { name, verdict }: { readonly name: string; readonly verdict: Verdict },
): Promise<Waiting | undefined> {
  const held = await hold(service, ref);
  const { plan, graph } = held.memory.linked;
  const { node: id, instance } = placeNamed(plan, name);
  const node = plan.nodes[graph.index.get(id) ?? -1];
  if (node?.executor.kind !== 'approval')
    throw new Rejected('wrong_state', `node "${id}" of run ${ref.run} is no approval`);
  const { state, sequence } = await loadRun(held);
  const view = nodeView(graph, state, id);
  if (instance === undefined && view.count !== undefined)
    throw new Rejected(
      'wrong_state',
      `node "${id}" has ${view.count} instances: say which, as in "${id}[0]"`,
    );
  if (instance !== undefined)
    demandInstance(name, instance, node.forEach === undefined ? 0 : view.count);
  const place = instance === undefined ? view : view.instance(instance);
  const address = instance === undefined ? id : `${id}[${instance}]`;
  const item = await service.table.get(attemptKey(ref, address, place.attempt));
  if (item !== undefined) {
    // Whoever made the decision may have died before they rang (H4).
    if (place.status === 'running') await service.bells.ring(ref);
    const { report } = attemptOf(item);
    if (isSame(report, verdict)) return undefined;
    refuseSecond(ref, name, report);
  }
  if (place.status !== 'running')
    throw new Rejected(
      'wrong_state',
      `"${name}" of run ${ref.run} is ${place.status}: it waits for no decision`,
      { status: place.status },
    );
  demandApprover(name, node.executor.approvers, verdict.by);
  return { address, attempt: place.attempt, sequence };
}

function decisionWrites(
  service: Service,
  ref: RunRef,
  what: Waiting & { readonly verdict: Verdict },
): Write[] {
  const { address, attempt, sequence, verdict } = what;
  const at = service.clock.now();
  const decision: Decision = {
    decision: verdict.approve ? 'approved' : 'rejected',
    by: verdict.by,
    at,
    ...(verdict.comment === undefined ? {} : { comment: verdict.comment }),
  };
  const report: AttemptReport = { result: resultOf(decision), endedAt: at, decision };
  const event: WalkEvent = {
    event: 'outcome',
    ...splitAddress(address),
    attempt,
    result: report.result,
  };
  return [
    { write: 'check', key: headKey(ref), if: { exists: true, equals: { sequence } } },
    {
      write: 'put',
      item: {
        ...attemptKey(ref, address, attempt),
        v: FORMAT,
        status: 'reported',
        attempt: { v: FORMAT, address, attempt, status: 'reported', report },
      },
      if: { exists: false },
    },
    {
      write: 'put',
      item: { ...outcomeKey(ref, address, attempt), v: FORMAT, at, event },
      if: { exists: false },
    },
  ];
}

function resultOf(decision: Decision): AttemptReport['result'] {
  const { by, comment } = decision;
  if (decision.decision === 'approved')
    return { result: 'completed', outputs: { by, comment: comment ?? null } };
  const said = comment === undefined ? '' : `: ${comment}`;
  return {
    result: 'failed',
    reason: 'rejected',
    message: `${by} rejected it${said}`.slice(0, limits.messageLength),
  };
}
