// Production lines: what one of ten operators costs when all is there already, and how fast the log of one operator is written.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEngine } from '#local/engine.ts';
import { prepareRun } from '#local/prepare-run.ts';
import { allProcesses } from '#runner/processes.ts';
import { runReport } from '#schemas/report.ts';
import { aProject, aRepository } from '../test/runner/sources.ts';
import { type BenchRow, elapsed, median, row, samples } from './row.ts';

const ROUNDS = 5;
const OPERATORS = 10;
const LINES = 1_000_000;
const BIN = fileURLToPath(new URL('../bin/millrace.js', import.meta.url));
const RUNNER = fileURLToPath(new URL('../bin/runner.js', import.meta.url));
const UV = fileURLToPath(new URL('../.tools/bin/uv', import.meta.url));

export async function rows(): Promise<BenchRow[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mr-bench-'));
  try {
    return [await warm(folder), ...(await flood(folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The whole program, from its start to its end, less what its report says that the operators worked. */
async function warm(folder: string): Promise<BenchRow> {
  const names = Array.from({ length: OPERATORS }, (_, index) => `op-${index}`);
  for (const name of names) aRepository(path.join(folder, name), aProject(name));
  const operators = names.map(
    (name, index) =>
      `  - { operator_id: ${name}, git_repo: ./${name}, git_tag: v1.0.0, env_config: { pyproject_path: pyproject.toml }, start_command: "python -c pass", upstream_dependencies: [${index === 0 ? '' : names[index - 1]}] }\n`,
  );
  const file = path.join(folder, 'line.yaml');
  writeFileSync(
    file,
    `pipeline_id: line\nwork_dir: ./ws\noperators:\n${operators.join('')}nodes:\n  - { node_id: one, operator_ids: [${names.join(', ')}] }\n`,
  );
  const env = { ...process.env, MILLRACE_CACHE_DIR: path.join(folder, 'cache'), MILLRACE_UV: UV };
  let worked = 0;
  const once = (): Promise<number> =>
    elapsed(() => {
      const printed = execFileSync(process.execPath, [BIN, 'run', file, '--json'], {
        cwd: folder,
        env,
        encoding: 'utf8',
      });
      const report = runReport.parse(JSON.parse(printed.trim().split('\n').at(-1) ?? ''));
      const seconds = Object.values(report.operators ?? {}).map((each) => each.workSeconds ?? 0);
      worked = seconds.reduce((sum, each) => sum + each, 0);
    });
  await once();
  const over = await samples(ROUNDS, async () => (await once()) / 1000 - worked);
  return row(`warm line of ${OPERATORS} operators, above the programs themselves`, over, {
    unit: 's',
    atMost: 0.3,
  });
}

/** Lines that reach the log of the run, the file for people and the one for programs; the largest that the runner ever was. */
async function flood(folder: string): Promise<BenchRow[]> {
  aRepository(path.join(folder, 'flood'), { 'main.py': '' });
  const file = path.join(folder, 'flood.yaml');
  const print = `seq -f 'processed record %.0f of the input' ${LINES}`;
  writeFileSync(
    file,
    `pipeline_id: flood\nwork_dir: ./flooded\noperators:\n  - { operator_id: floods, git_repo: ./flood, git_tag: v1.0.0, start_command: "${print}" }\nnodes:\n  - { node_id: one, operator_ids: [floods] }\n`,
  );
  const dataDir = path.join(folder, 'data');
  const cacheDir = path.join(folder, 'cache');
  const engine = await openEngine({ dataDir, cacheDir, runner: RUNNER });
  const logs = path.join(folder, 'flooded/logs');
  let memory = 0;
  const once = async (): Promise<number> => {
    rmSync(logs, { recursive: true, force: true });
    const options = { file, inputs: [], with: {}, allowEnv: [], offline: false, dataDir, cacheDir };
    const prepared = await prepareRun(options);
    if ('problems' in prepared) throw new TypeError(prepared.problems[0]?.message);
    const { run } = await engine.control.start(prepared.request);
    const report = await engine.wait(run);
    const { startedAt = '', endedAt = '' } = report.nodes['one'] ?? {};
    const found = readdirSync(logs)
      .filter((name) => /^pipeline\.log(\.\d+)?$/.test(name))
      .map((name) => readFileSync(path.join(logs, name), 'utf8').split(' stdout | ').length - 1)
      .reduce((sum, each) => sum + each, 0);
    if (found !== LINES) throw new TypeError(`${found} lines of ${LINES} are in the log`);
    memory = Math.max(memory, peakOf(dataDir));
    return LINES / ((Date.parse(endedAt) - Date.parse(startedAt)) / 1000);
  };
  try {
    const speeds = await samples(ROUNDS, once);
    return [
      row('log of one operator, three files, none lost', speeds, {
        unit: 'lines/s',
        atLeast: 200_000,
        note: `median of ${ROUNDS}: ${median(speeds).toFixed(0)}`,
      }),
      row('largest runner meanwhile', [memory], { unit: 'MiB', atMost: 300 }),
    ];
  } finally {
    await engine.close({ park: false });
  }
}

function peakOf(dataDir: string): number {
  for (const { pid } of allProcesses()) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes(RUNNER) || !command.includes(dataDir)) continue;
      const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      return Number(peak ?? 0) / 1024;
    } catch {
      // It ended meanwhile.
    }
  }
  return 0;
}
