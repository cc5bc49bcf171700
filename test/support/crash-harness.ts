// Kills the engine, the runner or both at random moments of a run of 30 nodes, resumes, and checks what must hold after it.
// Real processes, real files; a round is given by its seed, though the machine decides what a moment finds.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode, encodeChunk } from '#core/walk/codec.ts';
import { fold } from '#core/walk/fold.ts';
import { link } from '#core/walk/graph.ts';
import { initialState } from '#core/walk/state.ts';
import { openTable } from '#embedded/table.ts';
import { readSpool } from '#runner/spool.ts';
import { limits } from '#schemas/limits.ts';
import { plan as planSchema } from '#schemas/plan.ts';
import { type Fact, fact, runStart } from '#schemas/run.ts';
import { planObject } from '#service/keys.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const BIN = join(ROOT, 'bin', 'millrace.js');
const NODES = 30;
const MOST_KILLS = 3;
const LONGEST = 90_000;

/** mulberry32: small, and the same everywhere. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Round {
  readonly seed: number;
  readonly kills: readonly string[];
  /** What is wrong; empty when all holds. */
  readonly faults: readonly string[];
  /** Attempts that had their effect. */
  readonly effects: number;
}

function pipeline(random: () => number): string {
  const nodes = Array.from({ length: NODES }, (_, index) => {
    const needs = Array.from({ length: index }, (_unused, other) => `n${other}`).filter(
      () => random() < 1.6 / (index + 1),
    );
    const pause = (random() * 0.12).toFixed(3);
    const command = `echo "$MILLRACE_NODE $MILLRACE_ATTEMPT" >> "$MILLRACE_PIPELINE_DIR/effects"; sleep ${pause}; echo "at=${index}" >> "$MILLRACE_OUTPUTS"`;
    return `  - id: n${index}\n    needs: [${needs.join(', ')}]\n    steps: [{ command: ${JSON.stringify(command)} }]`;
  });
  return `id: crash\nnodes:\n${nodes.join('\n').replaceAll('\n    needs: []', '')}\n`;
}

interface Engine {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output: string;
}

function millrace(folder: string, args: readonly string[]): Engine {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MILLRACE_CACHE_DIR: join(folder, 'cache') },
  });
  const engine: Engine = {
    child,
    output: '',
    ended: new Promise((resolve) => child.once('close', resolve)),
  };
  const keep = (text: Buffer): void => {
    engine.output += text.toString();
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return engine;
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}

function runnerPids(dataDir: string): number[] {
  if (!existsSync(join(dataDir, 'runner'))) return [];
  return readSpool(dataDir).flatMap((spool) =>
    spool.runner === undefined ? [] : [spool.runner.pid],
  );
}

/** One round. The folder is kept when something is wrong, and named in the faults. */
export async function crashRound(seed: number): Promise<Round> {
  const random = chance(seed);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-crash-'));
  writeFileSync(join(folder, 'pipeline.yaml'), pipeline(random));
  const dataDir = join(folder, '.millrace');
  const kills: string[] = [];
  const faults: string[] = [];
  let args = ['run', 'pipeline.yaml', '--json'];
  let code: number | null = null;
  for (let life = 0; life <= MOST_KILLS; life += 1) {
    const engine = millrace(folder, args);
    const target =
      life === MOST_KILLS
        ? 'none'
        : (['engine', 'runner', 'both'][Math.floor(random() * 3)] ?? 'none');
    const moment = 100 + random() * 900;
    const late = pause(LONGEST).then(() => 'late' as const);
    if (target !== 'none') {
      const first = await Promise.race([engine.ended, pause(moment).then(() => 'alive' as const)]);
      if (first === 'alive') {
        kills.push(`${target}@${Math.round(moment)}`);
        if (target !== 'engine') for (const pid of runnerPids(dataDir)) kill(pid);
        if (target !== 'runner') kill(engine.child.pid);
      }
    }
    const outcome = await Promise.race([engine.ended, late]);
    if (outcome === 'late') {
      faults.push(`hangs after ${kills.join(', ')}: ${engine.output.slice(-2_000)}`);
      kill(engine.child.pid);
      break;
    }
    code = outcome;
    if (code === 0) break;
    if (code !== null && life === MOST_KILLS)
      faults.push(`ended with ${code}: ${engine.output.slice(-2_000)}`);
    args =
      existsSync(join(dataDir, 'millrace.db')) && hasRun(dataDir)
        ? ['resume', 'latest', '--json']
        : ['run', 'pipeline.yaml', '--json'];
  }
  if (code === 0) faults.push(...(await check(folder, dataDir)));
  const effects = effectsOf(folder).length;
  if (faults.length > 0) faults.push(`kept in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  return { seed, kills, faults, effects };
}

function hasRun(dataDir: string): boolean {
  try {
    const table = openTable(join(dataDir, 'millrace.db'), { readOnly: true });
    const rows = (table as { close(): void }) !== undefined;
    table.close();
    return rows && existsSync(join(dataDir, 'objects', 'NS'));
  } catch {
    return false;
  }
}

function effectsOf(folder: string): string[] {
  const file = join(folder, 'effects');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

async function check(folder: string, dataDir: string): Promise<string[]> {
  const faults: string[] = [];
  const table = openTable(join(dataDir, 'millrace.db'), { readOnly: true });
  try {
    const runs = (await table.query({ pk: 'NS#default#MONTHS' })).items;
    const found = (
      await Promise.all(runs.map((month) => table.query({ pk: `NS#default#RUNS#${month.sk}` })))
    ).flatMap((page) => page.items);
    const last = found.at(-1);
    if (last === undefined) return ['no run is in the list'];
    const pk = `NS#default#RUN#${last.sk}`;
    const { start, facts } = await readRun(table, pk);
    faults.push(...checkEffects(effectsOf(folder), facts, found.length));
    faults.push(...checkLog(facts));
    const text = readFileSync(join(dataDir, 'objects', planObject('default', start.plan)), 'utf8');
    const graph = link(planSchema.parse(JSON.parse(text)));
    const folded = fold(
      graph,
      initialState(graph, { timeout: start.timeout ?? limits.runTimeout, seeds: [] }),
      facts,
    );
    const head = (await table.get({ pk, sk: 'HEAD' }))?.['head'];
    if (JSON.stringify(encode(folded).head) !== JSON.stringify(head))
      faults.push('folding the log does not give the stored head');
    for (const item of (await table.query({ pk, prefix: 'CHUNK#' })).items) {
      const same =
        JSON.stringify(encodeChunk(folded, item.sk.slice('CHUNK#'.length))) ===
        JSON.stringify(item['data']);
      if (!same) faults.push(`folding the log does not give ${item.sk}`);
    }
    if ((await table.query({ pk, prefix: 'IN#' })).items.length > 0)
      faults.push('the inbox is not empty');
  } finally {
    table.close();
  }
  let left = leftOver(folder);
  for (let look = 0; left.length > 0 && look < 50; look += 1) {
    await pause(100);
    left = leftOver(folder);
  }
  return [...faults, ...left];
}

async function readRun(
  table: ReturnType<typeof openTable>,
  pk: string,
): Promise<{ start: ReturnType<typeof runStart.parse>; facts: Fact[] }> {
  const start = runStart.parse((await table.get({ pk, sk: 'START' }))?.['start']);
  const facts = (await table.query({ pk, prefix: 'LOG#' })).items.flatMap((item) =>
    fact.array().parse(item['facts']),
  );
  return { start, facts };
}

/** At most once for each attempt; exactly once for the one that completed. */
function checkEffects(effects: readonly string[], facts: readonly Fact[], runs: number): string[] {
  if (runs !== 1) return [];
  const faults: string[] = [];
  const counts = new Map<string, number>();
  for (const effect of effects) counts.set(effect, (counts.get(effect) ?? 0) + 1);
  for (const [effect, count] of counts)
    if (count > 1) faults.push(`the effect of ${effect} happened ${count} times`);
  for (const fact of facts) {
    if (fact.fact !== 'ended' || fact.status !== 'completed') continue;
    if (counts.get(`${fact.node} ${fact.attempt}`) !== 1)
      faults.push(`${fact.node} completed with attempt ${fact.attempt}, which had no effect`);
  }
  return faults;
}

function checkLog(facts: readonly Fact[]): string[] {
  const faults: string[] = [];
  const ended = new Map<string, number>();
  for (const fact of facts)
    if (fact.fact === 'ended') ended.set(fact.node, (ended.get(fact.node) ?? 0) + 1);
  for (let index = 0; index < NODES; index += 1) {
    if (ended.get(`n${index}`) !== 1)
      faults.push(`n${index} ended ${ended.get(`n${index}`) ?? 0} times`);
  }
  if (facts.filter((fact) => fact.fact === 'run.ended').length !== 1)
    faults.push('the run did not end exactly once');
  return faults;
}

/** Processes that still know the folder of the round. */
function leftOver(folder: string): string[] {
  const left: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      if (command.includes(folder) || environment.includes(`${folder}/.millrace/`))
        left.push(`process ${pid} is left: ${command.slice(0, 200)}`);
    } catch {
      // It ended meanwhile, or is another user's.
    }
  }
  return left;
}
