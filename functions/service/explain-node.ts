// Explains a node: why it has not started, why it was skipped, what it waits for. The tree is computed from the log and the outputs
// when someone asks; nothing of it is stored.
import { parseCondition } from '#core/expression/parse.ts';
import { explainCondition } from '#core/expression/reference.ts';
import { nodeView } from '#core/walk/view.ts';
import type { PlanNode } from '#schemas/plan.ts';
import { REASONS } from '#schemas/reasons.ts';
import type { Explanation, NodeExplanation, NodeReport } from '#schemas/report.ts';
import type { Outputs } from '#schemas/values.ts';
import { explainCache } from './cache.ts';
import { conditionReferences } from './dependencies.ts';
import type { Notices } from './desk.ts';
import { addressOf, type RunRef } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { attemptsOf } from './outputs.ts';
import { readReport } from './read-run.ts';
import { demandInstance, placeNamed } from './retry-run.ts';
import { HAPPENED, type Moment, momentOf, worldOf } from './run-world.ts';
import type { Service } from './service.ts';

/**
 * The explanation of a node of a run, or of an instance of it.
 *
 * @param name its id or its label; `per_region[3]` for an instance
 * @throws NotFound for an unknown node or instance
 */
export async function explainNode(
  service: Service,
  ref: RunRef,
  name: string,
  notices?: Notices,
): Promise<NodeExplanation> {
  const held = await hold(service, ref);
  const { plan } = held.memory.linked;
  const { node: id, instance } = placeNamed(plan, name);
  const node = plan.nodes.find((each) => each.id === id);
  const report = await readReport(service, ref, notices);
  const { state } = await loadRun(held);
  if (instance !== undefined) {
    const { count } = nodeView(held.memory.linked.graph, state, id);
    demandInstance(name, instance, node?.forEach === undefined ? 0 : count);
  }
  const shown = shownOf(report.nodes[id], instance);
  const about = await momentOf(held, state, outputsNamed(node));
  const start = node === undefined ? undefined : explainStart(about, node);
  const status = shown?.status ?? 'pending';
  const deciding = start === undefined ? undefined : decidingOf(start);
  const address = addressOf(id, instance);
  const cache = await explainCache(held, state, address);
  return {
    run: ref.run,
    node: address,
    status,
    answer:
      (await childAnswer(service, ref, { node, shown, notices })) ??
      answerOf(shown ?? { status, attempts: 0, outputs: {} }, deciding),
    ...(deciding === undefined ? {} : { deciding: deciding.text }),
    ...(start === undefined ? {} : { start }),
    ...textExplanation('stop', about, node),
    ...textExplanation('skip', about, node),
    ...(cache === undefined ? {} : { cache }),
    attempts: [...(await attemptsOf(service, ref, address))],
  };
}

/** What the report says of the node, or of an instance that it has by now. */
function shownOf(node: NodeReport | undefined, instance: number | undefined) {
  if (node === undefined || instance === undefined) return node;
  return node.instances?.[instance] ?? { status: node.status, attempts: 0, outputs: {} };
}

/** Sub-runs, and nodes of one, that an answer names. */
const MOST_NAMED = 3;

/** Of a node whose work is another run: which one, and what that waits for. */
async function childAnswer(
  service: Service,
  ref: RunRef,
  {
    node,
    shown,
    notices,
  }: {
    node: PlanNode | undefined;
    shown: Pick<NodeReport, 'status' | 'subRun' | 'instances'> | undefined;
    notices: Notices | undefined;
  },
): Promise<string | undefined> {
  if (node?.executor.kind !== 'pipeline' || shown?.status !== 'running') return undefined;
  const live = (shown.instances ?? [])
    .filter(({ status }) => status === 'running')
    .flatMap(({ subRun }) => subRun ?? []);
  const runs = shown.subRun === undefined ? live : [shown.subRun];
  if (runs.length === 0) return undefined;
  const told: string[] = [];
  for (const run of runs.slice(0, MOST_NAMED)) {
    const child = await readReport(service, { ...ref, run }, notices);
    const busy = Object.entries(child.nodes).flatMap(([id, { status, waitsFor }]) => {
      if (status === 'running') return [`"${id}" is running`];
      return status === 'queued' ? [`"${id}" is queued: ${waitsFor ?? 'it may start'}`] : [];
    });
    const there = busy.length === 0 ? '' : `; there ${busy.slice(0, MOST_NAMED).join(', ')}`;
    told.push(`run ${run} (${child.pipeline}), which is ${child.status}${there}`);
  }
  const more = runs.length > MOST_NAMED ? `; and for ${runs.length - MOST_NAMED} more` : '';
  return `It waits for ${told.join('; for ')}${more}.`;
}

/** The nodes whose outputs the conditions of a node name. */
function outputsNamed(node: PlanNode | undefined): readonly string[] {
  return [node?.start, node?.stop, node?.skip].flatMap((text) =>
    (conditionReferences(text)?.outputs ?? []).map(({ node: source }) => source),
  );
}

function textExplanation(
  which: 'stop' | 'skip',
  about: Moment,
  node: PlanNode | undefined,
): { stop?: Explanation; skip?: Explanation } {
  const text = node?.[which];
  if (node === undefined || text === undefined) return {};
  const parsed = parseCondition(text);
  return parsed.ok ? { [which]: explainCondition(parsed.value, worldOf(about, node.id)) } : {};
}

function explainStart(about: Moment, node: PlanNode): Explanation | undefined {
  const { plan } = about.held.memory.linked;
  const parts: Explanation[] = [];
  const world = worldOf(about, node.id);
  for (const index of node.needs ?? []) {
    const need = plan.nodes[index]?.id ?? '';
    parts.push({
      text: `event:${need}.completed`,
      kind: 'event',
      ...world.event(`${need}.completed`),
    });
  }
  if (node.start !== undefined) {
    const parsed = parseCondition(node.start);
    if (parsed.ok) parts.push(explainCondition(parsed.value, world));
  }
  for (const index of node.prepares ?? []) {
    const prepare = plan.nodes[index];
    if (prepare === undefined) continue;
    const ended = HAPPENED.has(
      nodeView(about.held.memory.linked.graph, about.state, prepare.id).status,
    );
    parts.push({
      text: `the environment of ${prepare.label ?? prepare.id.slice(1)}`,
      kind: 'prepare',
      truth: ended ? 'true' : 'not_yet',
    });
  }
  const [only] = parts;
  if (only === undefined || parts.length === 1) return only;
  return {
    text: node.start ?? 'needs',
    kind: node.start === undefined ? 'needs' : 'and',
    truth: together(parts),
    parts,
  };
}

function together(parts: readonly Explanation[]): Explanation['truth'] {
  for (const truth of ['never', 'not_yet', 'error'] as const)
    if (parts.some((part) => part.truth === truth)) return truth;
  return 'true';
}

/** The smallest part that made the whole what it is. */
function decidingOf(explanation: Explanation): Explanation | undefined {
  const parts = explanation.parts ?? [];
  const decisive =
    parts.find((part) => part.truth === explanation.truth) ??
    (explanation.kind === 'not' ? parts[0] : undefined);
  return decisive === undefined ? explanation : decidingOf(decisive);
}

function completedAnswer({ decision, reusedFrom }: Pick<NodeReport, 'decision' | 'reusedFrom'>) {
  if (decision !== undefined) {
    const said = decision.comment === undefined ? '' : `: ${decision.comment}`;
    return `It was approved by ${decision.by} at ${new Date(decision.at).toISOString()}${said}.`;
  }
  if (reusedFrom !== undefined)
    return `It took over what ${reusedFrom.address} came to in run ${reusedFrom.run}.`;
  return 'It completed.';
}

const queuedAnswer = (waitsFor: string): string =>
  waitsFor.startsWith('wait') ? `It may start, and ${waitsFor}.` : `It waits for ${waitsFor}.`;

function answerOf(
  shown: {
    status: string;
    reason?: keyof typeof REASONS | undefined;
    message?: string | undefined;
    waitsFor?: string | undefined;
    attempts: number;
    outputs: Outputs;
    decision?: NodeReport['decision'];
    reusedFrom?: NodeReport['reusedFrom'];
  },
  deciding: Explanation | undefined,
): string {
  const because = deciding === undefined ? '' : `: ${deciding.because ?? deciding.text}`;
  switch (shown.status) {
    case 'pending':
      return `It has not started; it waits for ${shown.waitsFor ?? deciding?.text ?? 'its turn'}.`;
    case 'queued':
      return queuedAnswer(shown.waitsFor ?? REASONS.max_parallel);
    case 'running':
      return 'It is running.';
    case 'completed':
      return completedAnswer(shown);
    case 'skipped':
      return `It was skipped because ${shown.reason === undefined ? 'nothing asked for it' : REASONS[shown.reason]}${shown.reason === 'condition_never' ? because : ''}.`;
    default:
      return `It ended ${shown.status}: ${shown.message ?? (shown.reason === undefined ? 'no reason was given' : REASONS[shown.reason])}`;
  }
}
