// Walks the steps of one node on this machine.
import type { PlanNode } from '#schemas/plan.ts';
import type { AttemptResult, StepReport } from '#schemas/run.ts';
import type { Outputs } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import type { Cage } from './cage.ts';
import { contractVariables, stepFiles, writeInputs } from './contract.ts';
import { bounded, reasonOf } from './failure.ts';
import type { Halter } from './halt.ts';
import { inherited, type Variables } from './host-environment.ts';
import type { LogWriter } from './log-writer.ts';
import type { Mask } from './mask.ts';
import {
  type Inputs,
  plainInputs,
  type Rendering,
  renderCommandLine,
  renderInputs,
  renderText,
} from './render.ts';
import { runStep, type StepEnd, stepReport } from './run-step.ts';
import { stepRoot } from './step-root.ts';
import type { Places } from './workspaces.ts';
import type { World } from './world.ts';

export type StepsWork = Extract<WorkOrder['work'], { kind: 'steps' }>;

export interface StepsOrder {
  readonly order: WorkOrder;
  readonly work: StepsWork;
  readonly secrets: Readonly<Record<string, string>>;
  readonly cage: Cage | undefined;
  readonly log: LogWriter;
  readonly places: Places;
  readonly mask: Mask;
  readonly mark: string;
  readonly halter: Halter;
}

export interface StepsOutcome {
  readonly result: AttemptResult;
  readonly steps: readonly StepReport[];
}

/** What is the same for all steps of the node. */
interface Prepared {
  readonly rendering: Rendering;
  readonly inputs: Inputs;
  readonly inputsFile: string;
  /** What programs inherit from the host. */
  readonly inherited: Variables;
  /** Variables of the order, over those of a step's environment. */
  readonly ordered: Variables;
}

export async function walkSteps(world: World, node: StepsOrder): Promise<StepsOutcome> {
  const outputs = new Map<string, Outputs>();
  const prepared = prepare(world, node, outputs);
  const reports: StepReport[] = [];
  let joined: Outputs = {};
  let ended: AttemptResult | undefined;
  for (const [index, step] of node.work.plan.nodes.entries()) {
    if (ended !== undefined) {
      reports.push({ id: step.id, status: 'skipped' });
      continue;
    }
    const { result, report } = await oneStep(world, node, { prepared, step, index });
    reports.push(report);
    if (result.result === 'completed') {
      outputs.set(step.id, result.outputs);
      joined = { ...joined, ...result.outputs };
    } else ended = result;
  }
  return { result: ended ?? { result: 'completed', outputs: joined }, steps: reports };
}

function prepare(world: World, node: StepsOrder, steps: ReadonlyMap<string, Outputs>): Prepared {
  const { work, order } = node;
  const rendering: Rendering = {
    dataDir: world.dataDir,
    scope: work.scope,
    secrets: node.secrets,
    steps,
  };
  const inputs = renderInputs(work.inputs, rendering);
  const ordered: Variables = {};
  for (const layer of work.env) renderLayer(layer, { rendering, inputs, into: ordered });
  return {
    rendering,
    inputs,
    inherited: inherited(world.host, order.allowEnv),
    ordered,
    inputsFile: writeInputs(world.dataDir, node.places, plainInputs(inputs, world.dataDir)),
  };
}

function renderLayer(
  layer: Readonly<Record<string, string>>,
  target: { rendering: Rendering; inputs: Inputs; into: Variables },
): void {
  for (const [name, text] of Object.entries(layer))
    target.into[name] = renderText(text, `variable ${name}`, target);
}

async function oneStep(
  world: World,
  node: StepsOrder,
  place: { prepared: Prepared; step: PlanNode; index: number },
): Promise<StepEnd> {
  const { step } = place;
  try {
    const halted = node.halter.halt;
    if (halted !== undefined) return haltedBefore(step, halted);
    return await startStep(world, node, place);
  } catch (error) {
    const halted = node.halter.halt;
    if (halted !== undefined) return haltedBefore(step, halted);
    const { reason, message } = reasonOf(error);
    const text = bounded(node.mask.text(`step "${step.label ?? step.id}": ${message}`));
    node.log.say(step.id, text);
    const result: AttemptResult = { result: 'failed', reason, message: text, step: step.id };
    return { result, report: stepReport(step, result) };
  }
}

function haltedBefore(
  step: PlanNode,
  halt: { kind: 'cancelled' | 'timed_out'; message: string },
): StepEnd {
  const result: AttemptResult = { result: halt.kind, message: halt.message };
  return { result, report: stepReport(step, result) };
}

async function startStep(
  world: World,
  node: StepsOrder,
  { prepared, step, index }: { prepared: Prepared; step: PlanNode; index: number },
): Promise<StepEnd> {
  const root = await stepRoot(world, node, { node: step, index, inherited: prepared.inherited });
  const files = stepFiles(node.places, index);
  const environment: Variables = {
    ...prepared.inherited,
    ...root.activation,
    ...prepared.ordered,
  };
  renderLayer(groupEnvironment(node, step), { ...prepared, into: environment });
  renderLayer(step.env ?? {}, { ...prepared, into: environment });
  Object.assign(
    environment,
    contractVariables({ ...node, files, inputs: prepared.inputsFile, step: step.label ?? step.id }),
  );
  return runStep(world, {
    ...node,
    step,
    files,
    environment,
    folder: root.folder,
    command: renderCommandLine(root.command, prepared),
  });
}

/** Variables of the inner groups round a step, outermost first. */
function groupEnvironment(node: StepsOrder, step: PlanNode): Readonly<Record<string, string>> {
  const { groups } = node.work.plan;
  const layers: Readonly<Record<string, string>>[] = [];
  for (let at = step.group; at >= 0 && layers.length < groups.length; at = groups[at]?.parent ?? -1)
    layers.unshift(groups[at]?.env ?? {});
  return Object.assign({}, ...layers);
}
