// Gets one step ready to run: its code, environment, variables and command, with all templates filled in.
import path from 'node:path';
import type { PlanNode } from '#schemas/plan.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { Outputs } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import type { Cage } from './cage.ts';
import { contractVariables, GPUS_VARIABLE, stepFiles, writeInputs } from './contract.ts';
import { bounded, reasonOf } from './failure.ts';
import type { Halt, Halter } from './halt.ts';
import { inherited, type Variables } from './host-environment.ts';
import type { StepLog } from './log-writer.ts';
import type { Mask } from './mask.ts';
import type { Pauser } from './pauser.ts';
import {
  type Inputs,
  plainInputs,
  type Rendering,
  renderCommandLine,
  renderInputs,
  renderText,
} from './render.ts';
import { runStep, type StepEnd, stepReport } from './run-step.ts';
import { type StepRoot, stepRoot } from './step-root.ts';
import type { Places } from './workspaces.ts';
import type { World } from './world.ts';

export type StepsWork = Extract<WorkOrder['work'], { kind: 'steps' }>;

export interface StepsOrder {
  readonly order: WorkOrder;
  readonly work: StepsWork;
  readonly secrets: Readonly<Record<string, string>>;
  readonly cage: Cage | undefined;
  readonly log: StepLog;
  readonly places: Places;
  readonly mask: Mask;
  readonly mark: string;
  /** Its graphics processors; undefined where the machine itself is all its own. */
  readonly gpus: readonly string[] | undefined;
  readonly pauser: Pauser;
  readonly halter: Halter;
}

/** What is the same for all steps of the node. */
export interface Prepared {
  readonly rendering: Rendering;
  readonly inputs: Inputs;
  readonly inputsFile: string;
  /** What programs inherit from the host. */
  readonly inherited: Variables;
  /** Variables of the order, over those of a step's environment. */
  readonly ordered: Variables;
}

/** Throws StepFailure when an input cannot be evaluated. */
export function prepareSteps(
  world: World,
  node: StepsOrder,
  steps: ReadonlyMap<string, Outputs>,
): Prepared {
  const { work, order } = node;
  const rendering: Rendering = {
    dataDir: world.dataDir,
    scope: work.scope,
    secrets: node.secrets,
    mask: node.mask,
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

/** One start of one step. `turn` counts the starts of the attempt: a step that is tried again gets files of its own. */
export interface Turn {
  readonly step: PlanNode;
  readonly turn: number;
  readonly halter: Halter;
}

/** Never rejects: what goes wrong before the program starts is the step's failure. */
export async function oneStep(
  world: World,
  node: StepsOrder,
  prepared: Prepared,
  turn: Turn,
): Promise<StepEnd> {
  const { step, halter } = turn;
  try {
    if (halter.halt !== undefined) return haltedBefore(step, halter.halt);
    return await startStep(world, { ...node, halter }, prepared, turn);
  } catch (error) {
    if (halter.halt !== undefined) return haltedBefore(step, halter.halt);
    const { reason, message } = reasonOf(error);
    const text = bounded(node.mask.text(`step "${step.label ?? step.id}": ${message}`));
    node.log.say(step.label ?? step.id, text);
    const result: AttemptResult = { result: 'failed', reason, message: text, step: step.id };
    return { result, report: stepReport(step, result) };
  }
}

function haltedBefore(step: PlanNode, halt: Halt): StepEnd {
  const result: AttemptResult = { result: halt.kind, message: halt.message };
  return { result, report: stepReport(step, result) };
}

async function startStep(
  world: World,
  node: StepsOrder,
  prepared: Prepared,
  { step, turn, halter }: Turn,
): Promise<StepEnd> {
  if (step.executor.kind === 'sql') {
    const { startQuery } = await import('./sql-step.ts');
    return startQuery(world, node, prepared, { step, turn, halter });
  }
  const root = await stepRoot(world, node, {
    node: step,
    turn,
    inherited: prepared.inherited,
  });
  try {
    return await runIn(root, world, { ...node, halter }, { prepared, step, turn });
  } finally {
    root.release?.();
  }
}

async function runIn(
  root: StepRoot,
  world: World,
  node: StepsOrder,
  { prepared, step, turn }: { prepared: Prepared; step: PlanNode; turn: number },
): Promise<StepEnd> {
  const files = stepFiles(node.places, turn);
  const environment: Variables = {
    ...prepared.inherited,
    // Who asks for none sees none, unless the pipeline itself says otherwise.
    ...(node.gpus === undefined ? {} : { [GPUS_VARIABLE]: '' }),
    ...root.activation,
    ...prepared.ordered,
  };
  renderLayer(groupEnvironment(node, step), { ...prepared, into: environment });
  renderLayer(step.env ?? {}, { ...prepared, into: environment });
  keepActive(environment, root.activation);
  Object.assign(
    environment,
    contractVariables({ ...node, files, inputs: prepared.inputsFile, step: step.label ?? step.id }),
  );
  const hidden: Variables = {};
  const command = renderCommandLine(root.command, prepared, hidden);
  return runStep(world, {
    ...node,
    step,
    files,
    environment: { ...environment, ...hidden },
    folder: root.folder,
    command,
  });
}

/** A PATH that the pipeline sets stands behind the programs of the environment, or the step would run outside of it. */
function keepActive(environment: Variables, activation: Variables): void {
  const [own] = activation['PATH']?.split(path.delimiter) ?? [];
  const chosen = environment['PATH'];
  if (own === undefined || chosen === undefined) return;
  if (!chosen.split(path.delimiter).includes(own))
    environment['PATH'] = [own, chosen].join(path.delimiter);
}

/** Variables of the inner groups round a step, outermost first. */
function groupEnvironment(node: StepsOrder, step: PlanNode): Readonly<Record<string, string>> {
  const { groups } = node.work.plan;
  const layers: Readonly<Record<string, string>>[] = [];
  for (let at = step.group; at >= 0 && layers.length < groups.length; at = groups[at]?.parent ?? -1)
    layers.unshift(groups[at]?.env ?? {});
  return Object.assign({}, ...layers);
}
