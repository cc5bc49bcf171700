// Where an operator's step runs: in a copy of its tree, with its environment.
import { StepFailure } from '#core/failures.ts';
import type { Environment, OperatorSource, PlanNode } from '#schemas/plan.ts';
import { operatorCode } from './code/operator-code.ts';
import { activation, useEnvironment } from './environments/build.ts';
import type { Variables } from './host-environment.ts';
import { inside } from './inside.ts';
import { LogStream } from './log-writer.ts';
import { toolsOf } from './prepare.ts';
import type { StepsOrder } from './start-step.ts';
import type { StepRoot } from './step-root.ts';
import type { World } from './world.ts';

export interface OperatorStep {
  readonly node: PlanNode;
  readonly turn: number;
  readonly inherited: Variables;
  readonly command: string;
  readonly cwd: string | undefined;
  readonly environment: Environment;
  readonly operator: OperatorSource;
}

/** The copy is this step's own. Throws StepFailure `environment_failed`. */
export async function operatorRoot(
  world: World,
  node: StepsOrder,
  step: OperatorStep,
): Promise<StepRoot> {
  const { command, cwd, environment, operator } = step;
  const stream = new LogStream(node.log, { step: step.node.id, stream: 'stderr', mask: node.mask });
  const tools = toolsOf(world, { ...node, onOutput: (chunk) => stream.push(chunk) });
  let release: (() => void) | undefined;
  try {
    const code = await operatorCode(tools, { ...node.order, operator });
    const used = await useEnvironment(environment, code, tools);
    release = used.release;
    const root = node.places.tree(step.turn);
    await code.copy(root);
    return {
      command,
      folder: inside(root, cwd),
      activation: activation(environment, used.ensured, step.inherited),
      release,
    };
  } catch (error) {
    release?.();
    if (error instanceof StepFailure) throw error;
    throw new StepFailure(
      'environment_failed',
      error instanceof Error ? error.message : String(error),
    );
  } finally {
    stream.end();
  }
}
