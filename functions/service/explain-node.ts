// Explains a node: why it has not started, why it was skipped, what it waits for. The tree is computed from the log and the outputs
// when someone asks; nothing of it is stored.
import { parseCondition } from '#core/expression/parse.ts';
import { explainCondition, type World } from '#core/expression/reference.ts';
import type { Known } from '#core/expression/types.ts';
import { wildcardSources } from '#core/walk/queries.ts';
import type { State } from '#core/walk/state.ts';
import { nodeView } from '#core/walk/view.ts';
import type { PlanNode } from '#schemas/plan.ts';
import { REASONS } from '#schemas/reasons.ts';
import type { Explanation, NodeExplanation, NodeReport } from '#schemas/report.ts';
import type { Fact } from '#schemas/run.ts';
import { type Json, type Outputs, outputs as outputsSchema } from '#schemas/values.ts';
import { explainCache } from './cache.ts';
import { conditionReferences } from './dependencies.ts';
import type { Notices } from './desk.ts';
import { addressOf, type RunRef } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { systemOf } from './orders.ts';
import { attemptsOf, isReadableList, loadList, loadOutputs, rememberedList } from './outputs.ts';
import { readFacts } from './read-events.ts';
import { readReport } from './read-run.ts';
import { demandInstance, placeNamed } from './retry-run.ts';
import type { Held, Service } from './service.ts';

const HAPPENED: ReadonlySet<string> = new Set([
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
]);

/** Everything known about a run at the moment of the question. */
interface Moment {
  readonly held: Held;
  readonly state: State;
  readonly facts: readonly Fact[];
  readonly outputs: ReadonlyMap<string, Outputs>;
  readonly over: boolean;
}

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
  const facts = await readFacts(service, ref);
  const outputs = await outputsNamed(held, state, node);
  const about = {
    held,
    state,
    facts,
    outputs,
    over: facts.some((fact) => fact.fact === 'run.ended'),
  };
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

/** Outputs of the completed nodes that the conditions of a node name. */
async function outputsNamed(
  held: Held,
  state: State,
  node: PlanNode | undefined,
): Promise<ReadonlyMap<string, Outputs>> {
  const found = new Map<string, Outputs>();
  for (const text of [node?.start, node?.stop, node?.skip]) {
    for (const { node: source } of conditionReferences(text)?.outputs ?? []) {
      if (nodeView(held.memory.linked.graph, state, source).status !== 'completed') continue;
      const given = await loadOutputs(held, state, source);
      found.set(source, given);
      await loadLists(held, given);
    }
  }
  return found;
}

/** What conditions may ask of: the length of a list that is kept by reference, and its items. */
async function loadLists(held: Held, given: Outputs): Promise<void> {
  for (const value of Object.values(given)) if (isReadableList(value)) await loadList(held, value);
}

function textExplanation(
  which: 'stop' | 'skip',
  about: Moment,
  node: PlanNode | undefined,
): { stop?: Explanation; skip?: Explanation } {
  const text = node?.[which];
  if (node === undefined || text === undefined) return {};
  const parsed = parseCondition(text);
  return parsed.ok ? { [which]: explainCondition(parsed.value, worldOf(about, node)) } : {};
}

function explainStart(about: Moment, node: PlanNode): Explanation | undefined {
  const { plan } = about.held.memory.linked;
  const parts: Explanation[] = [];
  const world = worldOf(about, node);
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

/** What has happened in this run, as the judge of conditions asks for it. */
function worldOf(about: Moment, node: PlanNode): World {
  const { held, state, facts } = about;
  const { graph } = held.memory.linked;
  const happened = (pattern: string): boolean =>
    facts.some((fact) => fact.fact === 'external' && wildcard(pattern).test(fact.name));
  return {
    event(pattern) {
      if (pattern === 'pipeline.started') return { truth: 'true' };
      if (pattern.startsWith('external.')) {
        if (happened(pattern)) return { truth: 'true' };
        return about.over
          ? { truth: 'never', because: `${pattern} did not come before the run ended` }
          : { truth: 'not_yet', because: `${pattern} has not come` };
      }
      const kind = pattern.slice(pattern.lastIndexOf('.') + 1);
      if (!pattern.includes('*'))
        return eventOf(about, pattern.slice(0, pattern.lastIndexOf('.')), kind);
      const sources = wildcardSources(graph, node.id, pattern);
      return anyOf(
        sources.map((source) => eventOf(about, source, kind)),
        pattern,
      );
    },
    variables: {
      input: held.memory.start.inputs,
      system: systemOf(held.memory.start),
      list: (ref) => rememberedList(held.memory, ref),
      node: (id) => knownOf(about, id),
      payload: (event) => payloadOf(facts, event),
    },
  };

  function knownOf({ outputs }: Moment, id: string): Known {
    const { status } = nodeView(graph, state, id);
    if (status === 'completed') return { is: 'outputs', outputs: outputs.get(id) ?? {} };
    return HAPPENED.has(status)
      ? { is: 'never', because: `${id} ended ${status}` }
      : { is: 'not_yet' };
  }
}

const wildcard = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/gu, '\\$&'))
      .join('[^.]*')}$`,
    'u',
  );

type EventTruth = ReturnType<World['event']>;

function anyOf(truths: readonly EventTruth[], pattern: string): EventTruth {
  if (truths.some(({ truth }) => truth === 'true')) return { truth: 'true' };
  if (truths.some(({ truth }) => truth === 'not_yet')) return { truth: 'not_yet' };
  return { truth: 'never', because: `everything that could raise ${pattern} has ended otherwise` };
}

function eventOf(about: Moment, id: string, kind: string): EventTruth {
  const own = about.facts.filter(
    (fact) => 'node' in fact && fact.node === id && !('instances' in fact) && !('instance' in fact),
  );
  const ended = own.find((fact) => fact.fact === 'ended');
  const happened = own.some((fact) => {
    if (fact.fact === 'started') return kind === 'started' || kind === '*';
    if (fact.fact === 'retrying') return kind === 'retrying' || kind === '*';
    if (fact.fact !== 'ended') return false;
    if (kind === 'rejected') return fact.reason === 'rejected';
    if (kind === 'approved') return fact.status === 'completed' && isApproval(about, id);
    return kind === 'ended' || kind === '*' || kind === fact.status;
  });
  if (happened) return { truth: 'true' };
  if (ended?.fact !== 'ended') return { truth: 'not_yet', because: `${id} has not ended` };
  return { truth: 'never', because: `${id} ended ${ended.status}` };
}

function isApproval({ held }: Moment, id: string): boolean {
  const { graph, plan } = held.memory.linked;
  return plan.nodes[graph.index.get(id) ?? -1]?.executor.kind === 'approval';
}

function payloadOf(facts: readonly Fact[], event: string): Known {
  const found = facts.find((fact) => fact.fact === 'external' && fact.name === event);
  if (found?.fact !== 'external') return { is: 'not_yet' };
  const payload = outputsSchema.safeParse(found.payload);
  return {
    is: 'outputs',
    outputs: payload.success ? payload.data : ({} satisfies Record<string, Json>),
  };
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
