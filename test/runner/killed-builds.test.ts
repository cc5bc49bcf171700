// Builds that are killed at any moment: what they left is never used. Real tools; the moments are spread over a build.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { operatorCode } from '#runner/code/operator-code.ts';
import { activation, ensureEnvironment } from '#runner/environments/build.ts';
import { listEnvironments, pruneEnvironments } from '#runner/environments/manage.ts';
import { packedEnvironment } from '#support/conda-archive.ts';
import { Engine, RunnerProcess, temporaryFolder } from './engine.ts';
import { pixiProgram } from './environment-tools.ts';
import { anOrder } from './orders.ts';
import { aProject, aRepository } from './sources.ts';

/** Kills of each kind; `MILLRACE_BUILD_KILLS=15` for as many as the page on environments tells of. */
const ROUNDS = Number(process.env['MILLRACE_BUILD_KILLS'] ?? 5);
/** Milliseconds of a build over which the kills are spread. */
const SPREAD = 600;
const operator = { git: './clean', tag: 'v1.0.0' };
const KINDS = [
  { kind: 'uv', project: 'pyproject.toml' },
  { kind: 'pixi', project: 'pixi.toml' },
] as const;

let folder: string;
let host: NodeJS.ProcessEnv;

beforeAll(() => {
  folder = temporaryFolder();
  const { manifest, lock } = packedEnvironment(folder);
  aRepository(path.join(folder, 'clean'), {
    ...aProject(),
    'pixi.toml': manifest,
    'pixi.lock': lock,
  });
  host = {
    ...process.env,
    MILLRACE_PIXI: pixiProgram(),
    PIXI_CACHE_DIR: path.join(folder, 'cache'),
  };
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Kills the runner after so many milliseconds of a build, by the kill that nobody can catch. */
async function killedBuild(
  round: number,
  context: { cacheDir: string },
  kind: (typeof KINDS)[number],
) {
  const dataDir = path.join(folder, `data-${kind.kind}-${round}`);
  const runner = new RunnerProcess({ ...context, dataDir, env: host });
  const engine = await Engine.connect(runner);
  engine.start({ ...anOrder([]), folder, work: { kind: 'prepare', operator, environment: kind } });
  await new Promise((resolve) => setTimeout(resolve, (round * SPREAD) / ROUNDS));
  await runner.kill();
}

test.each(KINDS)(
  '$kind: whatever a killed build left, what is used afterwards is whole',
  async (kind) => {
    const context = { cacheDir: path.join(folder, `cache-${kind.kind}`), host };
    let killed = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      await killedBuild(round, context, kind);
      const listed = await listEnvironments(context.cacheDir);
      killed += listed.every(({ ready }) => ready === undefined) ? 1 : 0;
      const code = await operatorCode(context, { operator, folder, sources: {} });
      const ensured = await ensureEnvironment(kind, code, context);
      const env = activation(kind, ensured, { PATH: '/usr/bin:/bin' });
      const script =
        kind.kind === 'pixi' ? 'hello-tool && python -c "import json"' : 'python -c "import json"';
      execFileSync('/bin/sh', ['-c', script], { env });
      await pruneEnvironments(context.cacheDir, { before: Date.now() + 60_000 });
    }
    // Otherwise nothing was shown: every build would have been over when it was killed.
    expect(killed).toBeGreaterThan(0);
  },
  240_000,
);
