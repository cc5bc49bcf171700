// Environments: how soon a program starts in one that is ready, and what a rebuild costs beside the tool alone.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OperatorCode, operatorCode } from '#runner/code/operator-code.ts';
import { ensureEnvironment } from '#runner/environments/build.ts';
import type { Tools } from '#runner/environments/kind.ts';
import { removeEnvironment } from '#runner/environments/store.ts';
import { findUv } from '#runner/environments/uv-tool.ts';
import { callTool } from '#runner/tool.ts';
import { limits } from '#schemas/limits.ts';
import { Engine, RunnerProcess } from '../test/runner/engine.ts';
import { anOrder } from '../test/runner/orders.ts';
import { aRepository } from '../test/runner/sources.ts';
import { type BenchRow, median, row, samples } from './row.ts';

const ROUNDS = 5;
const PROJECT = fileURLToPath(new URL('../examples/flights/operators/chart', import.meta.url));
const environment = { kind: 'uv', project: 'pyproject.toml' } as const;
const operator = { git: './chart', tag: 'v1.0.0' };

export async function rows(): Promise<BenchRow[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mr-bench-'));
  try {
    const files = ['pyproject.toml', 'uv.lock', 'main.py'].map((name): [string, string] => [
      name,
      readFileSync(path.join(PROJECT, name), 'utf8'),
    ]);
    const commit = aRepository(path.join(folder, 'chart'), Object.fromEntries(files));
    return [await start(folder, commit), await rebuild(folder)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From the order to the first thing the program does: claimed, code copied, environment found, shell and Python started. */
async function start(folder: string, commit: string): Promise<BenchRow> {
  const runner = new RunnerProcess({
    dataDir: path.join(folder, 'data'),
    cacheDir: path.join(folder, 'cache'),
  });
  try {
    const engine = await Engine.connect(runner);
    const command = `python -I -S -c 'import time; print("at=%d" % time.time_ns())' >> "$MILLRACE_OUTPUTS"`;
    const one = async (): Promise<number> => {
      const order = anOrder([{ command, operator, environment }], {
        folder,
        sources: { './chart#v1.0.0': { commit } },
      });
      const begun = Date.now();
      const { result } = await engine.run(order);
      return result.result === 'completed'
        ? Number(result.outputs['at']) / 1e6 - begun
        : Number.NaN;
    };
    await one();
    return row('warm environment: start-node to first instruction', await samples(ROUNDS, one), {
      unit: 'ms',
      atMost: 30,
    });
  } finally {
    await runner.remove();
  }
}

/** Both with the same warm cache of the tool, the same interpreter, and no environment there. */
async function rebuild(folder: string): Promise<BenchRow> {
  const tools: Tools = { cacheDir: path.join(folder, 'cache'), host: process.env };
  const code = await operatorCode(tools, { operator, folder, sources: {} });
  const { program } = await findUv(tools);
  const python = await interpreterOf(code, tools);
  const bare = async (): Promise<number> => {
    const project = path.join(folder, 'bare');
    cpSync(code.folder, project, { recursive: true });
    const begun = performance.now();
    await callTool({
      program,
      args: ['sync', '--frozen', '--no-dev'],
      folder: project,
      environment: { ...process.env, UV_PYTHON: python, UV_PYTHON_DOWNLOADS: 'never' },
      timeout: limits.environmentTimeout,
    });
    const took = performance.now() - begun;
    rmSync(project, { recursive: true });
    return took;
  };
  const ours = async (): Promise<number> => {
    const begun = performance.now();
    const ensured = await ensureEnvironment(environment, code, tools);
    const took = performance.now() - begun;
    if (ensured !== undefined) removeEnvironment(tools.cacheDir, ensured.key);
    return took;
  };
  await ours();
  await bare();
  const times: { ours: number; bare: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    times.push({ ours: await ours(), bare: await bare() });
  const tool = median(times.map((time) => time.bare));
  const ratios = times.map((time) => time.ours / tool);
  return row('warm rebuild of an environment / bare uv sync', ratios, {
    unit: '×',
    atMost: 1.1,
    note: `${median(times.map((time) => time.ours)).toFixed(0)} ms against ${tool.toFixed(0)} ms`,
  });
}

async function interpreterOf(code: OperatorCode, tools: Tools): Promise<string> {
  const ensured = await ensureEnvironment(environment, code, tools);
  const config = readFileSync(path.join(ensured?.folder ?? '', 'env/pyvenv.cfg'), 'utf8');
  if (ensured !== undefined) removeEnvironment(tools.cacheDir, ensured.key);
  const home = /^home = (.*)$/m.exec(config)?.[1] ?? '';
  return path.join(home, 'python3');
}
