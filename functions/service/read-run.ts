// Reads a run as people see it: the report. Statuses come from the state, times and reasons from the log, outputs from the attempts.

import { shownAddress } from '#core/shown-address.ts';
import type { State } from '#core/walk/state.ts';
import { nodeView, view } from '#core/walk/view.ts';
import { limits } from '#schemas/limits.ts';
import type { PlanNode } from '#schemas/plan.ts';
import type { NodeReport, RunReport, ShownStatus, ShownStep } from '#schemas/report.ts';
import type { AttemptItem, Fact, NodeStatus, StepReport } from '#schemas/run.ts';
import type { RunStart } from '#schemas/run-start.ts';
import type { Outputs } from '#schemas/values.ts';
import { waitingReport } from './approvals.ts';
import type { Variables } from './control.ts';
import type { Notices } from './desk.ts';
import { addressOf, type RunRef, splitAddress } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { environmentName, operatorsOf } from './operators-report.ts';
import { systemOf } from './orders.ts';
import { attemptsOf, loadOutputs, outputsOf } from './outputs.ts';
import { readFacts } from './read-events.ts';
import { runOutputs } from './run-outputs.ts';
import type { Held, Service } from './service.ts';
import { askedStatus } from './status.ts';
import { childProgress, subRunOf } from './sub-run-view.ts';
import { waitsFor } from './waiting.ts';

type Ended = Extract<Fact, { fact: 'ended' }>;

/** What the log says of a node or an instance. */
interface Told {
  startedAt?: number;
  ended?: Ended;
}

/** Everything that a report is made of. */
interface Sources extends Held {
  readonly state: State;
  readonly told: ReadonlyMap<string, Told>;
  /** Newest attempt by address. */
  readonly attempts: ReadonlyMap<string, AttemptItem>;
  readonly notices: Notices;
}

/** The report of a run, finished or not. */
export async function readReport(
  service: Service,
  ref: RunRef,
  notices: Notices = new Map(),
): Promise<RunReport> {
  const held = await hold(service, ref);
  const { memory } = held;
  const { state } = await loadRun(held);
  const facts = await readFacts(service, ref);
  const attempts = new Map<string, AttemptItem>();
  const all = await attemptsOf(service, ref);
  for (const attempt of all) {
    const known = attempts.get(attempt.address);
    if (known === undefined || known.attempt < attempt.attempt)
      attempts.set(attempt.address, attempt);
  }
  const sources = { ...held, state, told: tell(facts), attempts, notices };
  const nodes: Record<string, NodeReport> = {};
  const environments: RunReport['environments'] = {};
  for (const node of memory.linked.plan.nodes) {
    if (node.executor.kind === 'prepare')
      environments[environmentName(node)] = environmentOf(sources, node);
    else nodes[node.id] = await nodeOf(sources, node);
  }
  return {
    ...(await headline(sources, facts)),
    inputs: memory.start.inputs,
    nodes,
    ...operatorsOf(memory.linked.plan, { nodes, environments, attempts: all }),
    environments,
    sources: Object.fromEntries(
      Object.entries(memory.start.sources).map(([name, source]) => [shownAddress(name), source]),
    ),
  };
}

async function headline(
  sources: Sources,
  facts: readonly Fact[],
): Promise<Omit<RunReport, 'inputs' | 'nodes' | 'operators' | 'environments' | 'sources'>> {
  const { service, ref, memory, state } = sources;
  const { name } = memory.linked.plan;
  const seen = view(memory.linked.graph, state);
  const bell = seen.end === undefined ? await service.bells.read(ref) : undefined;
  const end = facts.findLast((fact) => fact.fact === 'run.ended');
  const halted =
    bell?.halted === undefined ? {} : ({ reason: 'poisoned', message: bell.halted } as const);
  return {
    at: iso(service.clock.now()),
    run: ref.run,
    event: 'run.report',
    status: seen.end ?? askedStatus(seen.status, bell),
    pipeline: memory.start.pipeline,
    ...(name === undefined ? {} : { name }),
    ...(end?.reason === undefined ? {} : { reason: end.reason }),
    ...(end?.message === undefined ? {} : { message: end.message }),
    ...halted,
    startedAt: iso(memory.start.at),
    ...(end === undefined ? {} : { endedAt: iso(end.at) }),
    ...(memory.start.retryOf === undefined ? {} : { retryOf: memory.start.retryOf }),
    ...parentOf(memory.start),
    ...logOf(memory.start),
    ...(seen.end === 'completed' ? await given(sources) : {}),
  };
}

function parentOf({ parent }: RunStart): Pick<RunReport, 'parent'> {
  return parent === undefined ? {} : { parent: { run: parent.run, node: parent.address } };
}

function logOf({ workDir }: RunStart): Pick<RunReport, 'log'> {
  if (workDir === undefined) return {};
  return { log: { path: workDir.log.path, level: workDir.log.level } };
}

/** What a run that has completed gives; why there is nothing, where its expressions cannot be evaluated. */
async function given(sources: Sources): Promise<Pick<RunReport, 'outputs' | 'message'>> {
  const result = await runOutputs(sources, sources.state);
  return result.ok ? { outputs: result.outputs } : { message: result.message };
}

const iso = (at: number): string => new Date(at).toISOString();

function tell(facts: readonly Fact[]): ReadonlyMap<string, Told> {
  const told = new Map<string, Told>();
  const at = (address: string): Told => {
    const known = told.get(address);
    if (known !== undefined) return known;
    const fresh: Told = {};
    told.set(address, fresh);
    return fresh;
  };
  for (const fact of facts) {
    if (fact.fact !== 'started' && fact.fact !== 'ended') continue;
    const [from, to] = fact.instances ?? [undefined, undefined];
    const addresses =
      from === undefined || to === undefined
        ? [fact.node]
        : Array.from({ length: to - from + 1 }, (_, offset) => addressOf(fact.node, from + offset));
    for (const address of addresses) {
      if (fact.fact === 'started') at(address).startedAt ??= fact.at;
      else at(address).ended = fact;
    }
  }
  return told;
}

/** `queued`: it may start and waits for a place, or its attempt waits on the machine. */
function shown(status: NodeStatus, notice: AttemptItem['notice']): ShownStatus {
  if (status === 'ready') return 'queued';
  if (status === 'running' && notice?.state === 'queued') return 'queued';
  if (status === 'stopping' || status === 'retrying') return 'running';
  return status;
}

function about(
  sources: Sources,
  address: string,
): Pick<
  NodeReport,
  | 'reason'
  | 'message'
  | 'exitCode'
  | 'startedAt'
  | 'endedAt'
  | 'peaks'
  | 'steps'
  | 'seededFrom'
  | 'decision'
  | 'reusedFrom'
> {
  const told = sources.told.get(address);
  const report = sources.attempts.get(address)?.report;
  const { ended, startedAt } = told ?? {};
  return {
    ...(ended?.reason === undefined || ended.seeded !== undefined ? {} : { reason: ended.reason }),
    ...(ended?.message === undefined ? {} : { message: ended.message }),
    ...(ended?.exitCode === undefined ? {} : { exitCode: ended.exitCode }),
    ...(startedAt === undefined ? {} : { startedAt: iso(startedAt) }),
    ...(ended === undefined ? {} : { endedAt: iso(ended.at) }),
    ...(report?.peaks === undefined ? {} : { peaks: report.peaks }),
    ...(report?.steps === undefined ? {} : { steps: report.steps.map(shownStep) }),
    ...(ended?.seeded === undefined ? {} : { seededFrom: ended.seeded }),
    ...(report?.decision === undefined ? {} : { decision: report.decision }),
    ...(report?.reused === undefined ? {} : { reusedFrom: report.reused }),
  };
}

const shownStep = ({ startedAt, endedAt, ...step }: StepReport): ShownStep => ({
  ...step,
  ...(startedAt === undefined ? {} : { startedAt: iso(startedAt) }),
  ...(endedAt === undefined ? {} : { endedAt: iso(endedAt) }),
});

async function nodeOf(sources: Sources, node: PlanNode): Promise<NodeReport> {
  const { memory, state } = sources;
  const seen = nodeView(memory.linked.graph, state, node.id);
  const notice = noticeOf(sources, node.id, seen.attempt);
  const outputs = seen.status === 'completed' ? await loadOutputs(sources, state, node.id) : {};
  const status = shown(seen.status, notice);
  const waiting =
    status === 'pending' || status === 'queued'
      ? (notice?.message ?? waitsFor(memory, state, node))
      : undefined;
  return {
    status,
    attempts: seen.attempt,
    outputs,
    ...(node.label === undefined ? {} : { label: node.label }),
    ...about(sources, node.id),
    ...(notice?.progress === undefined ? {} : { progress: notice.progress }),
    ...(notice?.state === 'running' && notice.message !== undefined
      ? { progressText: notice.message }
      : {}),
    ...(waiting === undefined ? {} : { waitsFor: waiting }),
    ...(await subRunShown(sources, node, seen.status)),
    ...(await waitingReport(sources, state, { node, decision: decisionOn(sources, node.id) })),
    ...(seen.count === undefined
      ? {}
      : { instances: await instancesOf(sources, node, seen.count) }),
  };
}

const decisionOn = (sources: Sources, address: string): NodeReport['decision'] =>
  sources.attempts.get(address)?.report?.decision;

/** The run that is the work of the newest attempt, and how far it is. */
async function subRunShown(
  sources: Sources,
  node: PlanNode,
  status: NodeStatus,
): Promise<Pick<NodeReport, 'subRun' | 'progress' | 'progressText'>> {
  if (node.executor.kind !== 'pipeline') return {};
  const run = subRunOf(sources.attempts.get(node.id)?.job);
  if (run === undefined) return {};
  if (status !== 'running' && status !== 'stopping') return { subRun: run };
  return { subRun: run, ...(await childProgress(sources.service, { ...sources.ref, run })) };
}

function noticeOf(sources: Sources, address: string, attempt: number): AttemptItem['notice'] {
  const { ref } = sources;
  const known = sources.notices.get(`${ref.namespace}/${ref.run}/${address}/${attempt}`);
  if (known !== undefined) return known;
  const item = sources.attempts.get(address);
  if (item?.attempt !== attempt || !isElsewhere(sources, address)) return undefined;
  // Of work on other machines it stands beside the attempt, once one of them has begun.
  if (item.status === 'claimed') return item.notice;
  const at = sources.service.clock.now();
  return item.status === 'offered'
    ? { at, state: 'queued', message: 'waits for a machine' }
    : undefined;
}

/** Work that no process does which reads the same table as one of its own. */
function isElsewhere({ service, memory }: Sources, address: string): boolean {
  const { plan, graph } = memory.linked;
  const kind = plan.nodes[graph.index.get(splitAddress(address).node) ?? -1]?.executor.kind;
  const isWork = kind === 'steps' || kind === 'prepare' || kind === 'function';
  return isWork && service.table.bounds.transactItems <= limits.transactItems;
}

async function instancesOf(
  sources: Sources,
  node: PlanNode,
  count: number,
): Promise<NonNullable<NodeReport['instances']>> {
  const instances = Array.from({ length: count }, (_, index) => instanceOf(sources, node, index));
  if (node.executor.kind !== 'approval') return instances;
  const { state } = sources;
  return Promise.all(
    instances.map(async (each) => ({
      ...each,
      ...(await waitingReport(sources, state, {
        node,
        instance: each.index,
        decision: each.decision,
      })),
    })),
  );
}

/** How long an attempt worked and what it took; nothing of a result that was taken over. */
function workOf(
  report: AttemptItem['report'],
): Pick<NonNullable<NodeReport['instances']>[number], 'seconds' | 'peaks'> {
  if (report === undefined || report.reused !== undefined) return {};
  const { startedAt, endedAt, peaks } = report;
  return {
    ...(startedAt === undefined ? {} : { seconds: Math.max(0, endedAt - startedAt) / 1000 }),
    ...(peaks === undefined ? {} : { peaks }),
  };
}

function instanceOf(
  sources: Sources,
  node: PlanNode,
  index: number,
): NonNullable<NodeReport['instances']>[number] {
  const address = addressOf(node.id, index);
  const seen = nodeView(sources.memory.linked.graph, sources.state, node.id).instance(index);
  const { reason, message, decision, reusedFrom } = about(sources, address);
  const outputs: Outputs = outputsOf(sources.attempts.get(address)) ?? {};
  return {
    ...workOf(sources.attempts.get(address)?.report),
    index,
    status: shown(seen.status, noticeOf(sources, address, seen.attempt)),
    attempts: seen.attempt,
    outputs: seen.status === 'completed' ? outputs : {},
    ...subRunOfInstance(sources, address),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(decision === undefined ? {} : { decision }),
    ...(reusedFrom === undefined ? {} : { reusedFrom }),
  };
}

function subRunOfInstance(sources: Sources, address: string): { subRun?: string } {
  const run = subRunOf(sources.attempts.get(address)?.job);
  return run === undefined ? {} : { subRun: run };
}

function environmentOf(sources: Sources, node: PlanNode): RunReport['environments'][string] {
  const { executor } = node;
  const seen = nodeView(sources.memory.linked.graph, sources.state, node.id);
  const operator = executor.kind === 'prepare' ? executor.operator : undefined;
  const prepared = sources.attempts.get(node.id)?.report?.prepared;
  const { reason, message } = about(sources, node.id);
  return {
    status: shown(seen.status, noticeOf(sources, node.id, seen.attempt)),
    operator:
      operator === undefined
        ? node.id
        : 'git' in operator
          ? `${shownAddress(operator.git)}#${operator.tag}`
          : operator.path,
    kind: executor.kind === 'prepare' ? executor.environment.kind : 'host',
    ...(prepared?.commit === undefined ? {} : { commit: prepared.commit }),
    ...(prepared?.dirty === undefined ? {} : { dirty: prepared.dirty }),
    ...(prepared?.environment === undefined ? {} : { environment: prepared.environment }),
    ...(prepared?.built === undefined ? {} : { built: prepared.built }),
    ...(prepared?.seconds === undefined ? {} : { seconds: prepared.seconds }),
    ...(prepared?.warnings === undefined ? {} : { warnings: prepared.warnings }),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

/** The pool of variables of a run. */
export async function readVariables(service: Service, ref: RunRef): Promise<Variables> {
  const held = await hold(service, ref);
  const { memory } = held;
  const { state } = await loadRun(held);
  const nodes: Record<string, Outputs> = {};
  for (const node of memory.linked.plan.nodes) {
    if (node.executor.kind === 'prepare') continue;
    if (nodeView(memory.linked.graph, state, node.id).status !== 'completed') continue;
    nodes[node.id] = await loadOutputs(held, state, node.id);
  }
  return { 'pipeline.input': memory.start.inputs, system: systemOf(memory.start), nodes };
}
