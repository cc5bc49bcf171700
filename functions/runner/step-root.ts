// Where a step runs and what its environment adds.

import { StepFailure } from '#core/failures.ts';
import { Defect } from '#errors/families.ts';
import type { PlanNode } from '#schemas/plan.ts';
import type { Variables } from './host-environment.ts';
import { inside } from './inside.ts';
import { operatorRoot } from './operator-root.ts';
import type { StepsOrder } from './start-step.ts';
import type { World } from './world.ts';

export interface StepRoot {
  readonly command: string;
  readonly folder: string;
  readonly activation: Variables;
  /** To be called when the program has ended. */
  release?(): void;
}

/** With an operator: in a copy of its tree, which is this step's own. Without: in the workspace that all steps share. */
export async function stepRoot(
  world: World,
  node: StepsOrder,
  step: { readonly node: PlanNode; readonly turn: number; readonly inherited: Variables },
): Promise<StepRoot> {
  const { executor } = step.node;
  if (executor.kind !== 'command')
    throw new Defect(
      `step "${step.node.id}" has executor ${executor.kind}; a runner does commands`,
    );
  const { command, cwd, environment, operator } = executor;
  if (operator === undefined) {
    if (environment.kind !== 'host')
      throw new StepFailure(
        'environment_failed',
        `environment "${environment.kind}" needs an operator`,
      );
    return { command, folder: inside(node.places.work, cwd), activation: {} };
  }
  return operatorRoot(world, node, { ...step, command, cwd, environment, operator });
}
