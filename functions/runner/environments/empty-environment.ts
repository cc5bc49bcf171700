// An environment with nothing in it, made once for each interpreter and copied for every build: a relocatable one may be.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Interpreter } from '#schemas/runner-files.ts';
import { withLease } from '../lease.ts';
import type { BuildPlace, Tools } from './kind.ts';
import { environmentsFolder } from './store.ts';
import type { Uv } from './uv-tool.ts';

export async function emptyEnvironment(
  uv: Uv,
  interpreter: Interpreter,
  place: BuildPlace,
  tools: Tools,
): Promise<string> {
  const name = createHash('sha256')
    .update(JSON.stringify([uv.version, interpreter]))
    .digest('hex')
    .slice(0, 24);
  const folder = path.join(environmentsFolder(tools.cacheDir), 'empty', name);
  if (existsSync(folder)) return folder;
  const lease = { folder: tools.cacheDir, name: `empty-${name}`, signal: tools.signal };
  await withLease(lease, async () => {
    if (existsSync(folder)) return;
    mkdirSync(path.dirname(folder), { recursive: true });
    const draft = `${folder}.${randomBytes(4).toString('hex')}`;
    try {
      // Relocatable must be said when an environment is made: a later sync keeps it, a sync alone does not make it so.
      const args = ['venv', '--relocatable', '--no-project', '--python', interpreter.path, draft];
      await place.command(uv.program, args, {
        folder: path.dirname(folder),
        environment: { UV_PYTHON_DOWNLOADS: 'never', NO_COLOR: '1' },
      });
      renameSync(draft, folder);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  });
  return folder;
}
