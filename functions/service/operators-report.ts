// The operators of a production line as people see them: what the steps of its nodes came to, with the environments they ran in.
import { canonical } from '#core/compile/canonical.ts';
import type { Environment, OperatorSource, Plan, PlanNode } from '#schemas/plan.ts';
import type { NodeReport, OperatorReport, RunReport } from '#schemas/report.ts';
import type { AttemptItem, StepReport } from '#schemas/run.ts';
import { triesOf } from './step-tries.ts';

/** What is known of a run besides its plan. */
interface Known {
  readonly nodes: RunReport['nodes'];
  readonly environments: RunReport['environments'];
  /** Of all nodes, in any order. */
  readonly attempts: readonly AttemptItem[];
}

/** By how they are spelled, in the order of the plan; nothing for other pipelines. */
export function operatorsOf(plan: Plan, known: Known): Pick<RunReport, 'operators'> {
  if (plan.dialect !== 'operators') return {};
  const prepared = preparations(plan, known.environments);
  const attempts = attemptsByNode(known.attempts);
  const operators: [string, OperatorReport][] = [];
  for (const node of plan.nodes) {
    const report = known.nodes[node.id];
    if (node.executor.kind !== 'steps' || report === undefined) continue;
    const own = attempts.get(node.id) ?? [];
    for (const step of node.executor.plan.nodes) {
      const work = {
        ...{ node: node.id, report, tries: reportsOf(step, own), wait: waitOf(report, own) },
        starts: triesOf(step.id, own),
      };
      operators.push([step.label ?? step.id, operatorOf(work, environmentOf(step, prepared))]);
    }
  }
  return { operators: Object.fromEntries(operators) };
}

/** How what a `prepare` node prepares is called in the report. */
export const environmentName = ({ id, label }: PlanNode): string => label ?? id.slice(1);

type Preparation = RunReport['environments'][string];

const keyOf = (operator: OperatorSource, environment: Environment): string => {
  // Two operators may call the same environment differently.
  const { name: _, ...rest } = { name: undefined, ...environment };
  return canonical([operator, rest]);
};

function preparations(
  plan: Plan,
  environments: RunReport['environments'],
): ReadonlyMap<string, Preparation> {
  const found = new Map<string, Preparation>();
  for (const node of plan.nodes) {
    const { executor } = node;
    const report = environments[environmentName(node)];
    if (executor.kind === 'prepare' && report !== undefined)
      found.set(keyOf(executor.operator, executor.environment), report);
  }
  return found;
}

function environmentOf(
  { executor }: PlanNode,
  prepared: ReadonlyMap<string, Preparation>,
): Preparation | undefined {
  if (executor.kind !== 'command' || executor.operator === undefined) return undefined;
  return prepared.get(keyOf(executor.operator, executor.environment));
}

/** Oldest first. */
function attemptsByNode(attempts: readonly AttemptItem[]): ReadonlyMap<string, AttemptItem[]> {
  const found = new Map<string, AttemptItem[]>();
  for (const attempt of attempts.toSorted((a, b) => a.attempt - b.attempt)) {
    const known = found.get(attempt.address);
    if (known === undefined) found.set(attempt.address, [attempt]);
    else known.push(attempt);
  }
  return found;
}

function reportsOf({ id }: PlanNode, attempts: readonly AttemptItem[]): readonly StepReport[] {
  return attempts.flatMap(({ report }) => report?.steps?.find((step) => step.id === id) ?? []);
}

/** Milliseconds until the first attempt found room. */
function waitOf({ startedAt }: NodeReport, [first]: readonly AttemptItem[]): number {
  const began = first?.report?.startedAt;
  return startedAt === undefined || began === undefined
    ? 0
    : Math.max(0, began - Date.parse(startedAt));
}

interface Work {
  readonly node: string;
  readonly report: NodeReport;
  /** What each attempt of the node told of this step, oldest first. */
  readonly tries: readonly StepReport[];
  readonly wait: number;
  /** How often it was tried, if it was. */
  readonly starts: number;
}

function operatorOf(work: Work, prepared: Preparation | undefined): OperatorReport {
  const { node, report, tries } = work;
  const last = tries.at(-1);
  const worked = tries.reduce((sum, step) => sum + workedIn(step), 0);
  const began = tries.find(({ startedAt }) => startedAt !== undefined)?.startedAt;
  const waited = tries.reduce(
    (sum, { queued = 0 }) => sum + queued,
    began === undefined ? 0 : work.wait,
  );
  const { commit, environment, built, seconds = 0 } = prepared ?? {};
  return {
    ...endOf(report, last),
    node,
    attempts: began === undefined ? 0 : work.starts,
    ...(commit === undefined ? {} : { commit }),
    ...(environment === undefined || built === undefined
      ? {}
      : { environment: { digest: environment, result: built ? 'built' : 'reused' } }),
    ...(began === undefined ? {} : { startedAt: iso(began) }),
    ...(last?.endedAt === undefined ? {} : { endedAt: iso(last.endedAt) }),
    queueSeconds: waited / 1_000,
    buildSeconds: built === true ? seconds : 0,
    workSeconds: worked / 1_000,
    ...(last?.peaks === undefined ? {} : { peaks: last.peaks }),
    ...seededIn(report, last),
  };
}

/** What the step itself came to, as soon as its node has told; until then what its node does. */
function endOf(
  node: NodeReport,
  step: StepReport | undefined,
): Pick<OperatorReport, 'status' | 'reason' | 'message' | 'exitCode'> {
  const told = node.endedAt !== undefined && step !== undefined ? step : node;
  const { status, reason, message, exitCode } = told;
  return {
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(exitCode === undefined || status === 'completed' ? {} : { exitCode }),
  };
}

function seededIn(node: NodeReport, step: StepReport | undefined): { seededFrom?: string } {
  const seededFrom = node.seededFrom ?? step?.seededFrom;
  return seededFrom === undefined ? {} : { seededFrom };
}

function workedIn({ worked, startedAt, endedAt }: StepReport): number {
  if (worked !== undefined) return worked;
  return startedAt === undefined || endedAt === undefined ? 0 : Math.max(0, endedAt - startedAt);
}

const iso = (at: number): string => new Date(at).toISOString();
