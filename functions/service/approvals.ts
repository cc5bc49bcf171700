// What an approval asks, of whom, since when; and what is stored of one that ended without a decision.
import { renderBinding } from '#core/expression/template.ts';
import { UNDECIDED } from '#core/walk/approvals.ts';
import { indexOf } from '#core/walk/graph.ts';
import type { State } from '#core/walk/state.ts';
import { nodeView } from '#core/walk/view.ts';
import type { Write } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { PlanNode } from '#schemas/plan.ts';
import type { EventLine, NodeReport } from '#schemas/report.ts';
import type { AttemptResult, Fact, WalkEvent } from '#schemas/run.ts';
import { attemptOf } from './bulk.ts';
import { addressOf, attemptKey, type RunRef, runKey, splitAddress } from './keys.ts';
import { hold, type LoadedRun, loadRun } from './load-run.ts';
import { scopeOf } from './orders.ts';
import { addressesOf, getAll } from './outputs.ts';
import { evaluatedInputs, scopeVariables } from './scope-variables.ts';
import type { Held, Service } from './service.ts';

type Ended = Extract<Fact, { fact: 'ended' }>;

/** The approval that a node is; undefined of any other. */
export function approvalOf(node: PlanNode) {
  return node.executor.kind === 'approval' ? node.executor : undefined;
}

/** What is asked, its values filled in; undefined where the pipeline says nothing. */
export async function askedOf(
  held: Held,
  state: State,
  node: PlanNode,
  instance?: number,
): Promise<string | undefined> {
  const message = approvalOf(node)?.message;
  if (message === undefined || !message.includes('{{')) return message;
  const address = addressOf(node.id, instance);
  const at = instance === undefined ? {} : { instance };
  const offer = { node: node.id, address, attempt: 1, ...at };
  const scope = await scopeOf(held, { node, offer, state });
  const inputs = evaluatedInputs(node.inputs ?? {}, scope);
  const result = renderBinding(message, scopeVariables(scope, inputs));
  const text = result.is === 'value' ? textOf(result.value) : message;
  return text.slice(0, limits.messageLength);
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

/** Who is waited for, in words: `ada or role:editor`; somebody, where nobody is named. */
export function approversOf(node: PlanNode): string {
  const names = approvalOf(node)?.approvers ?? [];
  return names.length === 0 ? 'somebody' : names.join(' or ');
}

/** An approval, or an instance of one, and what was decided that the run has not taken in yet: it was parked. */
interface Asked {
  readonly node: PlanNode;
  readonly instance?: number;
  readonly decision: NodeReport['decision'];
}

/** How an approval that waits is shown; undefined of anything else. */
export async function waitingReport(
  held: Held,
  state: State,
  { node, instance, decision }: Asked,
): Promise<Pick<NodeReport, 'status' | 'reason' | 'message' | 'waitsFor'> | undefined> {
  if (approvalOf(node) === undefined) return undefined;
  const whole = nodeView(held.memory.linked.graph, state, node.id);
  if (instance === undefined && whole.count !== undefined) return undefined;
  const seen = instance === undefined ? whole : whole.instance(instance);
  if (seen.status !== 'running') return undefined;
  if (decision !== undefined) {
    const waitsFor = `the run to go on: ${decision.decision} by ${decision.by}`;
    return { status: 'queued', waitsFor };
  }
  const asked = await askedOf(held, state, node, instance);
  const until =
    seen.deadline === undefined ? '' : ` before ${new Date(seen.deadline).toISOString()}`;
  const question = asked === undefined ? '' : `: ${asked}`;
  return {
    status: 'queued',
    reason: 'approval',
    ...(asked === undefined ? {} : { message: asked }),
    waitsFor: `${approversOf(node)} to approve or reject it${until}${question}`,
  };
}

/** The lines that say of a started approval who is waited for; none of anything else. */
export async function queuedLines(
  service: Service,
  ref: RunRef,
  fact: Fact,
): Promise<readonly EventLine[]> {
  if (fact.fact !== 'started') return [];
  const held = await hold(service, ref);
  const { plan, graph } = held.memory.linked;
  const node = plan.nodes[indexOf(graph, fact.node)];
  if (node?.executor.kind !== 'approval') return [];
  if (node.forEach !== undefined && fact.instances === undefined) return [];
  const { state } = await loadRun(held);
  const lines: EventLine[] = [];
  for (const { address, instance } of addressesOf(fact)) {
    const asked = await askedOf(held, state, node, instance);
    lines.push({
      at: new Date(fact.at).toISOString(),
      run: ref.run,
      event: `${address}.queued`,
      node: address,
      attempt: fact.attempt,
      payload: {
        reason: 'approval',
        message: asked ?? `waits for ${approversOf(node)} to approve or reject it`,
        ...(node.executor.approvers === undefined ? {} : { approvers: node.executor.approvers }),
        ...(fact.deadline === undefined ? {} : { deadline: new Date(fact.deadline).toISOString() }),
      },
    });
  }
  return lines;
}

/** An approval, or an instance of one, that the walk ended by itself: late, or because it was stopped. */
interface EndedAlone {
  readonly address: string;
  readonly attempt: number;
  readonly ended: Ended;
}

function outcomesOf(events: readonly WalkEvent[]): ReadonlySet<string> {
  const decided = new Set<string>();
  for (const event of events)
    if (event.event === 'outcome')
      decided.add(`${addressOf(event.node, event.instance)}#${event.attempt}`);
  return decided;
}

function* endedAlone(
  held: Held,
  facts: readonly Fact[],
  events: readonly WalkEvent[],
): Generator<EndedAlone> {
  const { plan, graph } = held.memory.linked;
  let decided: ReadonlySet<string> | undefined;
  for (const fact of facts) {
    if (fact.fact !== 'ended' || fact.attempt === 0) continue;
    const node = plan.nodes[indexOf(graph, fact.node)];
    if (node?.executor.kind !== 'approval') continue;
    // Made only where there is an approval: most walks end none, and many outcomes come at once.
    decided ??= outcomesOf(events);
    // A forEach node itself asks nobody; its instances do.
    if (node.forEach !== undefined && fact.instances === undefined) continue;
    for (const { address } of addressesOf(fact)) {
      if (!decided.has(`${address}#${fact.attempt}`))
        yield { address, attempt: fact.attempt, ended: fact };
    }
  }
}

/**
 * Decisions that were made while the walk was deciding otherwise: they stand, so the walk is to be made again with them. They may lie
 * in the inbox beyond what this advance took in.
 */
export async function decisionsAgainst(
  held: Held,
  facts: readonly Fact[],
  events: readonly WalkEvent[],
): Promise<readonly WalkEvent[]> {
  const alone = [...endedAlone(held, facts, events)];
  if (alone.length === 0) return [];
  const { service, ref } = held;
  const items = await getAll(
    service.table,
    alone.map(({ address, attempt }) => attemptKey(ref, address, attempt)),
  );
  return items.flatMap((item): WalkEvent[] => {
    if (item === undefined) return [];
    const { address, attempt, report } = attemptOf(item);
    if (report === undefined) return [];
    return [{ event: 'outcome', ...splitAddress(address), attempt, result: report.result }];
  });
}

/**
 * What is stored of approvals that the walk ended by itself, in the same transaction: the item of the attempt, where none is. A decision
 * puts the same item, so of the two only one goes through.
 */
export function undecidedWrites(
  held: Held,
  facts: readonly Fact[],
  events: readonly WalkEvent[],
): Write[] {
  return [...endedAlone(held, facts, events)].map((alone): Write => {
    const { address, attempt, ended } = alone;
    const report = { result: resultOf(ended), endedAt: ended.at };
    return {
      write: 'put',
      item: {
        ...attemptKey(held.ref, address, attempt),
        v: FORMAT,
        status: 'reported',
        attempt: { v: FORMAT, address, attempt, status: 'reported', report },
      },
      if: { exists: false },
    };
  });
}

function resultOf(ended: Ended): AttemptResult {
  const { status, reason, message = '' } = ended;
  if (status === 'completed') return { result: 'completed', outputs: UNDECIDED };
  if (status === 'failed') return { result: 'failed', reason: reason ?? 'rejected', message };
  if (status === 'timed_out') return { result: 'timed_out', message };
  return { result: 'cancelled', ...(message === '' ? {} : { message }) };
}

/** Whether these facts of a run begin an approval: somebody is waited for from now on. */
export function asksSomebody(service: Service, ref: RunRef, facts: readonly Fact[]): boolean {
  const linked = service.runs.get(runKey(ref))?.linked;
  if (linked === undefined) return false;
  const { plan, graph } = linked;
  const isApproval = (node: string): boolean =>
    plan.nodes[graph.index.get(node) ?? -1]?.executor.kind === 'approval';
  return facts.some((fact) => fact.fact === 'started' && isApproval(fact.node));
}

/** Approvals, and instances of them, that wait for a decision now, in plan order. */
export function waitingApprovals(
  held: Held,
  { state }: Pick<LoadedRun, 'state'>,
): readonly { readonly node: PlanNode; readonly address: string; readonly instance?: number }[] {
  const { plan, graph } = held.memory.linked;
  return plan.nodes.flatMap((node) => {
    if (node.executor.kind !== 'approval') return [];
    const view = nodeView(graph, state, node.id);
    if (view.status !== 'running') return [];
    if (node.forEach === undefined) return [{ node, address: node.id }];
    return Array.from({ length: view.count ?? 0 }, (_, instance) => instance)
      .filter((instance) => view.instance(instance).status === 'running')
      .map((instance) => ({ node, address: addressOf(node.id, instance), instance }));
  });
}
