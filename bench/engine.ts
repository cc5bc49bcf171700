// The whole engine on one machine: chains and fan-outs of real processes, durable.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '#core/compile/compile.ts';
import { openEngine } from '#local/engine.ts';
import type { Json } from '#schemas/values.ts';
import { type BenchRow, elapsed, median, row, samples } from './row.ts';

const CHAIN = 40;
/** An engine that has been at work for a few seconds. */
const CHAINS_BEFORE = 5;
const RUNNER = fileURLToPath(new URL('../bin/runner.js', import.meta.url));

interface Measured {
  readonly milliseconds: number;
  readonly commits: number;
}

/** `earlier`: runs that the engine has served before the one that counts. */
async function runOnce(yaml: string, warm: string, earlier = 1): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const compiled = compile({ text: yaml });
  if (!compiled.ok) throw new TypeError(JSON.stringify(compiled.problems[0]));
  const engine = await openEngine({
    dataDir: join(folder, 'data'),
    // The bundle, as users have it: a runner from its sources carries the compiler with it.
    runner: RUNNER,
    cacheDir: join(folder, 'cache'),
  });
  try {
    // Not the first run of an engine: that one is slower by what Node compiles meanwhile.
    for (let run = 0; run < earlier; run += 1) await measure(engine, warm);
    const before = engine.commits;
    const milliseconds = await measure(engine, yaml);
    return { milliseconds, commits: engine.commits - before };
  } finally {
    await engine.close({ park: false });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  engine: Awaited<ReturnType<typeof openEngine>>,
  yaml: string,
): Promise<number> {
  const compiled = compile({ text: yaml });
  if (!compiled.ok) throw new TypeError(JSON.stringify(compiled.problems[0]));
  return elapsed(async () => {
    const { run } = await engine.control.start({
      plan: compiled.plan as Json,
      inputs: {},
      sources: {},
    });
    const report = await engine.wait(run);
    if (report.status === 'completed') return;
    const broken = Object.values(report.nodes).find(({ status }) => status === 'failed');
    throw new TypeError(`the run ended ${report.status}: ${broken?.message ?? report.message}`);
  });
}

function chainYaml(length: number): string {
  const nodes = Array.from({ length }, (_, index) => {
    const needs = index === 0 ? '' : `\n    needs: [n${index - 1}]`;
    return `  - id: n${index}${needs}\n    steps: [{ command: "exec ${python} -I -S -c 'pass'" }]`;
  });
  return `id: chain\nnodes:\n${nodes.join('\n')}\n`;
}

function fanYaml(width: number): string {
  const nodes = Array.from(
    { length: width },
    (_, index) => `  - { id: n${index}, steps: [{ command: exec /bin/true }] }`,
  );
  const needs = Array.from({ length: width }, (_, index) => `n${index}`).join(', ');
  return `id: fan\nnodes:\n${nodes.join('\n')}\n  - { id: join, needs: [${needs}] }\n`;
}

// The interpreter itself: what stands for it on the PATH may be a script that takes longer than the program.
const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], {
  encoding: 'utf8',
}).trim();

const SPAWNS = `
import { spawn } from 'node:child_process';
const start = performance.now();
for (let index = 0; index < ${CHAIN}; index += 1) {
  const args = ['-c', 'exec ${python} -I -S -c pass'];
  const child = spawn('/bin/sh', args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  await new Promise((resolve) => child.on('close', resolve));
}
console.log(performance.now() - start);
`;

export async function rows(): Promise<readonly BenchRow[]> {
  // A process of Node that does nothing else starts the same programs one after the other, with their pipes, as a runner must.
  const bare = await samples(5, () =>
    Number(
      execFileSync(process.execPath, ['--input-type=module', '--eval', SPAWNS], {
        encoding: 'utf8',
      }),
    ),
  );
  const chains: Measured[] = [];
  for (let round = 0; round < 5; round += 1)
    chains.push(await runOnce(chainYaml(CHAIN), chainYaml(CHAIN), CHAINS_BEFORE));
  const second = await runOnce(chainYaml(CHAIN), chainYaml(CHAIN));
  const spawn = median(bare) / CHAIN;
  const overhead = chains.map(({ milliseconds }) => milliseconds / CHAIN - spawn);
  // What the run itself costs (its creation, its first advance) is counted by a chain of one node.
  const { commits: one } = await runOnce(chainYaml(1), chainYaml(1));
  const commits = chains.map((chain) => (chain.commits - one) / (CHAIN - 1));
  const found: BenchRow[] = [
    row('chain of 40 python3 nodes: a node beyond its spawn', overhead, {
      atMost: 3,
      unit: 'ms',
      note: `spawn ${spawn.toFixed(2)} ms; ${(second.milliseconds / CHAIN - spawn).toFixed(2)} ms in the second run of an engine`,
    }),
    row('chain of 40 python3 nodes: durable commits a node', commits, {
      atMost: 2,
      unit: 'commits',
      note: `${one} for a run of one node, ${chains[0]?.commits ?? 0} for one of ${CHAIN}`,
    }),
  ];
  for (const width of [400, 5_000]) {
    const rates: number[] = [];
    for (let round = 0; round < 5; round += 1)
      rates.push((width + 1) / ((await runOnce(fanYaml(width), fanYaml(400))).milliseconds / 1000));
    found.push(
      row(`fan-out of ${width} /bin/true nodes and a join`, rates, {
        atLeast: 500,
        unit: 'nodes/s',
      }),
    );
  }
  return found;
}
