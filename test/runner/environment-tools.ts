// Where the tools of environment tests lie: what `npm test` sets up. A missing one fails the test that asks for it, by its name.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TOOLS = path.join(ROOT, '.tools');

function demanded(file: string, lacks: string): string {
  if (!existsSync(file))
    throw new Error(`${lacks} is not installed; wanted is: node tools/environment-tools.mjs`);
  return file;
}

/** pixi itself, an old release that can be had as source. */
export const pixiProgram = (): string => demanded(path.join(TOOLS, 'pixi'), 'pixi (crate pixi)');

export const poetryProgram = (): string =>
  demanded(path.join(TOOLS, 'poetry/venv/bin/poetry'), 'poetry (PyPI package poetry)');

/** Python with conda-pack and rattler. */
export const condaPython = (): string =>
  demanded(
    path.join(TOOLS, 'conda/venv/bin/python'),
    'conda-pack (PyPI packages conda-pack and py-rattler)',
  );

/** A stand-in for conda, which cannot be had here: it says so of itself. */
export const condaStandIn = (): string => path.join(ROOT, 'test/support/conda/conda');

/** Address of a channel with a Python and a few packages. */
export const channel = (): string =>
  `file://${demanded(path.join(TOOLS, 'conda/channel'), 'the local channel of conda')}`;
