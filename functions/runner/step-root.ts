// Where a step runs and what its environment adds.

import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { StepFailure } from '#core/failures.ts';
import { Defect } from '#errors/families.ts';
import type { PlanNode } from '#schemas/plan.ts';
import type { Variables } from './host-environment.ts';
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
  // Loaded with the first operator that there is: most runners never meet one.
  const { operatorRoot } = await import('./operator-root.ts');
  return operatorRoot(world, node, { ...step, command, cwd, environment, operator });
}

/** A folder below the root, made when it is not there. Nothing leads out of the root. */
export function inside(root: string, cwd: string | undefined): string {
  if (cwd === undefined || cwd === '' || cwd === '.') return root;
  const folder = path.resolve(root, cwd);
  // By name, and by where links lead that came with an operator's tree.
  if (!isBelow(folder, root) || !isBelow(realpathSync(thereOf(folder)), realpathSync(root)))
    throw new StepFailure('start_failed', `working directory "${cwd}" is outside of the workspace`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function isBelow(folder: string, root: string): boolean {
  return folder === root || folder.startsWith(root + path.sep);
}

/** The folder itself, or the nearest one above it that is there. */
function thereOf(folder: string): string {
  let at = folder;
  while (!existsSync(at) && path.dirname(at) !== at) at = path.dirname(at);
  return at;
}
