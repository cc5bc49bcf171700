// Handlers in the engine's own process, durable: a chain against the cost of its commits, and fan-outs from a list by reference.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { compile } from '#core/compile/compile.ts';
import { openTable } from '#embedded/table.ts';
import { type Engine, openEngine } from '#local/engine.ts';
import { FORMAT } from '#schemas/ids.ts';
import type { Json } from '#schemas/values.ts';
import { type BenchRow, elapsed, median, row } from './row.ts';

const CHAIN = 40;
const ROUNDS = 5;
/** An engine that has been at work for a second or two. */
const CHAINS_BEFORE = 30;
/** Bytes of what a step of the chain writes: head, chunk, facts, attempt. */
const WRITTEN = [420, 160, 330, 330];
const MIB = 2 ** 20;
/** Milliseconds after which a runner has come up. */
const SETTLED = 1_500;

function planOf(length: number): Json {
  const nodes = Array.from({ length }, (_, index) => {
    const from =
      index === 0 ? '' : `, needs: [n${index - 1}], inputs: { v: "{{ n${index - 1}.v }}" }`;
    return `  - { id: n${index}, function: hop${from} }`;
  });
  const compiled = compile({ text: `id: chain\nnodes:\n${nodes.join('\n')}\n` });
  if (!compiled.ok) throw new TypeError(JSON.stringify(compiled.problems[0]));
  return compiled.plan as Json;
}

interface Chain {
  readonly milliseconds: number;
  readonly commits: number;
}

async function runChain(engine: Engine, length: number): Promise<Chain> {
  const plan = planOf(length);
  const before = engine.commits;
  const milliseconds = await elapsed(async () => {
    const { run } = await engine.control.start({ plan, inputs: {}, sources: {} });
    const { status, nodes } = await engine.wait(run);
    const outputs = nodes[`n${length - 1}`]?.outputs;
    if (status !== 'completed' || outputs?.['v'] !== length) throw new TypeError(`ended ${status}`);
  });
  return { milliseconds, commits: engine.commits - before };
}

/** Milliseconds of one commit of what such a step writes, on the same disk, with nothing between one and the next. */
async function commitCost(folder: string, round: number): Promise<number> {
  const table = openTable(join(folder, `commits-${round}.db`));
  const items = WRITTEN.map((size, part) => ({
    v: FORMAT,
    sk: `${part}#`,
    text: 'x'.repeat(size),
  }));
  try {
    const all = await elapsed(async () => {
      for (let at = 0; at < CHAIN; at += 1) {
        await table.transact(
          items.map((item) => ({
            write: 'put',
            item: { ...item, pk: 'run', sk: `${item.sk}${item.sk < '2' ? 0 : at}` },
          })),
        );
      }
    });
    return all / CHAIN;
  } finally {
    table.close();
  }
}

async function chainRows(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const engine = await openEngine({
    dataDir: join(folder, 'data'),
    cacheDir: join(folder, 'cache'),
    serve: false,
    lazy: true,
  });
  engine.register('hop', async ({ input }) => ({ v: Number(input['v'] ?? 0) + 1 }));
  try {
    for (let warm = 0; warm < CHAINS_BEFORE; warm += 1) await runChain(engine, CHAIN);
    const { commits: one } = await runChain(engine, 1);
    const ratios: number[] = [];
    const commits: number[] = [];
    const costs: number[] = [];
    const nodes: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      // Before and after: what else the disk does meanwhile counts for both.
      const before = await commitCost(folder, 2 * round);
      const chain = await runChain(engine, CHAIN);
      const cost = (before + (await commitCost(folder, 2 * round + 1))) / 2;
      costs.push(cost);
      nodes.push(chain.milliseconds / CHAIN);
      ratios.push(chain.milliseconds / CHAIN / cost);
      commits.push((chain.commits - one) / (CHAIN - 1));
    }
    return [
      row('chain of 40 handlers: durable commits a node', commits, {
        atMost: 1.1,
        unit: 'commits',
        note: `${one} for a run of one node`,
      }),
      row('chain of 40 handlers: a node against one such commit', ratios, {
        atMost: 2.5,
        unit: '×',
        note: `${median(nodes).toFixed(2)} ms a node, ${median(costs).toFixed(2)} ms a commit`,
      }),
    ];
  } finally {
    await engine.close({ park: false });
    rmSync(folder, { recursive: true, force: true });
  }
}

const printed = z.object({ milliseconds: z.number(), peak: z.number() });

/** In a process of its own, with the library as users have it. */
function fan(count: number): z.infer<typeof printed> {
  const program = fileURLToPath(new URL('./functions-fan.mjs', import.meta.url));
  const text = execFileSync(process.execPath, [program, `${count}`], { encoding: 'utf8' });
  return printed.parse(JSON.parse(text.trim()));
}

function fanRows(): BenchRow[] {
  const rates: Record<number, number[]> = { 400: [], 5000: [], 50000: [] };
  const ratios: number[] = [];
  const peaks: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const small = fan(400);
    const middle = fan(5_000);
    const large = fan(50_000);
    rates[400]?.push(402 / (small.milliseconds / 1000));
    rates[5_000]?.push(5_002 / (middle.milliseconds / 1000));
    rates[50_000]?.push(50_002 / (large.milliseconds / 1000));
    ratios.push(large.milliseconds / middle.milliseconds);
    peaks.push(large.peak / MIB);
  }
  const shown = (count: number): string =>
    Math.round(median(rates[count] ?? [])).toLocaleString('en');
  return [
    row('fan-out of 50,000 handlers and a join', rates[50_000] ?? [], {
      atLeast: 10_000,
      unit: 'nodes/s',
      note: `of 400: ${shown(400)}, of 5,000: ${shown(5_000)}`,
    }),
    row('fan-out of 50,000 handlers against one of 5,000', ratios, { atMost: 12, unit: '×' }),
    row('memory of the program in the fan-out of 50,000', peaks, { atMost: 300, unit: 'MiB' }),
  ];
}

/** A runner that has come up and waits for its first work. */
async function restingRunner(): Promise<BenchRow> {
  const sizes: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    const engine = await openEngine({
      dataDir: join(folder, 'data'),
      cacheDir: join(folder, 'cache'),
      serve: false,
      runner: fileURLToPath(new URL('../bin/runner.js', import.meta.url)),
    });
    try {
      await sleep(SETTLED);
      sizes.push(...childrenOf(process.pid).map((pid) => residentOf(pid) / MIB));
    } finally {
      await engine.close({ park: false });
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return row('memory of a runner at rest', sizes, { atMost: 80, unit: 'MiB' });
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

function residentOf(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) * 1024;
}

export async function rows(): Promise<readonly BenchRow[]> {
  return [...(await chainRows()), ...fanRows(), await restingRunner()];
}
