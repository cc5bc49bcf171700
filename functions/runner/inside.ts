// Folders that a pipeline names: below a root, and nowhere else.
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { StepFailure } from '#core/failures.ts';

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
