// Where a step runs and what its environment adds.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Defect } from '#errors/families.ts';
import type { PlanNode } from '#schemas/plan.ts';
import { StepFailure } from './failure.ts';
import type { Variables } from './host-environment.ts';
import type { StepsOrder } from './walk-steps.ts';
import type { World } from './world.ts';

export interface StepRoot {
  readonly command: string;
  readonly folder: string;
  readonly activation: Variables;
}

export async function stepRoot(_world: World, node: StepsOrder, step: PlanNode): Promise<StepRoot> {
  const { executor } = step;
  if (executor.kind !== 'command')
    throw new Defect(`step "${step.id}" has executor ${executor.kind}; a runner does commands`);
  return {
    command: executor.command,
    folder: inside(node.places.work, executor.cwd),
    activation: {},
  };
}

/** A folder below the root, made when it is not there. Nothing leads out of the root. */
export function inside(root: string, cwd: string | undefined): string {
  if (cwd === undefined || cwd === '' || cwd === '.') return root;
  const folder = path.resolve(root, cwd);
  if (folder !== root && !folder.startsWith(root + path.sep))
    throw new StepFailure('start_failed', `working directory "${cwd}" is outside of the workspace`);
  mkdirSync(folder, { recursive: true });
  return folder;
}
